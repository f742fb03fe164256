"""A suite was ended before its end: which cases are done, and which are still to be run?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from greenproof.model.facts import CaseRecord, Outcome, RunObservation


@dataclass(frozen=True, slots=True)
class Cut:
    """What one start of the suite left."""

    done: tuple[CaseRecord, ...]
    hung: frozenset[str]
    """Those of the done cases that ran longer than they may."""
    left: tuple[str, ...]
    """Collected, but not done, in their order."""
    again: bool
    """Whether the suite is to be started again with those."""


def remaining(run: RunObservation, *, stopped_at_ns: int | None, limit_s: float, timed_out: bool) -> Cut:
    """Sort the cases. `stopped_at_ns`: when we ended the suite since nothing finished any more; None: we did not.

    Of the cases that ran at that moment, only those that had used up their time are to blame; the neighbours in
    other workers run again. If the suite ended itself, it died of the case that ran. If its time as a whole was
    over, what ran is neither.
    """
    stopped = stopped_at_ns is not None
    unfinished = [case for case in run.cases if case.outcome is Outcome.UNFINISHED]
    if stopped_at_ns is not None:
        blamed = {case.id for case in unfinished if _ran(case, stopped_at_ns) >= limit_s * 1e9}
    else:
        blamed = set() if timed_out else {case.id for case in unfinished}
    done = tuple(c for c in run.cases if c.outcome is not Outcome.UNFINISHED or c.id in blamed)
    finished = {case.id for case in done}
    left = tuple(i for i in run.collected if i not in finished)
    # Without one more case that is done, a new start would only show the same once more.
    again = bool(left and done) and not timed_out and not run.relay_lost and (stopped or _died(run))
    return Cut(done, frozenset(blamed) if stopped else frozenset(), left, again)


def _ran(case: CaseRecord, until_ns: int) -> int:
    return 0 if case.setup_start_ns is None else until_ns - case.setup_start_ns


def _died(run: RunObservation) -> bool:
    """Whether pytest itself left without a word; a session that ends early, but says so, was meant to."""
    main = [process for process in run.processes if process.role == "main"]
    return bool(main) and all(process.exit_status is None for process in main)


def joined(starts: Sequence[RunObservation], cuts: Sequence[Cut]) -> RunObservation:
    """The facts of all starts on one backend; of each case the one time that it ran to its end."""
    first, last = starts[0], starts[-1]
    cases = {case.id: case for cut in cuts for case in cut.done}
    planned = dict.fromkeys(i for run in starts for i in run.collected)
    return replace(
        first,
        exit_code=last.exit_code,
        timed_out=last.timed_out,
        processes=tuple(p for run in starts for p in run.processes),
        collected=tuple(planned),
        deselected=tuple(i for i in first.deselected if i not in cases),
        collection_errors=tuple(dict.fromkeys(e for run in starts for e in run.collection_errors)),
        skipped_files=tuple(dict.fromkeys(s for run in starts for s in run.skipped_files)),
        cases=tuple(cases.values()),
        exchanges=tuple(x for run in starts for x in run.exchanges),
        fixtures=tuple(s for run in starts for s in run.fixtures),
        lost_targets=(),
        hook_errors=tuple(e for run in starts for e in run.hook_errors),
        relay_lost=any(run.relay_lost for run in starts),
        duration_s=sum(run.duration_s for run in starts),
    )
