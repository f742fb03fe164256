"""What asyncio leaves in a socket when a connection is reset."""

import asyncio
import os
from collections.abc import Iterator

_LARGEST_READ = 1 << 18
_MOST_READ = 64
"""How often the rest is read that a service sent before it reset the connection."""


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
