"""The test matrix: categories and priorities against their targets."""

from collections.abc import Callable, Sequence

from greenproof.analysis.authenticity.claims import matches_any
from greenproof.model.plan import Category, Priority
from greenproof.model.value import Row
from greenproof.model.verdicts import CaseVerdict, counts

OTHER = "other"


def matrix(
    categories: Sequence[Category], priorities: Sequence[Priority], verdicts: Sequence[CaseVerdict]
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(rows by category, rows by priority). A case counts in the first category that names it, else in `other`."""
    by_category = _rows([(c.name, c.tests) for c in categories], verdicts, lambda i: _category(categories[i]))
    by_priority = _rows([(p.name, p.tests) for p in priorities], verdicts, lambda i: _priority(priorities[i]))
    return by_category, by_priority


type _Target = tuple[str, Callable[[dict[str, int]], bool | None]]


def _rows(
    groups: Sequence[tuple[str, tuple[str, ...]]],
    verdicts: Sequence[CaseVerdict],
    target_of: Callable[[int], _Target],
) -> tuple[Row, ...]:
    members: list[list[CaseVerdict]] = [[] for _ in range(len(groups) + 1)]
    for verdict in verdicts:
        index = next((i for i, (_, tests) in enumerate(groups) if matches_any(verdict.id, tests)), len(groups))
        members[index].append(verdict)
    rows = []
    for index, (name, _) in enumerate(groups):
        found = dict(counts(members[index]))
        text, met = target_of(index)
        rows.append(Row(name, text, len(members[index]), found, met(found)))
    if members[-1]:
        rows.append(Row(OTHER, "-", len(members[-1]), dict(counts(members[-1])), None))
    return tuple(rows)


def _category(category: Category) -> _Target:
    wanted = category.target
    if wanted is None:
        return "-", lambda found: None
    return f"{wanted} proven", lambda found: found["proven"] + found["passed-offline"] >= wanted


def _priority(priority: Priority) -> _Target:
    def met(found: dict[str, int]) -> bool | None:
        decided = found["proven"] + found["failed"] + found["hollow"] + found["unproven"] + found["flaky"]
        if not decided:
            return None
        # A false green is no success: hollow counts as failed against what is tolerated.
        return (found["failed"] + found["hollow"] + found["flaky"]) / decided <= priority.tolerated

    return f"at most {priority.tolerated:.0%} failed", met
