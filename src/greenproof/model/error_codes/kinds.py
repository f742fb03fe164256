"""What is known of an error code, whoever meets it."""

from collections.abc import Iterable
from dataclasses import dataclass

from greenproof.model.exits import ExitCode


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A documented error code."""

    code: str
    exits: tuple[ExitCode, ...]
    """What a command leaves with that meets it."""
    meaning: str
    example: str
    """A command, a line of a file or a situation in which it is met."""
    remedy: str


def usage(code: str, meaning: str, example: str, remedy: str) -> ErrorKind:
    """The command line or the configuration is wrong, or a place is not ours."""
    return ErrorKind(code, (ExitCode.USAGE,), meaning, example, remedy)


def failed(code: str, meaning: str, example: str, remedy: str) -> ErrorKind:
    """A service, a dependency or the supervisor did not do its part."""
    return ErrorKind(code, (ExitCode.FAILED,), meaning, example, remedy)


def internal(code: str, meaning: str, example: str, remedy: str) -> ErrorKind:
    """Greenproof itself, or what it stands on, did not do its part."""
    return ErrorKind(code, (ExitCode.INTERNAL_ERROR,), meaning, example, remedy)


def catalogue(*parts: Iterable[ErrorKind]) -> dict[str, ErrorKind]:
    """Every kind by its code, in order; ValueError for a code that stands twice."""
    kinds = [kind for part in parts for kind in part]
    found = {kind.code: kind for kind in kinds}
    if len(found) != len(kinds):
        raise ValueError("an error code stands twice in the catalogue")
    return found
