"""Events: what happened in a run, in the past tense. The ledger keeps them; screens and reports only read them.

Which run an event belongs to, its place in the order and its time are the ledger's to say. Times within events are
UTC in ISO 8601; `cycle` counts the turns of the loop from 1; `evidence` holds ids of what lies beside the ledger.
Fields that are added later have a default, so that ledgers of older versions stay readable.
"""

from greenproof.model.events.cases import (
    CaseFinished,
    CasesPlanned,
    CasesSelected,
    ConfigurationKept,
    FaultRunFinished,
    MeasureKept,
    PerformanceMeasured,
    SensitivityMeasured,
    TargetLost,
    VerdictReached,
)
from greenproof.model.events.records import EVENTS, Event, UnknownEvent, from_record, to_record
from greenproof.model.events.releases import (
    DeployFailed,
    EffectRecovered,
    ReadingTaken,
    ReleaseDeployed,
    ReleaseKnownGood,
    RolledBack,
    SideEnded,
    SideStarted,
    SideTested,
)
from greenproof.model.events.runs import (
    ConclusionsRechecked,
    CycleDecided,
    LoopFrozen,
    LoopPaused,
    LoopResumed,
    ReadOnlyCompared,
    RunFinished,
    RunJudged,
    RunStarted,
    RunSuspended,
    StepFinished,
    StepStarted,
    StepStuck,
    WorklogWritten,
)

__all__ = [
    "EVENTS",
    "CaseFinished",
    "CasesPlanned",
    "CasesSelected",
    "ConclusionsRechecked",
    "ConfigurationKept",
    "CycleDecided",
    "DeployFailed",
    "EffectRecovered",
    "Event",
    "FaultRunFinished",
    "LoopFrozen",
    "LoopPaused",
    "LoopResumed",
    "MeasureKept",
    "PerformanceMeasured",
    "ReadOnlyCompared",
    "ReadingTaken",
    "ReleaseDeployed",
    "ReleaseKnownGood",
    "RolledBack",
    "RunFinished",
    "RunJudged",
    "RunStarted",
    "RunSuspended",
    "SensitivityMeasured",
    "SideEnded",
    "SideStarted",
    "SideTested",
    "StepFinished",
    "StepStarted",
    "StepStuck",
    "TargetLost",
    "UnknownEvent",
    "VerdictReached",
    "WorklogWritten",
    "from_record",
    "to_record",
]
