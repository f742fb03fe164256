"""What an operator is: one small, exact change of an answer, and where it fits."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenproof.model.sensitivity import Answer, Means

REMOVED: Any = type("Removed", (), {"__repr__": lambda self: "REMOVED"})()
"""In the place of a changed value: it is taken out of the object or array that holds it."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of fault. A function of this file's neighbours makes it; `registry` knows them all."""

    name: str
    means: Means
    text: str
    """What it does, as a person reads it: one clause."""
    source: str | None = None
    """The operator of HttpMutator that it is after, by its abbreviation."""
    needs: str | None = None
    """Of the heads that operators change, the one that must be there: `content-type`, `charset`, `location`."""
    kinds: frozenset[str] = frozenset()
    """Kinds of JSON values that it fits, as `shape` names them."""
    root: bool = True
    """Whether it fits a body as a whole, too."""
    whole: bool = False
    """Whether it fits nothing else."""
    of_property: bool = False
    """Whether it fits properties of objects only, and no elements of arrays."""
    of_field: bool = False
    """Whether it changes a field that a test could look at; an added one is not missed by anybody."""
    head: Callable[[Answer, random.Random], Answer] | None = None
    value: Callable[[Any, random.Random], Any] | None = None


def other[T](choices: tuple[T, ...], present: T, dice: random.Random) -> T:
    """One of the choices that is not the present one."""
    return dice.choice([choice for choice in choices if choice != present])
