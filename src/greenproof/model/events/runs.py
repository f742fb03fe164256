"""A run: its begin and end, its steps, its turns, and what a person asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from greenproof.model.inheritance import Inherited
from greenproof.model.verdicts import Reason


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began, or a killed one was taken up again."""

    run: str
    command: str
    """`prove`, `run`, `floor` ..."""
    environment: str
    environment_kind: str = "local"
    suite: str | None = None
    arguments: tuple[str, ...] = ()
    version: str = ""
    """Of Greenproof."""
    resumed: bool = False
    expected: tuple[tuple[str, str], ...] = ()
    """(target, revision) that `--expect` named."""
    faults: bool | None = None
    """Whether fault runs were asked for."""
    side: str = ""
    """Name of the side release that the cases are run against; empty: the current release."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A named stage of a turn began."""

    cycle: int
    step: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A named stage of a turn ended."""

    cycle: int
    step: str
    status: str
    """`done`, `failed`, `skipped` or `interrupted`."""
    attempt: int = 1
    duration_s: float = 0.0
    detail: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunJudged:
    """A run of a suite was judged as a whole."""

    cycle: int
    suite: str
    verdict: str
    """`verified`, `failed`, `nothing-verified` or `inconclusive`."""
    exit_code: int
    counts: Mapping[str, int]
    """Cases by verdict."""
    findings: tuple[Reason, ...] = ()
    release: str | None = None
    evidence: tuple[str, ...] = ()
    revisions: tuple[tuple[str, str], ...] = ()
    """(target, revision) that answers had to come from."""
    inherited: tuple[Inherited, ...] = ()
    """What rests on earlier runs."""


@dataclass(frozen=True, slots=True)
class WorklogWritten:
    """The report of a run was written."""

    path: str
    """Relative to the folder of the configuration."""
    head: str
    """Of the ledger, as the worklog prints it."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended. A run without this event was cut off."""

    verdict: str
    exit_code: int
    cycles: int = 1
    duration_s: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunSuspended:
    """The process that held a run left before its end; another can take it up."""

    cycle: int
    why: str


@dataclass(frozen=True, slots=True)
class ConclusionsRechecked:
    """What the last run of the same kind had concluded was set beside what was observed now."""

    cycle: int
    suite: str
    before: str
    """The run that concluded it."""
    counts: Mapping[str, int]
    """Conclusions by what became of them: `confirmed`, `carried`, `overturned`, `unchecked`, `dropped`."""
    overturned: tuple[str, ...] = ()
    """Cases and promises."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadOnlyCompared:
    """A read-only run looked at the system before and after."""

    environment: str
    compared: Mapping[str, int]
    """Things that were compared, by part: `working tree`, `release`, `traffic`, `data`."""
    changed: tuple[str, ...] = ()
    not_seen: tuple[str, ...] = ()
    """Of what nothing is claimed, and why."""


@dataclass(frozen=True, slots=True)
class CycleDecided:
    """A turn of the loop is over: whether there is another one, and why."""

    cycle: int
    go_on: bool
    reason: str
    """`verified`, `no-progress`, `hours`, `cycles`, `frozen`, `one turn`, or why it goes on."""
    same: int = 0
    """So many turns in a row, this one included, had the same failures on the same release."""
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LoopPaused:
    """The loop does nothing until a person lets it go on."""

    cycle: int
    step: str
    """The step that comes next."""
    by: str


@dataclass(frozen=True, slots=True)
class LoopResumed:
    """A person let the loop go on."""

    cycle: int
    step: str
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LoopFrozen:
    """Nothing is done on this environment until a person has looked."""

    cycle: int
    environment: str
    code: str
    why: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class StepStuck:
    """A step gave no sign of life for longer than it may."""

    cycle: int
    step: str
    silent_s: float
    evidence: tuple[str, ...] = ()
    """Where every thread of the process stood."""


type RunEvent = (
    RunStarted
    | StepStarted
    | StepFinished
    | RunJudged
    | WorklogWritten
    | RunFinished
    | RunSuspended
    | ConclusionsRechecked
    | ReadOnlyCompared
    | CycleDecided
    | LoopPaused
    | LoopResumed
    | LoopFrozen
    | StepStuck
)
