"""Subjects: which case or service an event is about, so that the history of one is found without reading all."""

from collections.abc import Mapping

CASE = "case"
SERVICE = "service"

_NAMED = {
    "CaseFinished": (CASE, "case", "id"),
    "VerdictReached": (CASE, "verdict", "id"),
    "ReadingTaken": (SERVICE, "reading", "service"),
}
KINDS = tuple(_NAMED)
"""The kinds of events that have a subject."""


def subject_of(kind: str, record: object) -> bytes | None:
    """The key under which an event is listed; None when it is about no single case or service."""
    if kind not in _NAMED or not isinstance(record, Mapping):
        return None
    what, field, name = _NAMED[kind]
    inner = record.get(field)
    found = inner.get(name) if isinstance(inner, Mapping) else None
    return key(what, found) if isinstance(found, str) else None


def key(what: str, name: str) -> bytes:
    """`what` and a name as bytes; also for names that are no Unicode."""
    return f"{what} {name}".encode("utf-8", "surrogatepass")


def name_of(found: bytes) -> str:
    """The name in a key."""
    return found.decode("utf-8", "surrogatepass").partition(" ")[2]


def bounds(what: str) -> tuple[bytes, bytes]:
    """Every key of `what` is at least the first and less than the second."""
    return f"{what} ".encode(), f"{what}!".encode()
