"""Server-sent events, as they come."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ServerSent:
    """One event: its number where it has one, its kind, its data."""

    number: int | None
    kind: str
    data: dict[str, Any]


def server_sent(lines: Iterable[str]) -> Iterator[ServerSent]:
    """The events in the lines of a stream, each as soon as it is complete."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            number = int(fields["id"]) if "id" in fields else None
            yield ServerSent(number, fields["event"], json.loads(fields["data"]))
            fields = {}


def pieces(events: Iterable[dict[str, Any]]) -> list[str]:
    """The pieces of the answer among these events."""
    return [event["text"] for event in events if event.get("type") == "answer_chunk"]
