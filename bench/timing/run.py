"""How much of a time that the relay measures is the relay's own: the same requests and messages without it and with it.

Usage: python bench/timing/run.py [--rounds 5] [--requests 300]
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.analysis.performance import measured, watch_for
from greenproof.model.facts import CaseRecord, Join, Outcome, RunObservation
from greenproof.model.performance import Measure, PerformanceTarget, Statistic
from greenproof.model.routes import Route

CASE = "bench::case"
GET = b"GET /json HTTP/1.1\r\nHost: bench\r\n\r\n"
OPEN = (
    b"GET /ws HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT = b'{"type": "ping", "token": "0123456789abcdef"}'
FRAME = bytes([0x81, 0x80 | len(TEXT), 0, 0, 0, 0]) + TEXT
"""A message under a mask of zeros."""
REQUEST = PerformanceTarget("request", (Route.parse("GET /json"),), 1e9, statistic=Statistic.MEDIAN)
MESSAGE = PerformanceTarget(
    "message", (Route.parse("WS /ws"),), 1e9, Measure.EVENT, Statistic.MEDIAN, "ping", sent="ping", link="token"
)


def serve() -> None:
    """A service that does next to nothing, in a process of its own."""
    from aiohttp import WSMsgType, web

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"name": "Ada"})

    async def echo(request: web.Request) -> web.WebSocketResponse:
        conversation = web.WebSocketResponse()
        await conversation.prepare(request)
        async for message in conversation:
            if message.type is WSMsgType.TEXT:
                await conversation.send_str(message.data)
        return conversation

    app = web.Application()
    app.add_routes([web.get("/json", answer), web.get("/ws", echo)])
    held = socket.create_server(("127.0.0.1", 0))
    print(held.getsockname()[1], flush=True)
    web.run_app(app, sock=held, print=None, access_log=None)


@contextlib.contextmanager
def served() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def talk(port: int, opening: bytes, words: bytes, end: bytes, times: int) -> list[float]:
    """Milliseconds from the last byte sent to the whole of each short answer, on one connection."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if opening:
            raw.sendall(opening)
            until(raw, b"\r\n\r\n")
        for _ in range(times):
            began = time.monotonic_ns()
            raw.sendall(words)
            until(raw, end)
            found.append((time.monotonic_ns() - began) / 1e6)
    return found


def until(raw: socket.socket, end: bytes) -> None:
    received = b""
    while not received.endswith(end):
        part = raw.recv(65536)
        if not part:
            raise ConnectionError("closed too early")
        received += part


def seen(run: RunObservation, target: PerformanceTarget, times: int) -> float:
    """The median as a worklog tells it. Nobody said whose the exchanges are: here all are one case's."""
    exchanges = tuple(replace(exchange, case=CASE, join=Join.PORT) for exchange in run.exchanges)
    (found,) = measured((target,), replace(run, cases=(CaseRecord(CASE, Outcome.PASSED),), exchanges=exchanges))
    if found.median_ms is None or found.n != times or found.left_out:
        raise RuntimeError(f"{times} samples were expected: {found}")
    return found.median_ms


def one_round(port: int, witness: Witness, times: int) -> dict[str, tuple[float, float, float]]:
    """By kind: without the relay, as the relay tells it, and as the client sees it through the relay."""
    relay = int(witness.address_of("api").rsplit(":", 1)[1])
    found = {}
    kinds = (("request", b"", GET, b"}", REQUEST), ("message", OPEN, FRAME, TEXT, MESSAGE))
    for name, opening, words, end, target in kinds:
        bare = statistics.median(talk(port, opening, words, end, times))
        witness.begin(None, None, None, watch_for((target,)))
        through = statistics.median(talk(relay, opening, words, end, times))
        run = witness.finish(exit_code=0, timed_out=False, duration_s=1.0)
        found[name] = (bare, seen(run, target, times), through)
    return found


def table(label: str, rounds: Sequence[dict[str, tuple[float, float, float]]]) -> None:
    for name in rounds[0]:
        shares = [row[name][1] - row[name][0] for row in rounds]
        medians = [statistics.median(row[name][n] for row in rounds) for n in range(3)]
        cells = " | ".join(f"{value:.3f}" for value in (*medians, statistics.median(shares)))
        print(f"| {name}, {label} | {cells} | {min(shares):.3f} to {max(shares):.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve()
        return
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        "| milliseconds, median | without the relay | told by the relay | seen through it | the relay's part | range |"
    )
    print("|---|---|---|---|---|---|")
    with served() as port, tempfile.TemporaryDirectory() as folder:
        for lean in (True, False):
            state = Path(folder) / str(lean)
            state.mkdir()
            target = RelayTarget("api", f"http://127.0.0.1:{port}", {})
            with Witness.start([target], state=state, lean=lean) as witness:
                rounds = [one_round(port, witness, chosen.requests) for _ in range(chosen.rounds)]
            table("lean relay" if lean else "mitmproxy", rounds)


if __name__ == "__main__":
    main()
