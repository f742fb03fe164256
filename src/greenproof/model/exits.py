"""The exit codes of every command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means. The order in which they apply is that of `contracts`: 3, 2, 4, 1, 5, 6, 0."""

    VERIFIED = 0
    """Every case of the gating priorities is proven (or the command did what it was asked)."""
    FAILED = 1
    """A gating case failed or is hollow, or an operation was refused by the system under test."""
    INTERRUPTED = 2
    """A person or a signal stopped it."""
    INTERNAL_ERROR = 3
    """A defect of Greenproof itself."""
    USAGE = 4
    """The command line or the configuration is wrong."""
    NOTHING_VERIFIED = 5
    """Nothing is proven: no information."""
    INCONCLUSIVE = 6
    """A gating case is unproven: evidence is missing."""
