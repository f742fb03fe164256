"""The read-only mode: observe and judge, and show that nothing was changed by looking before and after.

The environment is not brought up, nothing is deployed, rolled back or marked. A suite is run only if its
configuration says that it writes nothing; else the conclusions of earlier runs are shown, with what became of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from greenproof.adapters.repository.tree import tree
from greenproof.analysis.authenticity.reasons import NOT_READ_ONLY
from greenproof.analysis.unchanged import changes
from greenproof.loop.cycle import Cycle, doubt, execute_suite, judge_cases, select_cases, take_step, write_report
from greenproof.loop.journal import Journal
from greenproof.loop.kept import Kept
from greenproof.loop.proof_request import Listener, new_run_id
from greenproof.loop.unattended import Order, journal_of
from greenproof.model.conclusions import KnownBefore
from greenproof.model.errors import UsageError
from greenproof.model.events import ReadOnlyCompared
from greenproof.model.exits import ExitCode
from greenproof.model.report import CycleReport
from greenproof.model.unchanged import DATA, RELEASE, TRAFFIC, TREE, Comparison, Look


@dataclass(frozen=True, slots=True)
class Observed:
    """How it went."""

    cycle: Cycle
    compared: Comparison
    known: KnownBefore | None
    """What was known before, where no case was run."""
    head: str
    """Of the ledger, after the last event of the run."""

    @property
    def exit_code(self) -> ExitCode:
        """That of the verdict; inconclusive at best if something changed meanwhile."""
        code = ExitCode(self.cycle.state.exit_code)
        return ExitCode.INCONCLUSIVE if self.compared.changes and code is ExitCode.VERIFIED else code


def begin(order: Order) -> Journal:
    """A run that can't be taken up: there is nothing that it could leave half done."""
    return journal_of(order, new_run_id(), resumed=False)


def observe(order: Order, journal: Journal, listener: Listener, render: Callable[[CycleReport], str]) -> Observed:
    """One read-only turn."""
    options = replace(order.options, deploy=False, rollback=False, read_only=True)
    kept = Kept(order.plan.state / "cache" / "read-only" / journal.run)
    cycle = Cycle(
        order.plan, order.environment, order.suite, order.platform, journal, listener, render, kept, options
    )  # fmt: skip
    try:
        before = look(cycle)
        steps = {**_STEPS, "judge": _unless_it_writes(lambda now: judge_cases(_doubted(now, before)))}
        for name in steps:
            cycle = take_step(cycle, name, steps)
        known = None if cycle.proof else journal.known_now(cycle.state.release)
        after = look(cycle)
        compared = Comparison(before, after, changes(before, after))
        _record(cycle, compared)
        cycle = take_step(cycle, "report", {"report": write_report})
    finally:
        kept.forget()
    observed = Observed(cycle, compared, known, "")
    return replace(observed, head=journal.finish(observed.exit_code, detail="read-only"))


def look(cycle: Cycle) -> Look:
    """The working tree, the release, where traffic goes, and what the stores hold."""
    status = cycle.platform.status()
    book = status.releases
    release = {
        "live": status.current.name if status.current else "nothing",
        "known good": ", ".join(good.release for good in book.good) or "nothing",
        "switches": str(book.switches),
    }
    release |= {r.service: r.digest for r in (status.current.revisions if status.current else ())}
    traffic = {s.service: f"{s.revision} at {s.url}, process {s.pid} on port {s.port}" for s in status.services}
    data, not_seen = cycle.platform.data()
    parts = {TREE: tree(cycle.plan.root), RELEASE: release, TRAFFIC: traffic, DATA: data}
    return Look(datetime.now(UTC).isoformat(timespec="milliseconds"), parts, not_seen)


def _doubted(cycle: Cycle, before: Look) -> Cycle:
    """Whose verdict will say so, if something is not as it was."""
    changed = changes(before, look(cycle))
    if changed:
        first, more = changed[0], len(changed) - 1
        text = f"{first.part}: {first.name}" + (f", and {more} more" if more else "")
        doubt(cycle, NOT_READ_ONLY.reason(f"It was read-only, and these were changed meanwhile: {text}."))
    return cycle


def _record(cycle: Cycle, compared: Comparison) -> None:
    told = tuple(f"{change.part}: {change.name}" for change in compared.changes)
    not_seen = tuple(dict.fromkeys((*compared.before.not_seen, *compared.after.not_seen)))
    cycle.journal.happened(ReadOnlyCompared(cycle.environment.name, compared.counts, told, not_seen))


def _ready(cycle: Cycle) -> Cycle:
    """ready: how is it, as it stands?"""
    readings = cycle.platform.ready()
    for reading in readings:
        cycle.journal.reading(reading)
    release = cycle.platform.status().current
    if release is None:
        raise UsageError(
            "nothing is deployed, and a read-only loop deploys nothing",
            code="not-deployed",
            where=f"environments.{cycle.environment.name}",
            expected="a release that is there already",
            hint="run `greenproof deploy`, or `greenproof loop` without --read-only",
        )
    cycle.journal.found([revision.name for revision in release.revisions], release.name)
    said = ", ".join(f"{r.service} {r.state}" for r in readings)
    return cycle.found(readings=readings, release=release, live=release.name, detail=f"{release.name}: {said}")


def _unless_it_writes(step: Callable[[Cycle], Cycle]) -> Callable[[Cycle], Cycle]:
    """The step, if the suite says that it writes nothing."""

    def taken(cycle: Cycle) -> Cycle:
        if cycle.suite.writes:
            return cycle.found(detail=f"not done: suites.{cycle.suite.name}.writes is not false")
        return step(cycle)

    return taken


_STEPS: Mapping[str, Callable[[Cycle], Cycle]] = {
    "ready": _ready,
    "select": _unless_it_writes(select_cases),
    "execute": _unless_it_writes(execute_suite),
}
