"""`greenproof compare`: two runs beside each other, over a fixed denominator."""

from pathlib import Path

import click

from greenproof.cli.completing import runs as recorded_runs
from greenproof.cli.context import config_option, write_json
from greenproof.cli.output import show
from greenproof.cli.recorded import recorded
from greenproof.model.errors import UsageError
from greenproof.model.exits import ExitCode
from greenproof.model.history import RunRecord


# An unknown option may be `-1`: the judged run before the last.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("before", metavar="RUN", shell_complete=recorded_runs)
@click.argument("after", metavar="RUN", shell_complete=recorded_runs)
@click.option("--gate", "gated", is_flag=True, help="Exit with 1 if something got worse, 6 if that can't be told.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Show long lists as a whole.")
def compare(before: str, after: str, gated: bool, config: Path | None, as_json: bool, verbose: bool) -> ExitCode:
    """What changed from one RUN to the other. A RUN is an id, the unique beginning of one, `last`, `previous` (or `-1`;
    `-2` ...), or `last-good`.

    Every number has the same denominator: the cases that at least one of the two runs had planned. Where the runs are
    not of the same kind, that is said, and what can't be compared. Durations are told only if they changed by more than
    other runs of the same kind vary.

    Exits with 0 when it could compare. With --gate: 1 if a case got worse (no longer proven, newly failed or hollow, or
    lost) or a promise about
    time is missed now beyond its usual spread, else 6 if the runs are not of the same kind, else 0.
    """
    # Imported late: --help needs none of it.
    from greenproof.analysis import comparison
    from greenproof.ledger import past
    from greenproof.reporting.comparison import comparison_document, comparison_lines

    with recorded(config) as ledger:
        every = past.summaries(ledger)
        first, second = (comparison.named_run(reference, every) for reference in (before, after))
        old, new = past.run_record(ledger, first), past.run_record(ledger, second)
        _check(old, new)
        others = past.others_of_kind(every, second, (first.run, second.run))
        measured = comparison.Others(
            past.durations(ledger, others), past.latencies(ledger, others), past.promises(ledger, others)
        )
    found = comparison.compare(old, new, measured)
    if as_json:
        write_json("-", comparison_document(found))
    else:
        show(comparison_lines(found, verbose=verbose))
    return comparison.gate(found) if gated else ExitCode.VERIFIED


def _check(*records: RunRecord) -> None:
    """Two runs without a case have nothing that could be compared: an empty input is no agreement."""
    if any(record.planned for record in records):
        return
    names = " and ".join(dict.fromkeys(record.summary.run for record in records))
    raise UsageError(
        f"there is nothing to compare: {names} had no case",
        code="run-without-cases",
        where="RUN",
        expected="runs of prove or loop that came as far as their tests",
        hint="`greenproof ledger runs` lists every run with its command",
    )
