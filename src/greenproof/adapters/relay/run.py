"""One run of the test command, as the witness holds it."""

from collections import Counter
from collections.abc import Callable, Sequence

from greenproof.adapters.relay.joining import Joining
from greenproof.adapters.relay.looking import Seen
from greenproof.adapters.relay.observation import Observation
from greenproof.adapters.relay.recording import Recording
from greenproof.adapters.relay.watching import Watching
from greenproof.model.facts import CaseRecord, LostTarget, RunObservation
from greenproof.model.faults import FaultPlan
from greenproof.model.performance import Watch


class Run:
    """Everything that is forgotten when the next run begins."""

    def __init__(
        self,
        plan: FaultPlan | None,
        select: Sequence[str] | None,
        on_case: Callable[[CaseRecord], None],
        watch: Watch | None = None,
    ) -> None:
        self.plan = plan
        self.select = select
        self.joining = Joining()
        self.answers = Counter[str]()
        """By case: answers that a tailored fault was meant for."""
        self.recording = Recording()
        # Under a fault nothing takes as long as it would.
        self.watching = Watching(watch) if watch is not None and plan is None else None
        self.observation = Observation(on_case)
        self.seen = Seen()
        self.waited: set[str] = set()
        """Cases that were let wait, or reset, already."""
        self.past: set[str] = set()
        """Cases that are past the lines at which they turned red before."""

    @property
    def kind(self) -> str:
        """`plain`, `error`, `value` or `sensitivity`."""
        return "plain" if self.plan is None else self.plan.kind.value

    def is_due(self, case: str | None, heard: int | None = None) -> bool:
        """Whether a case has come so far that its fault begins. `heard`: messages of this conversation so far."""
        plan = None if self.plan is None else self.plan.cases.get(case or "")
        if plan is None or plan.instead is None:
            return True
        return (not plan.instead.past or case in self.past) and (heard != 1 or not plan.instead.greeted)

    def result(self, lost: Sequence[LostTarget]) -> RunObservation:
        """The facts; the orchestrator adds what only it knows: exit code, time-out, duration."""
        seen, recording = self.observation, self.recording
        if self.seen.lost:
            seen.problem(f"answers: {self.seen.lost} more than the relay looks at")
        if recording.lost:
            seen.problem(f"exchanges: {recording.lost} more than the relay keeps")
        return RunObservation(
            fault=None if self.plan is None else self.plan.kind,
            exit_code=None,
            timed_out=False,
            processes=tuple(seen.processes),
            collected=tuple(seen.collected),
            deselected=tuple(seen.deselected),
            collection_errors=tuple(seen.collection_errors),
            skipped_files=tuple(seen.skipped_files),
            cases=seen.cases(),
            exchanges=tuple(recording.exchanges()),
            fixtures=tuple(seen.fixtures),
            lost_targets=tuple(lost),
            hook_errors=tuple(seen.problems),
            answers=tuple(self.seen.answers.values()),
        )
