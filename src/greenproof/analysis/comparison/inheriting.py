"""What a run takes over from the last good one: its plan, so that a case that is gone is missed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from greenproof.analysis.authenticity.claims import matches_any
from greenproof.analysis.comparison.renames import bare, renames
from greenproof.model.inheritance import PLAN, Baseline, Inherited


@dataclass(frozen=True, slots=True)
class Plan:
    """The ids that are planned only because of the last good run, and what is to be told of that run."""

    cases: tuple[str, ...] = ()
    inherited: tuple[Inherited, ...] = ()


def take_over(
    baseline: Baseline | None, known: Collection[str], bodies: Mapping[str, str], removed: Sequence[str] = ()
) -> Plan:
    """Plan what the last good run planned, as far as this run doesn't know it itself.

    `known` are the ids that this run collected or its census holds. An id is explained, and not planned any more, when
    a new one has the same function, or when a glob of `removed` names it.
    """
    if baseline is None:
        return Plan()
    here, before = {bare(case) for case in known}, {bare(case) for case in baseline.cases}
    lost = [case for case in baseline.cases if bare(case) not in here]
    new = [case for case in known if bare(case) not in before]
    renamed = renames(lost, new, baseline.bodies, bodies)
    gone = [case for case in lost if case not in renamed and matches_any(case, removed)]
    kept = tuple(case for case in lost if case not in renamed and case not in set(gone))
    text = f"{len(baseline.cases)} cases were planned in the last good run; {_told(kept, renamed, gone)}."
    return Plan(kept, (Inherited(PLAN, text, baseline.run, baseline.at, baseline.release, kept),))


def _told(kept: Sequence[str], renamed: Mapping[str, str], gone: Sequence[str]) -> str:
    parts = []
    if kept:
        parts.append(f"{len(kept)} of them are missing now and stay planned")
    if renamed:
        first = [f"{old} is now {new}" for old, new in list(renamed.items())[:3]]
        more = ["..."] if len(renamed) > len(first) else []
        parts.append(f"{len(renamed)} have another name ({', '.join(first + more)})")
    if gone:
        parts.append(f"{len(gone)} were taken away on purpose (--removed)")
    return ", ".join(parts) or "each of them was collected, or still stands in the sources"
