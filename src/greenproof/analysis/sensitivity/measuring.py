"""From the extra runs to what each case noticed, and to the fields whose change nobody noticed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.falsifiable import FaultRun
from greenproof.analysis.sensitivity.registry import BY_NAME
from greenproof.model.facts import Outcome, RunObservation
from greenproof.model.sensitivity import CaseSensitivity, Disturbance, FieldNoticed, FieldUnnoticed, Trial


def trials_of(number: int, faults: Mapping[str, Disturbance], run: RunObservation, claims: Claims) -> tuple[Trial, ...]:
    """What came of the faults of one extra run. Where a target or the relay was lost, red says nothing."""
    seen = FaultRun(run, claims)
    if run.relay_lost or run.lost_targets:
        return tuple(replace(_trial(number, case, fault, seen), noticed=None) for case, fault in faults.items())
    return tuple(_trial(number, case, fault, seen) for case, fault in faults.items())


def _trial(number: int, case: str, fault: Disturbance, seen: FaultRun) -> Trial:
    result = seen.result(case)
    delivered = result.delivered if result else 0
    outcome = result.outcome if result else None
    decided = delivered > 0 and outcome in (Outcome.PASSED, Outcome.FAILED)
    noticed = outcome is Outcome.FAILED if decided else None
    failure = result.failure if result and noticed else None
    return Trial(case, number, fault.operator, str(fault.route), fault.part, delivered, outcome, noticed, failure)


def cases_of(
    trials: Sequence[Trial], unsafe: Mapping[str, str], left_out: Mapping[str, int], order: Iterable[str]
) -> tuple[CaseSensitivity, ...]:
    """Each case in the given order, with its counts."""
    of: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        of[trial.case].append(trial)
    return tuple(_case(case, of[case], unsafe.get(case), left_out.get(case, 0)) for case in order)


def _case(case: str, trials: Sequence[Trial], unsafe: str | None, left_out: int) -> CaseSensitivity:
    told = [trial for trial in trials if trial.noticed is not None]
    return CaseSensitivity(
        case,
        delivered=len(told),
        noticed=sum(trial.noticed is True for trial in told),
        survived=tuple(trial for trial in told if trial.noticed is False),
        not_delivered=sum(not trial.delivered for trial in trials),
        undecided=sum(trial.delivered > 0 and trial.noticed is None for trial in trials),
        left_out=left_out,
        unsafe=unsafe,
    )


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of answers that were changed."""

    changed: int
    unnoticed: tuple[FieldUnnoticed, ...]
    noticed: tuple[FieldNoticed, ...]


def fields_of(trials: Iterable[Trial]) -> Fields:
    """Each field that a delivered fault changed: those that no test noticed, and who noticed the others."""
    of: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.noticed is not None and BY_NAME[trial.operator].of_field:
            of[trial.route, trial.part].append(trial)
    unnoticed = [
        FieldUnnoticed(
            route,
            pointer,
            len(found),
            tuple(sorted({trial.case for trial in found})),
            tuple(sorted({trial.operator for trial in found})),
        )
        for (route, pointer), found in sorted(of.items())
        if not any(trial.noticed for trial in found)
    ]
    noticed = [
        FieldNoticed(route, pointer, len(found), tuple(sorted({trial.case for trial in found})), by)
        for (route, pointer), found in sorted(of.items())
        if (by := tuple(sorted({trial.case for trial in found if trial.noticed})))
    ]
    return Fields(len(of), tuple(unnoticed), tuple(noticed))


def by_operator(trials: Iterable[Trial]) -> dict[str, tuple[int, int]]:
    """Operator -> (noticed, delivered), in the order of the registry."""
    told = [trial for trial in trials if trial.noticed is not None]
    counts = {
        name: (sum(t.noticed is True for t in told if t.operator == name), sum(t.operator == name for t in told))
        for name in BY_NAME
    }
    return {name: count for name, count in counts.items() if count[1]}
