"""Ends of connections, with real sockets."""

import asyncio
import socket
import struct

from greenproof.adapters.relay.transports import close_gently


def test_a_peer_that_has_reset_the_connection_is_no_trouble():
    async def close() -> list[object]:
        troubles: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: troubles.append(context))
        ours, theirs = socket.create_server(("127.0.0.1", 0)), socket.socket()
        with ours, theirs:
            theirs.connect(ours.getsockname())
            accepted, _ = ours.accept()
            transport, protocol = await loop.connect_accepted_socket(Ended, accepted)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The loop has not heard of it.
        close_gently(transport)
        await asyncio.wait_for(protocol.ended, 5)
        return troubles

    assert asyncio.run(close()) == []


class Ended(asyncio.Protocol):
    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)
