"""Condition 1, accounted: planned = collected = reported, judged outside the test process."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from greenproof.analysis.authenticity import reasons
from greenproof.model.facts import Outcome, RunObservation, TestProcess
from greenproof.model.verdicts import CaseVerdict, Reason, Verdict

_SELECTING = ("-k", "-m", "--deselect", "--lf", "--last-failed", "--sw", "--stepwise")


def absent_cases(
    run: RunObservation, planned: Sequence[str], command: Sequence[str], inherited: Collection[str] = ()
) -> tuple[CaseVerdict, ...]:
    """A `not-run` verdict for each case that was planned or collected, but never reported.

    `inherited` are those of the planned ids that only an earlier run knew.
    """
    reported = {case.id for case in run.cases}
    deselected = set(run.deselected)
    dropped = [i for i in dict.fromkeys(run.deselected) if i not in reported]
    verdicts = [_not_run(i, reasons.DESELECTED, _who_deselected(command)) for i in dropped]
    lost = [i for i in dict.fromkeys(run.collected) if i not in reported and i not in deselected]
    verdicts += [_not_run(i, _why_not_reached(run)) for i in lost]
    known = {i.split("[", 1)[0] for i in (*reported, *run.collected, *run.deselected)}
    missing = (case for case in dict.fromkeys(planned) if case.split("[", 1)[0] not in known)
    return (*verdicts, *(_never_collected(case, run, case in inherited) for case in missing))


def _never_collected(case: str, run: RunObservation, inherited: bool) -> CaseVerdict:
    """Why a planned test was not collected: an import error, a file skipped as a whole, gone, or nobody knows."""
    file = case.split("::", 1)[0]
    if any(where.split("::", 1)[0] == file for where, _ in run.collection_errors):
        return _not_run(case, reasons.IMPORT_ERROR)
    for where, reason in run.skipped_files:
        if where.split("::", 1)[0] == file:
            return _not_run(case, reasons.SKIPPED, f"{reasons.SKIPPED.meaning} Reason given: {reason[:200]}")
    return _not_run(case, reasons.LOST if inherited else reasons.NEVER_COLLECTED)


def silenced_cases(silenced: Mapping[str, str]) -> tuple[CaseVerdict, ...]:
    """A `not-run` verdict for each test that the rules of collection leave out without a word."""
    return tuple(_not_run(i, reasons.SILENCED, f"{reasons.SILENCED.meaning} {why}.") for i, why in silenced.items())


def selects(command: Sequence[str]) -> bool:
    """Whether the person who wrote the command chose among the collected cases."""
    return any(token == flag or token.startswith(f"{flag}=") for token in command for flag in _SELECTING)


def run_findings(run: RunObservation) -> tuple[Reason, ...]:
    """What is wrong with the run as a whole."""
    return tuple(_findings(run))


def _findings(run: RunObservation) -> Iterable[Reason]:
    if run.relay_lost:
        yield reasons.RELAY_FAULT.reason("The relay was lost while the suite ran.")
    for text in run.hook_errors[:5]:
        yield reasons.RELAY_FAULT.reason(f"{reasons.RELAY_FAULT.meaning} {text}")
    if not run.processes:
        yield reasons.NO_WITNESS.reason()
    elif not run.collected and not run.deselected:
        yield reasons.NOTHING_COLLECTED.reason()
    if run.timed_out:
        yield reasons.RUN_TIMED_OUT.reason()
    for lost in run.lost_targets:
        yield reasons.TARGET_DIED.reason(f"Target {lost.target} stopped answering: {lost.detail}")
    if any(p.optimised for p in run.processes):
        yield reasons.ASSERTS_OFF.reason()
    yield from _ends(run)


def _ends(run: RunObservation) -> Iterable[Reason]:
    silent = [p for p in run.processes if p.exit_status is None]
    if silent and not run.timed_out and not run.lost_targets:
        yield reasons.ENDED_EARLY.reason(f"{reasons.ENDED_EARLY.meaning} {_named(silent)}")
    if run.collection_errors:
        named = ", ".join(where for where, _ in run.collection_errors[:5])
        yield reasons.NOT_COLLECTED.reason(f"{len(run.collection_errors)} files could not be collected: {named}.")
    red = any(c.outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.UNFINISHED, Outcome.XPASSED) for c in run.cases)
    red = red or bool(run.collection_errors)
    if red and run.exit_code == 0:
        text = f"{reasons.EXIT_DISAGREES.meaning} Reports hold failures; the command exited with 0."
        yield reasons.EXIT_DISAGREES.reason(text)
    if not red and run.cases and run.exit_code and not run.timed_out and not run.lost_targets:
        yield reasons.EXIT_UNEXPLAINED.reason(f"The command exited with {run.exit_code}, but no report is red.")


def _named(processes: Sequence[TestProcess]) -> str:
    return ", ".join(f"{p.worker or p.role} (pid {p.pid})" for p in processes[:5]) + "."


def _who_deselected(command: Sequence[str]) -> str:
    who = "the command line selects" if selects(command) else "not by the command line: a hook or a plugin did it"
    return f"{reasons.DESELECTED.meaning} By whom: {who}."


def _why_not_reached(run: RunObservation) -> reasons.ReasonKind:
    if run.relay_lost:
        return reasons.RELAY_LOST
    return reasons.TARGET_LOST if run.lost_targets else reasons.NOT_REACHED


def _not_run(case: str, kind: reasons.ReasonKind, text: str | None = None) -> CaseVerdict:
    return CaseVerdict(case, None, Verdict.NOT_RUN, (kind.reason(text),))
