"""The connection to the service, behind one client of the lean relay."""

import asyncio
from typing import TYPE_CHECKING, cast

from greenproof.adapters.relay.transports import unread

if TYPE_CHECKING:
    from greenproof.adapters.relay.lean.client import Front


class Back(asyncio.Protocol):
    """What the service sends goes to the client's side; nothing is decided here."""

    transport: asyncio.Transport

    def __init__(self, front: "Front") -> None:
        self.front = front
        self.over = False
        """Nothing more comes from it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The service accepted."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self.front.answered(data)

    def eof_received(self) -> bool:
        """The service sends no more."""
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is not None and not self.over:
            for data in unread(self.transport):
                self.front.answered(data)
        self._end()

    def pause_writing(self) -> None:
        """The service does not take what it is sent."""
        self.front.read(False)

    def resume_writing(self) -> None:
        """It takes more."""
        self.front.read(True)

    def _end(self) -> None:
        if not self.over:
            self.over = True
            self.front.service_left(self)
