"""Select cases by priority and value, in phases of which each must hold before the next is worth running."""

from collections.abc import Sequence
from dataclasses import dataclass

from greenproof.analysis.authenticity.claims import matches_any
from greenproof.model.plan import Feature, Priority


@dataclass(frozen=True, slots=True)
class RunPhase:
    """Cases that run together; when a gating phase fails, the phases after it are not run."""

    name: str
    cases: tuple[str, ...]
    gates: bool


def select(
    cases: Sequence[str],
    priorities: Sequence[Priority],
    features: Sequence[Feature],
    limit: int | None = None,
) -> tuple[RunPhase, ...]:
    """Sort the cases into phases, one for each priority in the order of the file and one for the rest.

    Within a phase the cases that protect the most value come first; ties keep the order in which they were given.
    With a `limit`, the least important are left out.
    """
    value = {case: sum(f.value for f in features if matches_any(case, f.tests)) for case in cases}
    left = sorted(dict.fromkeys(cases), key=lambda case: -value[case])
    phases = []
    room = len(left) if limit is None else limit
    for priority in priorities:
        named = [case for case in left if matches_any(case, priority.tests)]
        taken = set(named)
        left = [case for case in left if case not in taken]
        phases.append(RunPhase(priority.name, tuple(named[:room]), priority.gates))
        room -= min(room, len(named))
    phases.append(RunPhase("unclassified", tuple(left[:room]), gates=not priorities))
    return tuple(phase for phase in phases if phase.cases)
