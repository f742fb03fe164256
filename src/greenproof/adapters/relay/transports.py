"""Connections that end before all was read: what a peer sent before a reset, and how not to reset one ourselves."""

import asyncio
import os
from collections.abc import Iterator
from typing import cast

_LARGEST_READ = 1 << 18
_MOST_READ = 64
"""How often the rest is read that a service sent before it reset the connection."""
LINGER_S = 10.0
"""Seconds in which a client may finish an upload that was answered early."""


def unread(transport: asyncio.Transport) -> Iterator[bytes]:
    """What a peer sent before it reset the connection: a service that answers and closes before it has read an upload
    does that, and its answer is still there."""
    descriptor = transport.get_extra_info("socket").fileno()
    for _ in range(_MOST_READ):
        try:
            data = os.read(descriptor, _LARGEST_READ)
        except OSError:
            return
        if not data:
            return
        yield data


class _Lingering(asyncio.Protocol):
    """Reads what nobody needs any more, until the peer has enough or the time is over."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._before = cast("asyncio.Protocol", transport.get_protocol())
        self._deadline = asyncio.get_running_loop().call_later(LINGER_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Who served the connection before hears of its end."""
        self._deadline.cancel()
        self._before.connection_lost(exc)


def close_gently(transport: asyncio.Transport) -> None:
    """End a connection whose peer may still be sending. To close with something unread would reset it: the peer's
    next write would fail, and with it the answer would be lost that it was already sent.
    """
    if transport.is_closing() or not transport.can_write_eof():
        transport.close()
        return
    try:
        transport.write_eof()
    except OSError:
        # It has left meanwhile.
        transport.close()
        return
    transport.set_protocol(_Lingering(transport))
    transport.resume_reading()
