"""Assertions that are gathered."""

from types import TracebackType
from typing import Any, Self


class Softly:
    """Gathers failures; `done` tells of them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def equal(self, got: Any, wanted: Any, what: str) -> None:
        """Note when they differ."""
        if got != wanted:
            self.problems.append(f"{what}: {got!r} is not {wanted!r}")

    def true(self, value: Any, what: str) -> None:
        """Note when it is not so."""
        if not value:
            self.problems.append(what)

    def done(self) -> None:
        """Fail when anything was noted."""
        assert not self.problems, "; ".join(self.problems)


class SoftBlock(Softly):
    """The same as a context: tells at the end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self.done()


class Tolerant:
    """A block of best-effort checks, for use on shared environments."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> bool:
        return kind is not None and issubclass(kind, Exception)
