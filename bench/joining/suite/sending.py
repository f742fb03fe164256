"""What is sent says who sends it, by what pytest itself says of the running case."""

import base64
import itertools
import os

_serial = itertools.count()


def sender() -> tuple[str, str]:
    """The running case in base 64, and its phase."""
    case, _, phase = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")
    return encode(case), phase.strip("()")


def encode(case: str) -> str:
    """Any node id, so that it fits into a path."""
    return base64.urlsafe_b64encode(case.encode()).decode().rstrip("=")


def path(way: str, phase: str | None = None) -> str:
    """The path of a request that the running case sends now; `phase` only where pytest's word is too coarse."""
    case, running = sender()
    return f"/sent/{way}/{case}/{phase or running}/{os.getpid()}-{next(_serial)}"


def message() -> str:
    """A message that the running case sends now."""
    return "/".join(sender())


def outside(way: str) -> str:
    """The path of a request that belongs to no case."""
    return f"/sent/{way}/{encode('none')}/outside/{os.getpid()}-{next(_serial)}"
