"""What limits a measurement of the floor: said, so that no number looks better than it is."""

from collections.abc import Iterator, Sequence

from greenproof.model.floor import Backend, BackendRun, FloorCase

_NAMED = 5


def notes(runs: Sequence[BackendRun], cases: Sequence[FloorCase], limit_s: float) -> tuple[str, ...]:
    """Whole sentences, the general ones last."""
    return tuple(note for run in runs for note in _of(run)) + tuple(_of_all(runs, cases, limit_s))


def _of(run: BackendRun) -> Iterator[str]:
    seen, name = run.observation, run.backend.value
    missing = len(set(seen.collected) - {case.id for case in seen.cases})
    if not seen.processes:
        yield f"{name}: no pytest process introduced itself (exit status {seen.exit_code}), so nothing was seen."
        return
    if seen.relay_lost or seen.hook_errors:
        yield f"{name}: the relay had a fault, so facts may be missing: {(*seen.hook_errors, 'it was lost')[0]}."
    if not seen.collected and not seen.deselected:
        yield f"{name}: pytest collected nothing (exit status {seen.exit_code})."
    if run.stalled:
        yield f"{name}: the suite was ended, since it stood still before or between its cases."
    elif seen.timed_out:
        yield f"{name}: the time of the run was over after {seen.duration_s:.0f} s; {_counted(missing)} not decided."
    elif missing:
        yield f"{name}: the suite ended itself before {missing} of its {_counted(len(seen.collected))}."
    if seen.collection_errors:
        files = list(dict.fromkeys(where for where, _ in seen.collection_errors))
        yield f"{name}: {_counted(len(files), 'file')} could not be collected: {_named(files)}."
    if run.starts > 1:
        yield f"{name}: the suite was started {run.starts} times, since it was ended or died before its last case."
    if any(process.optimised for process in seen.processes):
        yield f"{name}: Python ran with -O, so asserts that pytest did not rewrite do nothing."


def _of_all(runs: Sequence[BackendRun], cases: Sequence[FloorCase], limit_s: float) -> Iterator[str]:
    cut = [case for case in cases if case.cut_off]
    if cut:
        yield f"Cut off after {limit_s:g} s, and there counted as failed: {_counted(len(cut))}."
    unmeasured = [backend.value for backend in Backend if backend not in {run.backend for run in runs}]
    if unmeasured:
        yield f"Not measured, since the time was over: {', '.join(unmeasured)}."


def _counted(number: int, noun: str = "case") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
