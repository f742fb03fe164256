"""Which function of the present is which of the past: by name, by its own text elsewhere, by likeness."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from greenproof.analysis.measure.suite import Function, Suite

_ALIKE = 0.6
"""From this likeness on two tests are one that was renamed."""
_MOST_PAIRS = 40_000
"""Pairs that are looked at for likeness."""


@dataclass(frozen=True)
class Matches:
    """Pairs of functions."""

    pairs: Mapping[str, Function]
    """What a function of the past is now, by its old id."""
    renamed: frozenset[str] = frozenset()
    """Old ids of tests that have another name now."""
    back: Mapping[str, str] = field(default_factory=dict)
    """From new ids to old ones."""


type _Pair = Callable[[Function, Function], None]


def match(before: Suite, after: Suite) -> Matches:
    """Every function of the past at most once, and every one of the present."""
    pairs: dict[str, Function] = {}
    taken: set[str] = set()

    def pair(old: Function, new: Function) -> None:
        pairs[old.id] = new
        taken.add(new.id)

    for id_, old in before.functions.items():
        same = after.functions.get(id_)
        if same is not None and not (old.test and not same.test and same.guard and not old.guard):
            pair(old, same)
    _moved(before, after, pairs, taken, pair)
    left = [f for f in before.tests.values() if f.id not in pairs]
    free = [f for f in after.functions.values() if f.id not in taken and f.node is not None]
    for old, new in _alike(left, free):
        pair(old, new)
    renamed = frozenset(i for i, f in before.tests.items() if i in pairs and pairs[i].last != f.last and pairs[i].test)
    return Matches(pairs, renamed, {new.id: old for old, new in pairs.items()})


def _moved(before: Suite, after: Suite, pairs: dict[str, Function], taken: set[str], pair: _Pair) -> None:
    """Those that went to another file or class: the same name and text, the same name, the same text."""
    keys: tuple[Callable[[Function], object], ...] = (
        lambda f: (f.last, f.digest) if f.node is not None else None,
        lambda f: (f.path.rpartition("/")[2], f.name),
        lambda f: (f.last,) if f.test or f.fixture or f.why_not == "" else None,
        lambda f: (f.digest,) if f.test and f.node is not None and len(f.digest) > 60 else None,
    )
    for key in keys:
        places: dict[object, list[Function]] = defaultdict(list)
        for new in after.functions.values():
            if new.id not in taken and (said := key(new)) is not None:
                places[said].append(new)
        olds: dict[object, list[Function]] = defaultdict(list)
        for old in before.functions.values():
            if old.id not in pairs and (said := key(old)) is not None:
                olds[said].append(old)
        for said, those in olds.items():
            for old, new in zip(those, places.get(said, ()), strict=False):
                pair(old, new)


def _alike(left: Iterable[Function], free: list[Function]) -> list[tuple[Function, Function]]:
    """Tests that are gone, and what resembles them most."""
    scores = []
    count = 0
    for old in left:
        for new in free:
            count += 1
            if count > _MOST_PAIRS:
                break
            score = likeness(old, new)
            if score >= _ALIKE:
                scores.append((-score, old.id, new.id, old, new))
    found, seen = [], set[str]()
    for _, a, b, old, new in sorted(scores, key=lambda s: s[:3]):
        if a not in seen and b not in seen:
            seen |= {a, b}
            found.append((old, new))
    return found


def likeness(old: Function, new: Function) -> float:
    """0 to 1: how many statements two functions share, those that differ a little counted in part."""
    a, b = old.statements, new.statements
    if not a or not b:
        return 0.0
    shared = len(set(a) & set(b)) * 2 / (len(set(a)) + len(set(b)))
    if shared >= _ALIKE or len(a) + len(b) > 200:
        return shared
    return max(shared, SequenceMatcher(None, "\n".join(a)[:4000], "\n".join(b)[:4000]).ratio() - 0.15)
