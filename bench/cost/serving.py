"""A process with three ports: answers at once, answers after 50 ms, and a sink for what the peers export.

Prints the ports as JSON, then serves until its standard input ends. Standard library only.
"""

import asyncio
import json
import sys
from collections import Counter
from functools import partial

DELAY_S = 0.05
_ORDER = b'{"id": %d, "status": "open", "total": 12.5}'
_AGENT = json.dumps({"version": "7.60.0", "endpoints": ["/v0.4/traces", "/evp_proxy/v2/", "/evp_proxy/v4/"]}).encode()
received: Counter[str] = Counter()
"""Paths that came to the sink: whether a peer really exported."""


class Exchanges(asyncio.Protocol):
    """Framing of HTTP/1.1, no more than the clients here need."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            size = _body_size(head.lower(), self.buffer[end + 4 :])
            if size is None or len(self.buffer) < end + 4 + size:
                return
            self.buffer = self.buffer[end + 4 + size :]
            self.answer(head.split(b" ", 2)[1])

    def answer(self, path: bytes) -> None:
        body = self.body(path)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.transport.write, head.encode() + body)
        else:
            self.transport.write(head.encode() + body)

    def body(self, path: bytes) -> bytes:
        return _ORDER % int(path.rpartition(b"/")[2] or 0)


class Sink(Exchanges):
    """Takes everything; says what an agent says of itself."""

    def body(self, path: bytes) -> bytes:
        if path == b"/received":
            return json.dumps(received).encode()
        received[path.decode()] += 1
        return _AGENT if path == b"/info" else b"{}"


def _body_size(head: bytes, rest: bytes) -> int | None:
    """Bytes of the body; None: its end has not come yet."""
    _, found, value = head.partition(b"\r\ncontent-length:")
    if found:
        return int(value.partition(b"\r\n")[0])
    if b"\r\ntransfer-encoding: chunked" not in head:
        return 0
    last = rest.find(b"0\r\n\r\n")
    return None if last < 0 else last + 5


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    makers = {"at_once": partial(Exchanges, 0.0), "delayed": partial(Exchanges, DELAY_S), "sink": partial(Sink, 0.0)}
    servers = {name: await loop.create_server(maker, "127.0.0.1", 0) for name, maker in makers.items()}
    print(json.dumps({name: server.sockets[0].getsockname()[1] for name, server in servers.items()}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
