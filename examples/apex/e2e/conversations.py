"""WebSocket conversations: send, then read until the run is over. Every wait has a deadline."""

import json
import uuid
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from e2e import addresses
from e2e.accounts import Person

DEADLINE = 5.0
FIVE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
_GOES_ON = (frozenset(FIVE) | {"answer_chunk"}) - {"agent_completed"}

Event = dict[str, Any]


def open_socket(person: Person) -> ClientConnection:
    """A connection with the subprotocol `jwt`; use it in a `with` statement."""
    return connect(
        addresses.websocket(),
        subprotocols=person.subprotocols,
        open_timeout=DEADLINE,
        close_timeout=DEADLINE,
    )


def send(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def receive(socket: ClientConnection) -> Event:
    """The next message."""
    event: Event = json.loads(socket.recv(timeout=DEADLINE))
    return event


def ask(
    socket: ClientConnection, thread_id: str, content: str, stream: bool = False
) -> list[Event]:
    """Send a message in a thread; the events up to the last, or to the first that is none."""
    send(socket, type="message", thread_id=thread_id, content=content, stream=stream)
    return rest(socket)


def rest(socket: ClientConnection) -> list[Event]:
    """The events from the next to the last, or to the first that is none."""
    events = [receive(socket)]
    while events[-1].get("type") in _GOES_ON:
        events.append(receive(socket))
    return events


def watch(socket: ClientConnection, thread_id: str) -> Event:
    """Ask for the events of all runs of a thread; what the server says to that."""
    send(socket, type="watch", thread_id=thread_id)
    return receive(socket)


def resume(socket: ClientConnection, run_id: str, after: int) -> list[Event]:
    """The events of a run behind a number, and what tells that there are no more, or an error."""
    send(socket, type="resume", run_id=run_id, after=after)
    events = rest(socket)
    return [*events, receive(socket)] if events[-1].get("type") == FIVE[-1] else events


def kinds(events: list[Event]) -> list[str | None]:
    """The types of the events, in order."""
    return [event.get("type") for event in events]


def fell_silent(socket: ClientConnection) -> bool:
    """Whether nothing of an earlier question is still on its way: a ping overtakes nothing."""
    token = uuid.uuid4().hex
    try:
        send(socket, type="ping", token=token)
        return any(receive(socket).get("token") == token for _ in range(50))
    except (ConnectionClosed, TimeoutError, ValueError):
        return False
