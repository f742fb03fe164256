"""Messages of a WebSocket that reach the client twice, or in another order.

Only whole messages of the service are arranged, and none is lost: one that waits for the next goes on its way as soon
as the client speaks, the service closes, or a while has passed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import wsproto.events

from greenproof.model.sensitivity import Means

WAITING_S = 1.0
"""Seconds for which a message waits for the next one."""
LARGEST = 1 << 20
"""Characters or bytes of a message beyond which it goes its way as it is."""

type Event = wsproto.events.Event
type Message = wsproto.events.Message[Any]


class Arranging:
    """What one conversation sends to its client."""

    def __init__(self) -> None:
        self._means: Means | None = None
        self._delivered: Callable[[], None] = lambda: None
        self._parts: list[Message] = []
        self._held: list[Message] = []
        self._swapped = False

    @property
    def waiting(self) -> bool:
        """Whether a message is held back."""
        return bool(self._held)

    def prepare(self, means: Means | None, delivered: Callable[[], None]) -> None:
        """What is done with the next message, and who is told when it was done."""
        self._means, self._delivered = means, delivered

    def __call__(self, event: Event) -> Sequence[Event]:
        """What is sent for this frame."""
        if not isinstance(event, wsproto.events.Message):
            # A ping may overtake; nothing comes after a close.
            return [*self.release(), event] if isinstance(event, wsproto.events.CloseConnection) else [event]
        self._parts.append(event)
        if not event.message_finished:
            return []
        message, self._parts = self._parts, []
        if sum(len(part.data) for part in message) > LARGEST:
            return [*self.release(), *message]
        if self._means is Means.EVENT_DOUBLED:
            self._delivered()
            return [*message, *message]
        if self._held:
            return self._swap(message)
        if self._means is Means.EVENT_REORDERED and not self._swapped:
            self._held = message
            return []
        return message

    def _swap(self, message: list[Message]) -> list[Message]:
        before, self._held, self._swapped = self._held, [], True
        if [part.data for part in before] == [part.data for part in message]:
            return [*before, *message]
        self._delivered()
        return [*message, *before]

    def release(self) -> list[Message]:
        """The message that was held back; its fault was not delivered."""
        held, self._held = self._held, []
        return held
