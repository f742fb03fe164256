"""Which answers a fault run replaces. Faults exist only between relay and test; the service never sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from greenproof.model.facts import FaultKind
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Disturbance


class Blank(StrEnum):
    """What is in the place of each value of an answer that has its status and its shape, and says nothing."""

    OTHER = "other"
    """Another value of its kind."""
    NOTHING = "nothing"
    """The nothing of its kind (0, an empty text, false), or something where there was nothing."""
    NULL = "null"
    """Null, or something where there was nothing."""


@dataclass(frozen=True, slots=True)
class Substitute:
    """An answer that one case gets instead of changed values."""

    status: int | None
    """Of the error; None: the connection breaks off without an answer."""
    only_errors: bool = False
    """Only answers that are a refusal already (4xx) are replaced, all others pass."""
    emptied: bool = False
    """Not an error: the same answer, with nothing in it. `status` says nothing then."""
    after: int = 0
    """So many answers pass first: those at which it has turned red before."""
    past: tuple[tuple[int, int], ...] = ()
    """First and last lines of statements of the test function: while it is at one of them, or before the first of
    them, all answers pass. For conversations, whose messages nobody asked for one by one."""
    greeted: bool = False
    """The first message of the service in a conversation passes: a greeting is no answer."""
    bare: bool = False
    """Changed values all the same, without the headers that an error takes away: what is left of the answer's shape is
    that of its body."""
    whole_from: int = 0
    """Of emptied answers: those before this one keep what later requests need, ids and addresses."""
    blank: Blank = Blank.OTHER
    """What is in the place of the values of emptied answers."""
    lists: bool = False
    """The lists in emptied answers are as long as they were; else they are empty."""
    without: tuple[str, ...] = ()
    """Fields that emptied answers don't have."""
    untouched: bool = False
    """No answer is replaced: whether the case turns red by itself when it is repeated."""

    @property
    def kind(self) -> FaultKind:
        """What it is called once it was delivered."""
        if self.bare:
            return FaultKind.VALUE
        if self.emptied:
            return FaultKind.EMPTIED
        return FaultKind.LATER if self.after or self.past or self.greeted else FaultKind.TAILORED


@dataclass(frozen=True, slots=True)
class CaseFaults:
    """What is replaced for one case, in its call phase."""

    routes: tuple[Route, ...] = ()
    """The claimed routes; empty: every route that is not plumbing."""
    refused: tuple[Route, ...] = ()
    """WebSocket routes whose handshake the service refused in the plain run: the error fault accepts them."""
    spared: bool = False
    """Its set-up is left alone: nothing that it builds is all that some case looks at."""
    instead: Substitute | None = None
    """In the run with changed values: what this case gets in their place."""
    disturbance: Disturbance | None = None
    """In a sensitivity run: the one fault of this case; None: its answers are only looked at."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """One fault run."""

    kind: FaultKind
    cases: Mapping[str, CaseFaults]
    plumbing: tuple[Route, ...]
    """Never replaced, unless a claim of the case names the route itself."""
    fixture_routes: tuple[Route, ...] = ()
    """Routes whose answers are replaced while a fixture is set up. Under errors only those of fixtures whose every user
    rests on fixtures alone: an error there must not break the set-up of others."""

    @property
    def listening(self) -> int:
        """Cases that may wait in vain for an event: errors are in the place of what their conversations say later."""
        substitutes = (case.instead for case in self.cases.values() if case.instead is not None)
        return sum(bool(instead.past or instead.greeted) for instead in substitutes)
