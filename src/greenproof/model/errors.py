"""The one error tree.

GreenproofError
├── UsageError             the command line is wrong                      exit 4
├── ConfigurationError     greenproof.toml is wrong, all mistakes at once exit 4
├── PlatformError          a service or dependency did not do its part    exit 1
│   └── PlanError          what the plan says can't be carried out here   exit 4
├── LedgerError            the ledger cannot be written or believed       exit 3
│   └── LedgerPlaceError   its place is not ours to write or to read      exit 4
├── PlaceError             a file or folder is not ours to write or read  exit 4
├── DiskFullError          there is no space left                         exit 3
├── RunnerError            the test command could not be run              exit 4
├── RelayError             the relay could not start or was lost          exit 3
└── InterruptedByUser      Ctrl-C or SIGTERM                              exit 2
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass

from greenproof.model.exits import ExitCode


class GreenproofError(Exception):
    """What happened, where, what was expected, a hint, and a stable code."""

    exit_code = ExitCode.INTERNAL_ERROR

    def __init__(
        self,
        message: str,
        *,
        code: str,
        where: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.expected = expected
        self.hint = hint

    def lines(self) -> list[str]:
        """The error as a person reads it, without colour. Without a hint of its own it has that of its code."""
        lines = [f"error: {self.message} [{self.code}]"]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if hint := self.hint or _remedy(self.code):
            lines.append("")
            lines.append(f"hint: {hint}")
        return lines


def _remedy(code: str) -> str | None:
    # Imported late: only an error that is shown needs the catalogue.
    from greenproof.model.error_codes import ERRORS

    if code not in ERRORS:
        return None
    text = ERRORS[code].remedy.removesuffix(".")
    # As hints are written; a name keeps its capital.
    return text if text[1:2].isupper() else text[0].lower() + text[1:]


class UsageError(GreenproofError):
    """The command line is wrong."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration file."""

    line: int | None
    """1-based line, or None when the file as a whole is meant."""
    where: str
    """The dotted key, `services.auth.port`."""
    message: str
    expected: str
    hint: str | None = None
    code: str = "config-invalid"
    """As `greenproof explain` knows it."""


class ConfigurationError(GreenproofError):
    """`greenproof.toml` is wrong; carries every mistake that was found."""

    exit_code = ExitCode.USAGE

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(
            f"{count} mistake{'' if count == 1 else 's'} in the configuration; nothing was run",
            code="configuration",
            where=path,
            hint="`greenproof explain CODE` tells more about each",
        )
        self.path = path
        self.problems = tuple(problems)

    def lines(self) -> list[str]:
        """One block for each mistake, in the order of the file."""
        first, *_, hint = super().lines()
        lines = [first]
        for problem in self.problems:
            at = f"{self.path}:{problem.line}" if problem.line else self.path
            lines.append("")
            lines.append(f"{at}: {problem.where}: {problem.message} [{problem.code}]")
            lines.append(f"  expected: {problem.expected}")
            lines.append(f"  hint: {problem.hint or _remedy(problem.code)}")
        return [*lines, "", hint]


class PlatformError(GreenproofError):
    """A service or dependency did not do its part."""

    exit_code = ExitCode.FAILED


class PlanError(PlatformError):
    """What the plan or the command line asks of the platform can't be carried out here."""

    exit_code = ExitCode.USAGE


class LedgerError(GreenproofError):
    """The ledger cannot be written, read or believed."""

    exit_code = ExitCode.INTERNAL_ERROR


class LedgerPlaceError(LedgerError):
    """Nothing is wrong with a ledger, but this user, or this version, can't use what is in its place."""

    exit_code = ExitCode.USAGE


class LeaseHeldError(GreenproofError):
    """Somebody else holds the environment."""

    exit_code = ExitCode.USAGE


class LeaseLostError(GreenproofError):
    """Somebody else took the environment over: whoever held it before must not act any more."""

    exit_code = ExitCode.INTERRUPTED


class StoppedError(GreenproofError):
    """A person asked the loop to stop."""

    exit_code = ExitCode.INTERRUPTED


class StepStuckError(GreenproofError):
    """A step gave no sign of life."""

    exit_code = ExitCode.FAILED


class CutOffError(GreenproofError):
    """A run of the command was cut off again and again."""

    exit_code = ExitCode.FAILED


class FrozenError(GreenproofError):
    """Nothing may be done on an environment until a person has looked."""

    exit_code = ExitCode.FAILED


class CoordinationError(GreenproofError):
    """The store of leases, or of what a loop did, can't be used."""

    exit_code = ExitCode.INTERNAL_ERROR


class PlaceError(GreenproofError):
    """A file or folder can't be written or read by this user."""

    exit_code = ExitCode.USAGE


class DiskFullError(GreenproofError):
    """There is no space left where something of ours is kept."""

    exit_code = ExitCode.INTERNAL_ERROR


class RunnerError(GreenproofError):
    """The test command could not be run at all."""

    exit_code = ExitCode.USAGE


class RelayError(GreenproofError):
    """The relay could not start, or was lost on the way."""

    exit_code = ExitCode.INTERNAL_ERROR


class InterruptedByUser(GreenproofError):
    """Ctrl-C or SIGTERM."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str = "interrupted") -> None:
        super().__init__(message, code="interrupted")


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""What the system says when a place is not ours."""


def from_system(error: OSError) -> GreenproofError | None:
    """An error of the file system in our words; None for any other error of the system."""
    where = str(error.filename) if error.filename is not None else None
    if error.errno in FULL:
        return DiskFullError(
            "the disk is full; what was recorded before is kept",
            code="disk-full",
            where=where,
            expected="free space",
            hint="free some space there (old folders of .greenproof/evidence, logs, temporary files), then run again",
        )
    if error.errno in REFUSED and where is not None:
        return PlaceError(
            f"this place can't be used: {error.strerror}",
            code="place-refused",
            where=where,
            expected="a file or folder that this user may read and write",
            hint="change its owner or mode, or run in a folder of your own",
        )
    return None
