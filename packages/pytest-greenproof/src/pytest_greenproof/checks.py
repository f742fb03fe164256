"""The counter of checks: how many ran, and when the last one did.

Instrumented code finds the counter among the builtins under a name that no Python program can
spell, so that a module's own names stay as they are and a look-up costs next to nothing."""

from __future__ import annotations

import builtins
from collections import deque
from itertools import count
from typing import Callable, Deque, NamedTuple

from pytest_greenproof.clock import now

NAME = "@greenproof_check"


class Tally(NamedTuple):
    """Checks so far, and the time of the last one (monotonic ns)."""

    number: int
    last_ns: int


class Counter:
    """Counts checks."""

    def __init__(self, belongs: Callable[[], bool]) -> None:
        """`belongs` says whether the calling thread works for the running case."""
        self._last: Deque[Tally] = deque([Tally(0, 0)], maxlen=1)
        # One call without a Python frame: count, look at the clock, keep the pair.
        self._count = map(self._last.append, zip(count(1), iter(now, None))).__next__  # type: ignore[arg-type]
        self._belongs = belongs
        self._careful = False
        setattr(builtins, NAME, self._count)

    def check(self) -> None:
        """A check ran, in this thread."""
        getattr(builtins, NAME)()

    def read(self) -> Tally:
        """The count so far."""
        return Tally(*self._last[-1])

    def be_careful(self, careful: bool) -> None:
        """Look at the thread of each check (true), or believe that all belong to the case."""
        if careful is not self._careful:
            self._careful = careful
            setattr(builtins, NAME, self._count_own if careful else self._count)

    def _count_own(self) -> None:
        if self._belongs():
            self._count()
