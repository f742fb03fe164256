"""Renamed tests: the same function under another id."""

from collections import defaultdict
from collections.abc import Iterable, Mapping


def bare(case: str) -> str:
    """The id without parameters."""
    return case.split("[", 1)[0]


def renames(
    lost: Iterable[str], new: Iterable[str], before: Mapping[str, str], after: Mapping[str, str]
) -> Mapping[str, str]:
    """From each lost id to the new one that has the same function and the same parameters.

    Only where exactly one lost and one new function have that source: copies can't be told apart, so they are not
    matched.
    """
    gone, come = _by_digest(map(bare, lost), before), _by_digest(map(bare, new), after)
    moved = {
        old.pop(): next(iter(come[digest]))
        for digest, old in gone.items()
        if len(old) == 1 and len(come.get(digest, ())) == 1
    }
    there = set(new)
    found = {}
    for case in lost:
        name = bare(case)
        if name in moved and moved[name] + case[len(name) :] in there:
            found[case] = moved[name] + case[len(name) :]
    return found


def _by_digest(names: Iterable[str], bodies: Mapping[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for name in names:
        if digest := bodies.get(name):
            found[digest].add(name)
    return dict(found)
