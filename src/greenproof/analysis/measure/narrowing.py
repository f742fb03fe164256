"""Which files of two measures have to be compared: those that differ, and what rules need around them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from greenproof.analysis.measure.facts import Facts, read_facts
from greenproof.analysis.measure.suite import FOLLOWED, folders_above
from greenproof.model.measure import Form

_GLOBAL = ("schema", "rules", "python", "settings", "plan")


@dataclass(frozen=True, slots=True)
class Part:
    """The files that matter, and on each side the names that stand too often to be followed."""

    paths: frozenset[str]
    before: frozenset[str]
    after: frozenset[str]


def narrowed(before: Form, after: Form) -> Part | None:
    """What has to be compared; None: everything."""
    if any(before.get(key) != after.get(key) for key in _GLOBAL):
        return None
    past, present = read_facts(before), read_facts(after)
    if not (_complete(before, past) and _complete(after, present)):
        return None
    differ = {
        p for p in past.keys() | present.keys() if p not in past or p not in present or past[p][0] != present[p][0]
    }
    old = {path: facts for path, (_, facts) in past.items()}
    new = {path: facts for path, (_, facts) in present.items()}
    counts = [Counter(name for facts in side.values() for name in facts.defines) for side in (old, new)]
    seldom = frozenset(n for n in counts[0].keys() | counts[1].keys() if min(counts[0][n], counts[1][n]) <= FOLLOWED)
    paths = _Links(old, new, seldom).around(differ)
    frequent = (frozenset(name for name, count in side.items() if count > FOLLOWED) for side in counts)
    return Part(paths, *frequent)


def _complete(form: Form, facts: Mapping[str, object]) -> bool:
    code = form.get("code")
    return isinstance(code, list) and all(row[0] in facts for row in code) and len(code) == len(facts)


class _Links:
    """By which names files hang together, on either side."""

    def __init__(self, old: Mapping[str, Facts], new: Mapping[str, Facts], seldom: frozenset[str]) -> None:
        self._old, self._new = old, new
        self._seldom = seldom
        self._all = sorted(old.keys() | new.keys())
        self._callers: dict[str, set[str]] = defaultdict(set)
        self._users: dict[str, set[str]] = defaultdict(set)
        self._defining: dict[str, set[str]] = defaultdict(set)
        self._constant: dict[str, set[str]] = defaultdict(set)
        for side in (old, new):
            for path, facts in side.items():
                for name in self._called(facts):
                    self._callers[name].add(path)
                for name in self._looked_up(facts):
                    self._users[name].add(path)
                for name in facts.defines:
                    self._defining[name].add(path)
                for name in _constants(facts):
                    self._constant[name].add(path)

    def _called(self, facts: Facts) -> Iterable[str]:
        """What it may call of other files: its own function of a name comes first."""
        return (facts.names & self._seldom) - frozenset(facts.defines)

    def _looked_up(self, facts: Facts) -> Iterable[str]:
        return (facts.names - _constants(facts)) | facts.attributes

    def _sides(self, path: str) -> list[Facts]:
        return [side[path] for side in (self._old, self._new) if path in side]

    def around(self, differ: Iterable[str]) -> frozenset[str]:
        """What runs something of these files, and all that it runs."""
        found = self._grown(differ, self._running)
        # Constants hold no further names.
        changed = {name for path in differ for name in self._changed_constants(path)}
        using = {path for name in changed for path in self._users.get(name, ())}
        found = self._grown(found | using, self._running)
        return frozenset(self._grown(found, self._run_by))

    def _grown(self, start: Iterable[str], more: Callable[[str], Iterable[str]]) -> set[str]:
        found, waiting = set(start), sorted(start)
        while waiting:
            new = {path for path in more(waiting.pop()) if path not in found}
            found |= new
            waiting += sorted(new)
        return found

    def _changed_constants(self, path: str) -> set[str]:
        old, new = (set(side[path].constants) if path in side else set() for side in (self._old, self._new))
        return {said.partition(" ")[0] for said in old ^ new}

    def _running(self, path: str) -> Iterable[str]:
        for facts in self._sides(path):
            for name in set(facts.defines) & self._seldom:
                yield from self._callers.get(name, ())
            place = PurePosixPath(path)
            if facts.autouse and place.name == "conftest.py":
                folder = "" if str(place.parent) == "." else f"{place.parent.as_posix()}/"
                yield from (other for other in self._all if other.startswith(folder))

    def _run_by(self, path: str) -> Iterable[str]:
        for facts in self._sides(path):
            for name in self._called(facts):
                yield from self._defining.get(name, ())
            for name in self._looked_up(facts):
                yield from self._constant.get(name, ())
        for folder in folders_above(path):
            conftest = f"{folder}/conftest.py".lstrip("/")
            if conftest in self._old or conftest in self._new:
                yield conftest


def _constants(facts: Facts) -> frozenset[str]:
    return frozenset(said.partition(" ")[0] for said in facts.constants)
