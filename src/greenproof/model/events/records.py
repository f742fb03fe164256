"""All events, and how they are written and read as records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from greenproof.model.encoding import fields_of
from greenproof.model.encoding import read as decoded
from greenproof.model.events.cases import CaseEvent
from greenproof.model.events.releases import ReleaseEvent
from greenproof.model.events.runs import RunEvent


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a newer version, kept as it is."""

    kind: str
    body: Mapping[str, object]


type Event = RunEvent | ReleaseEvent | CaseEvent | UnknownEvent

EVENTS: tuple[type[Any], ...] = tuple(
    event for alias in (RunEvent, ReleaseEvent, CaseEvent) for event in get_args(alias.__value__)
)
"""All that this version knows."""

_BY_KIND = {event.__name__: event for event in EVENTS}


def to_record(event: Event) -> tuple[str, dict[str, object]]:
    """The kind of an event, and its fields as JSON-able values.

    Raises ValueError for a number that is not finite, TypeError for a value that JSON doesn't know.
    """
    if isinstance(event, UnknownEvent):
        return event.kind, dict(event.body)
    if type(event) not in EVENTS:
        raise TypeError(f"{type(event).__name__} is not an event")
    return type(event).__name__, fields_of(event)


def from_record(kind: str, record: Mapping[str, object]) -> Event:
    """The event that `to_record` turned into this record.

    Fields that this version doesn't know are left out. A kind that it doesn't know, or whose fields it can't read,
    becomes an `UnknownEvent` with everything in it.
    """
    event = _BY_KIND.get(kind)
    if event is None:
        return UnknownEvent(kind, record)
    try:
        read: Event = decoded(event, record)
    except (TypeError, ValueError, KeyError):
        return UnknownEvent(kind, record)
    return read
