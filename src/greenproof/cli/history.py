"""`greenproof history`: what the runs showed of a case, or of a service."""

from pathlib import Path

import click

from greenproof.cli.completing import names_in
from greenproof.cli.context import config_option, write_json
from greenproof.cli.output import show
from greenproof.cli.recorded import recorded
from greenproof.ledger import Ledger
from greenproof.model.errors import UsageError

_SUBJECTS = 50
"""Matches that are listed unless a limit says otherwise."""


@click.command()
@click.argument("case", required=False)
@click.option(
    "--service",
    metavar="NAME",
    shell_complete=names_in("services", "dependencies", "targets"),
    help="The readings of a service, dependency or target, in the place of a case.",
)
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="At most so many entries, the newest; of several matches at most so many (but 50 without this option).",
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Name every piece of evidence.")
@click.pass_context
def history(
    context: click.Context,
    case: str | None,
    service: str | None,
    limit: int,
    config: Path | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """What each run showed of CASE, the newest first: verdict, reasons, duration, release, and the event in the ledger.

    CASE is an id or a glob; without parameters it names every parametrised case. Of several matches the newest entry
    of each is shown.
    """
    # Imported late: --help needs none of it.
    from greenproof.ledger import past
    from greenproof.ledger.subjects import CASE, SERVICE
    from greenproof.reporting.history import CaseHistory, ComponentHistory, history_document, history_lines

    asked, what = _asked(case, service, CASE, SERVICE)
    default = context.get_parameter_source("limit") is click.core.ParameterSource.DEFAULT
    with recorded(config) as ledger:
        names = _matching(ledger, what, asked)
        shown = names[: _SUBJECTS if default else limit]
        # One more than wanted shows whether there are more.
        wanted = limit + 1 if len(names) == 1 or as_json else 1
        found: list[CaseHistory] | list[ComponentHistory]
        if what == CASE:
            pasts = ((name, past.case_past(ledger, name, wanted)) for name in shown)
            found = [CaseHistory(name, entries[:limit], len(entries) > limit) for name, entries in pasts]
        else:
            readings = ((name, past.component_past(ledger, name, wanted)) for name in shown)
            found = [ComponentHistory(name, entries[:limit], len(entries) > limit) for name, entries in readings]
        mentioned = {entry.run for subject in found for entry in subject.entries}
        runs = {run.run: run for run in past.summaries(ledger) if run.run in mentioned}
    if as_json:
        write_json("-", history_document(what, asked, found, runs, len(names)))
    else:
        show(history_lines(found, runs, len(names), verbose=verbose))


def _asked(case: str | None, service: str | None, of_case: str, of_service: str) -> tuple[str, str]:
    """The name that is asked for, and whether it is that of a case or of a service."""
    if (case is None) == (service is None):
        raise UsageError(
            "name a case or a service" if case is None else "a case and --service exclude each other",
            code="history-subject",
            where="greenproof history",
            expected="CASE, or --service NAME",
            hint="greenproof history 'tests/test_orders.py::*'",
        )
    return (case, of_case) if case is not None else (service or "", of_service)


def _matching(ledger: Ledger, what: str, asked: str) -> list[str]:
    """The one with exactly this name; else all that the glob names, sorted."""
    from greenproof.analysis.authenticity.claims import matches_any
    from greenproof.analysis.comparison import nearest
    from greenproof.ledger.subjects import KINDS

    if next(ledger.about(what, asked, KINDS), None) is not None:
        return [asked]
    every = list(ledger.names(what))
    found = [name for name in every if matches_any(name, (asked,))]
    if found:
        return found
    near = nearest(asked, every)
    raise UsageError(
        f"the ledger knows no {what} {asked[:200]!r}",
        code=f"unseen-{what}",
        where="CASE" if what == "case" else "--service",
        expected=f"the name of a {what} that some run saw, or a glob that fits one ({len(every)} are known)",
        hint=f"did you mean {' or '.join(near)}?" if near else None,
    )
