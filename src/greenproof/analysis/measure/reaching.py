"""What a test runs: itself, its class and module, its fixtures, and the helpers that it calls."""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from greenproof.analysis.measure.checks import Check, checks_of
from greenproof.analysis.measure.matching import Matches
from greenproof.analysis.measure.shapes import last
from greenproof.analysis.measure.suite import MODULE, Function, Suite, folders_above

MOST = 150
"""Calls that are followed from one test."""


class Reach:
    """The code that each test of a suite runs, and what of a kind stands in it."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._reached: dict[str, tuple[Function, ...]] = {}
        self._called: dict[str, tuple[Function, ...]] = {}
        self._checks: dict[str, tuple[Check, ...]] = {}

    @cached_property
    def _autouse(self) -> list[Function]:
        return [f for f in self.suite.functions.values() if f.autouse]

    def of(self, function: Function) -> tuple[Function, ...]:
        """The function and all that it runs, itself first; a helper that is called twice stands twice."""
        if function.id not in self._reached:
            self._reached[function.id] = tuple(self._follow(function))
        return self._reached[function.id]

    def _follow(self, function: Function) -> Iterator[Function]:
        waiting = [function, *self._around(function)]
        opened: set[str] = set()
        count = 0
        while waiting and count < MOST:
            one = waiting.pop(0)
            count += 1
            yield one
            if one.id not in opened:
                opened.add(one.id)
                waiting += self._calls(one)

    def _calls(self, function: Function) -> tuple[Function, ...]:
        if function.id not in self._called:
            names = self.names(function)
            found = (one for name in names for one in self.suite.called(name, function.path))
            self._called[function.id] = tuple(found)
        return self._called[function.id]

    def _around(self, function: Function) -> Iterator[Function]:
        """What pytest runs for a test without being asked in it."""
        if not function.test:
            return
        parts = function.name.split("::")[:-1]
        for count in range(len(parts) + 1):
            held = self.suite.functions.get("::".join([function.path, *parts[:count], MODULE]))
            if held is not None:
                yield held
        for name in ("setup_method", "setup_class", "setUp", "setUpClass", "setup_module", "setup_function"):
            yield from (f for f in self.suite.by_name.get(name, ()) if f.path == function.path)
        folders = folders_above(function.path)
        for fixture in self._autouse:
            place, _, file = fixture.path.rpartition("/")
            if fixture.path == function.path or (file == "conftest.py" and place in folders):
                yield fixture

    def names(self, function: Function) -> list[str]:
        """Names of what it calls, and of the fixtures that it asks for; each call counts."""
        node = function.node
        found = [a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)] if node is not None else []
        found = [name for name in found if any(f.fixture for f in self.suite.by_name.get(name, ()))]
        for part in (*function.body, *function.decorators):
            for inner in ast.walk(part):
                if isinstance(inner, ast.Call):
                    name = last(inner.func)
                    if name == "usefixtures":
                        found += [str(a.value) for a in inner.args if isinstance(a, ast.Constant)]
                    elif name in self.suite.by_name:
                        found.append(name)
        return [name for name in found if name != function.last]

    def checks(self, function: Function) -> list[Check]:
        """The checks of all that a function runs. A call of a helper of the suite counts by what stands in it."""
        return [c for one in self.of(function) for c in self.own_checks(one)]

    def own_checks(self, function: Function) -> tuple[Check, ...]:
        """The checks in a function itself."""
        if function.id not in self._checks:
            found = checks_of(function, self.suite)
            self._checks[function.id] = tuple(
                c for c in found if not (c.relation == "call" and self.suite.called(c.subject, c.path))
            )
        return self._checks[function.id]


@dataclass(frozen=True, slots=True)
class Trait:
    """Something in a function that may make it green for less."""

    key: str
    """Equal for what is the same, wherever it stands."""
    path: str
    line: int
    text: str
    owner: str
    size: float | None = None
    """For a number: seconds, attempts."""


type Find = Callable[[Function, Suite], Iterable[Trait]]


@dataclass(frozen=True, slots=True)
class Change:
    """A trait that is new, or larger, in what some tests run."""

    trait: Trait
    was: Trait | None
    tests: tuple[str, ...]
    """Ids as they were before."""


class Comparison:
    """Two suites, and which function is which."""

    def __init__(self, before: Suite, after: Suite, matches: Matches) -> None:
        self.before, self.after, self.matches = before, after, matches
        self.old, self.new = Reach(before), Reach(after)

    def pairs(self) -> Iterator[tuple[Function, Function]]:
        """Old and new of each test; then of each helper that no test is known to run."""
        reached: set[str] = set()
        for old in self.before.tests.values():
            new = self.matches.pairs.get(old.id)
            if new is not None and new.test:
                reached |= {f.id for f in self.old.of(old)} | {f.id for f in self.new.of(new)}
                yield old, new
        for id_, old in self.before.functions.items():
            new = self.matches.pairs.get(id_)
            if new is not None and not old.test and id_ not in reached and new.id not in reached:
                yield old, new

    def added(self, find: Find, *, familiar: bool = False) -> list[Change]:
        """Traits that a test has more often now than before, each place once. `familiar`: not those of helpers that had
        them before, and are only called by more tests now.
        """
        olds: dict[str, tuple[Trait, ...]] = {}
        news: dict[str, tuple[Trait, ...]] = {}

        def of(function: Function, suite: Suite, known: dict[str, tuple[Trait, ...]]) -> tuple[Trait, ...]:
            if function.id not in known:
                known[function.id] = tuple(find(function, suite))
            return known[function.id]

        found: dict[tuple[str, str, int, str], Change] = {}
        for old, new in self.pairs():
            past = [t for f in dict.fromkeys(self.old.of(old)) for t in of(f, self.before, olds)]
            present = [t for f in dict.fromkeys(self.new.of(new)) for t in of(f, self.after, news)]
            for trait, was in _more(past, present):
                had = self._had(trait, lambda f: of(f, self.before, olds))
                if had and (familiar or not self.newly_named(trait.owner, old, new)):
                    continue
                key = (trait.path, trait.owner, trait.line, trait.key)
                told = found.get(key)
                tests = (*(told.tests if told else ()), *([old.id] if old.test else []))
                found[key] = Change(trait, was if told is None else told.was, tuple(dict.fromkeys(tests)))
        return sorted(found.values(), key=lambda c: (c.trait.path, c.trait.line, c.trait.key))

    def newly_named(self, owner: str, old: Function, new: Function) -> bool:
        """Whether the present test itself calls a helper more often than the past one did."""
        return self.new.names(new).count(_bare(owner)) > self.old.names(old).count(_bare(self._past(owner)))

    def no_longer_named(self, owner: str, old: Function, new: Function) -> bool:
        """Whether the past test itself called a helper more often than the present one does."""
        now = self.matches.pairs.get(owner)
        return self.old.names(old).count(_bare(owner)) > self.new.names(new).count(now.last if now else _bare(owner))

    def _past(self, owner: str) -> str:
        return self.matches.back.get(owner, owner)

    def _had(self, trait: Trait, of: Callable[[Function], tuple[Trait, ...]]) -> bool:
        """Whether the function that has it had it before."""
        owner = self.before.functions.get(self.matches.back.get(trait.owner, ""))
        return owner is not None and any(t.key == trait.key and t.size == trait.size for t in of(owner))


def _bare(owner: str) -> str:
    return owner.rpartition("::")[2].rpartition(".")[2]


def _more(past: list[Trait], present: list[Trait]) -> Iterator[tuple[Trait, Trait | None]]:
    """What is new. Of traits with a size: those that are larger than what stood there before."""
    counted = Counter(t.key for t in past if t.size is None)
    sized: dict[str, list[Trait]] = {}
    for trait in past:
        if trait.size is not None:
            sized.setdefault(trait.key, []).append(trait)
    grown: dict[str, list[Trait]] = {}
    # What stands where it stood goes first, so that the new one is told.
    where = Counter((t.key, t.owner) for t in past)
    order = sorted(present, key=lambda t: (where[t.key, t.owner] == 0, t.path, t.line))
    for trait in order:
        if trait.size is not None:
            grown.setdefault(trait.key, []).append(trait)
        elif counted[trait.key] > 0:
            counted[trait.key] -= 1
        else:
            yield trait, None
    for key, traits in grown.items():
        yield from _larger(sized.get(key, []), traits)


def _larger(past: list[Trait], present: list[Trait]) -> Iterator[tuple[Trait, Trait | None]]:
    left = list(past)
    for trait in list(present):
        same = next((t for t in left if t.size == trait.size), None)
        if same is not None:
            left.remove(same)
            present = [t for t in present if t is not trait]
    for trait in present:
        near = next((t for t in left if t.owner == trait.owner), left[0] if left else None)
        if near is not None:
            left.remove(near)
        if near is None or (near.size or 0) < (trait.size or 0):
            yield trait, near
