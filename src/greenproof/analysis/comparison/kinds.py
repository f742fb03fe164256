"""Are two runs of the same kind, and if not, what can't be compared?"""

from collections.abc import Iterator, Sequence

from greenproof.model.comparison import Difference
from greenproof.model.history import RunSummary

_UNKNOWN = "not recorded"


def same_kind(one: RunSummary, other: RunSummary) -> bool:
    """The same tests, run in the same way on the same environment: what one shows can be expected of the other."""
    return _key(one) == _key(other)


def _key(run: RunSummary) -> tuple[object, ...]:
    return run.command, run.suite, run.arguments, run.environment, run.faults, run.side


def differences(before: RunSummary, after: RunSummary) -> Iterator[Difference]:
    """Everything in which two runs are not of the same kind, with what follows from it."""
    yield from _unjudged(before, after)
    if before.suite != after.suite:
        consequence = "other suites hold other cases: what is lost and what is new says nothing."
        yield Difference("suite", before.suite or "none", after.suite or "none", consequence)
    if before.arguments != after.arguments:
        consequence = "the commands may select other cases: what is lost and what is new may come from that alone."
        yield Difference("command", _command(before.arguments), _command(after.arguments), consequence)
    if before.faults != after.faults:
        consequence = "without fault runs no case can be proven: only outcomes can be compared."
        yield Difference("faults", _yes(before.faults), _yes(after.faults), consequence)
    if before.environment != after.environment:
        consequence = "durations and latencies of two environments can't be compared; verdicts can."
        yield Difference("environment", before.environment, after.environment, consequence, gates=False)
    if before.side != after.side:
        consequence = "a side release is not what is live: what one shows can't be expected of the other."
        yield Difference("side", before.side or "none", after.side or "none", consequence)
    yield from _releases(before, after)


def _unjudged(before: RunSummary, after: RunSummary) -> Iterator[Difference]:
    for run in (before, after):
        if not run.judged:
            consequence = f"run {run.run} was never judged: its cases have outcomes at most, and no verdicts."
            yield Difference("unjudged", _judged(before), _judged(after), consequence)
            return


def _releases(before: RunSummary, after: RunSummary) -> Iterator[Difference]:
    old, new = _release(before), _release(after)
    if old is None and new is None:
        consequence = "no release is named: whether the system or the tests changed can't be told."
        yield Difference("revision-unknown", "unnamed", "unnamed", consequence, gates=False)
    elif old != new:
        consequence = "what changed may come from the release; flakiness can't be told from it."
        yield Difference("release", old or "unnamed", new or "unnamed", consequence, gates=False)


def _release(run: RunSummary) -> str | None:
    """The name of the release; else the revisions that answers had to come from."""
    return run.release or ", ".join(f"{name}={revision}" for name, revision in run.revisions) or None


def _judged(run: RunSummary) -> str:
    return run.verdict or "not judged"


def _command(arguments: Sequence[str]) -> str:
    return " ".join(arguments) or _UNKNOWN


def _yes(value: bool | None) -> str:
    return _UNKNOWN if value is None else "yes" if value else "no"
