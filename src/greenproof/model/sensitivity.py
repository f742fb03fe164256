"""Sensitivity: what further faults a proven case is given, what it was seen to be answered, and what it noticed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from greenproof.model.facts import Outcome
from greenproof.model.routes import Route

HANG_S = 3.0
"""Seconds for which nothing comes in a hang; then the connection is reset."""


class Means(StrEnum):
    """How a fault is carried out between the service and the test."""

    HEAD = "head"
    """Status or headers of the answer are changed; its body passes."""
    BODY = "body"
    """The body is changed, and so it is held back until it is whole."""
    EMPTY = "empty"
    """The same answer without a body."""
    CLOSED = "closed"
    """The connection is closed in order, but without an answer."""
    RESET = "reset"
    """The connection is reset without an answer."""
    HANG = "hang"
    """Nothing comes for a while, then the connection is reset."""
    TRUNCATED = "truncated"
    """The connection is closed in the middle of the body."""
    STALE = "stale"
    """An earlier answer of the same route comes again."""
    OTHER_USER = "other-user"
    """An answer comes that the same route gave to another credential or, where there is none, to another case."""
    EVENT_CHANGED = "event-changed"
    EVENT_DOUBLED = "event-doubled"
    EVENT_REORDERED = "event-reordered"
    EVENT_LATE = "event-late"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One fault of a sensitivity run, for one case."""

    operator: str
    means: Means
    route: Route
    part: str = ""
    """Of a JSON body: a pointer in which `*` stands for every index and `{id}` for every key that is an identifier."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as an operator sees it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """Decoded; None: it has not been looked at."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault that a case was to get, and what came of it."""

    case: str
    run: int
    """Of the extra runs, counted from 1."""
    operator: str
    route: str
    part: str
    delivered: int
    """Answers or messages that were really disturbed."""
    outcome: Outcome | None
    noticed: bool | None
    """Whether the case turned red in its call phase; None: the fault was not delivered, or it is undecided."""
    failure: str | None = None
    """`check: AssertionError` ...: what turned it red."""


@dataclass(frozen=True, slots=True)
class CaseSensitivity:
    """What one proven case noticed."""

    id: str
    delivered: int = 0
    """Trials whose fault was delivered, and after which the case was green or red: the denominator."""
    noticed: int = 0
    survived: tuple[Trial, ...] = ()
    """Trials whose delivered fault was not noticed."""
    not_delivered: int = 0
    undecided: int = 0
    """Delivered, but the case neither passed nor failed in its call."""
    left_out: int = 0
    """Faults that fit and were not tried, for want of runs."""
    unsafe: str | None = None
    """Why it was left out of the extra runs."""


@dataclass(frozen=True, slots=True)
class FieldUnnoticed:
    """A field of answers that was changed, and no test noticed."""

    route: str
    pointer: str
    trials: int
    cases: tuple[str, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldNoticed:
    """A field of answers that was changed, and who noticed."""

    route: str
    pointer: str
    trials: int
    cases: tuple[str, ...]
    """Those whose answers it was changed in."""
    noticed_by: tuple[str, ...]
    """Those of them that turned red; at least one."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Everything that the extra runs of a suite showed. It changes no verdict."""

    seed: int
    runs: int
    """Extra runs under faults that were made; before them the cases ran once more undisturbed."""
    allowed: int
    """Extra runs that were allowed."""
    cases: tuple[CaseSensitivity, ...] = ()
    trials: tuple[Trial, ...] = ()
    unnoticed: tuple[FieldUnnoticed, ...] = ()
    fields: int = 0
    """Fields of answers that some delivered fault changed: those of `noticed` and of `unnoticed`."""
    left_out: int = 0
    notes: tuple[str, ...] = ()
    operators: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Operator -> (noticed, delivered)."""
    duration_s: float = 0.0
    noticed: tuple[FieldNoticed, ...] = ()
