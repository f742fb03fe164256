"""Two runs beside each other. Pure: the same two records give the same comparison."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from greenproof.analysis.comparison.kinds import differences
from greenproof.analysis.comparison.renames import renames
from greenproof.analysis.comparison.timing import Others, durations, latencies, promises, speeds, unmeasured
from greenproof.model.comparison import (
    ABSENT,
    NOT_JUDGED,
    STATES,
    Change,
    Comparison,
    ComponentChange,
    Difference,
    Rename,
)
from greenproof.model.history import CasePast, RunRecord
from greenproof.model.verdicts import Reason, Verdict

_GREEN = {Verdict.PROVEN.value, Verdict.PASSED_OFFLINE.value}
_RED = {Verdict.FAILED.value, Verdict.HOLLOW.value}


def compare(
    before: RunRecord,
    after: RunRecord,
    others: Others | None = None,
) -> Comparison:
    """What changed from one run to the other, over the union of what both had planned.

    `others` are what other runs of the same kind measured; without enough of them nothing is said of durations.
    """
    others = others or Others()
    old, new_run = _planned(before), _planned(after)
    ids = tuple(dict.fromkeys((*old, *new_run)))
    changes = [_change(case, _state(before, old, case), _state(after, new_run, case), before, after) for case in ids]
    lost = tuple(c for c in changes if c.after == ABSENT)
    new = tuple(c for c in changes if c.before == ABSENT)
    renamed = renames([c.id for c in lost], [c.id for c in new], before.bodies, after.bodies)
    unlike = tuple(differences(before.summary, after.summary))
    moved = Counter((c.before, c.after) for c in changes)
    shared = [c for c in changes if ABSENT not in (c.before, c.after)]
    return Comparison(
        before=before.summary,
        after=after.summary,
        planned_before=len(old),
        planned_after=len(new_run),
        denominator=len(ids),
        shared=len(shared),
        differences=unlike,
        transitions=tuple((a, b, moved[a, b]) for a in STATES for b in STATES if moved[a, b]),
        newly_proven=tuple(c for c in shared if c.after in _GREEN and c.before not in _GREEN),
        newly_failed=tuple(c for c in shared if c.after == "failed" != c.before),
        worse=tuple(c for c in changes if is_worse(c) and c.id not in renamed and _counts_as(c, unlike)),
        lost=lost,
        new=new,
        renamed=tuple(Rename(old, new) for old, new in renamed.items()),
        hollow=tuple(c for c in shared if c.before == c.after == "hollow"),
        reasons=tuple(c for c in shared if c.before == c.after and _other_reasons(c)),
        components=tuple(_components(before, after)),
        durations=tuple(durations(before, after, others)),
        latencies=tuple(latencies(before, after, others)),
        promises=tuple(promises(before, after, others)),
        speeds=tuple(speeds(before, after, others)),
        unmeasured=unmeasured(before, after, others),
        counts=tuple(_counts(changes)),
    )


def is_worse(change: Change) -> bool:
    """No longer proven, newly failed, newly refuted, or no longer planned. A new case can't be worse than it was."""
    if change.before in (ABSENT, NOT_JUDGED) or change.after in (NOT_JUDGED, change.before):
        return False
    if change.after == ABSENT or change.before in _GREEN:
        return change.after not in _GREEN
    return change.after == "failed" or (change.after in _RED and change.before not in _RED)


def _counts_as(change: Change, differences_: Sequence[Difference]) -> bool:
    """Whether a change for the worse can't come from a difference of the runs themselves."""
    codes = {difference.code for difference in differences_}
    if change.after == ABSENT:
        return not codes & {"command", "suite", "unjudged"}
    return change.after == Verdict.FAILED.value or not codes & {"faults", "unjudged"}


def _planned(record: RunRecord) -> dict[str, None]:
    return dict.fromkeys((*record.planned, *record.cases))


def _state(record: RunRecord, planned: Mapping[str, None], case: str) -> str:
    if case not in planned:
        return ABSENT
    found = record.cases.get(case)
    return NOT_JUDGED if found is None or found.verdict is None else found.verdict.value


def _change(case: str, old: str, new: str, before: RunRecord, after: RunRecord) -> Change:
    return Change(case, old, new, _reasons(before.cases.get(case)), _reasons(after.cases.get(case)))


def _reasons(past: CasePast | None) -> tuple[Reason, ...]:
    return past.reasons if past else ()


def _other_reasons(change: Change) -> bool:
    return {r.code for r in change.reasons_before} != {r.code for r in change.reasons_after}


def _counts(changes: Sequence[Change]) -> Iterator[tuple[str, int, int]]:
    before, after = Counter(c.before for c in changes), Counter(c.after for c in changes)
    yield from ((state, before[state], after[state]) for state in STATES if before[state] or after[state])


def _components(before: RunRecord, after: RunRecord) -> Iterator[ComponentChange]:
    revisions_before, revisions_after = dict(before.summary.revisions), dict(after.summary.revisions)
    names = sorted({*before.components, *after.components, *revisions_before, *revisions_after})
    for name in names:
        old, new = before.components.get(name), after.components.get(name)
        change = ComponentChange(
            name,
            old.state if old else None,
            new.state if new else None,
            (old.revision if old else None) or revisions_before.get(name),
            (new.revision if new else None) or revisions_after.get(name),
        )
        # What only one of the two looked at has not changed: nobody knows.
        state = old is not None and new is not None and old.state != new.state
        revision = change.revision_before and change.revision_after
        if state or (revision and change.revision_before != change.revision_after):
            yield change
