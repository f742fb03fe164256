"""Probes against servers that refuse, stall, babble or are somebody else."""

import asyncio
import contextlib

import pytest

from greenproof.adapters.platforms.local.sockets import free_port
from greenproof.adapters.probes import http, postgres, redis, tcp
from greenproof.model.plan import IdentitySource


async def against(answer, probe, *, hold=False):
    """Run `probe(port)` against a server that says `answer` to everything."""

    players = set()

    async def play(reader, writer):
        players.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            await reader.read(100)
            writer.write(answer)
            if hold:
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    try:
        return await probe(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        if players:
            await asyncio.wait(players, timeout=5)


def check(port, **changes):
    return http.HttpCheck("web", port, "/health/ready", expected="web-1", **changes)


def address(port):
    return postgres.PostgresAddress(port, "u", "p", "d")


PROBES = {
    "http": lambda port: http.read(check(port), 0.3),
    "postgres": lambda port: postgres.read("db", address(port), 0.3),
    "redis": lambda port: redis.read("cache", port, "p", timeout=0.3),
}


@pytest.mark.parametrize("name", PROBES)
def test_refused(name):
    assert asyncio.run(PROBES[name](free_port())).state == "refused"


@pytest.mark.parametrize("name", PROBES)
def test_garbage(name):
    assert asyncio.run(against(b"\0\1 nonsense \r\n\r\n", PROBES[name])).state in ("garbage", "not-ready")


@pytest.mark.parametrize("name", PROBES)
def test_stalls(name):
    assert asyncio.run(against(b"", PROBES[name], hold=True)).state == "timeout"


@pytest.mark.parametrize("name", PROBES)
def test_closes_without_a_word(name):
    assert asyncio.run(against(b"", PROBES[name])).state == "garbage"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        (b"X-Greenproof-Revision: web-1\r\n", "ready"),
        (b"X-Greenproof-Revision: web-2\r\n", "wrong-identity"),
        (b"", "wrong-identity"),
        (b"X-Greenproof-Revision: web-1\r\nX-Greenproof-Proof: 00\r\n", "foreign-process"),
    ],
)
def test_identity(fields, state):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + b"\r\n"
    reading = asyncio.run(against(answer, lambda port: http.read(check(port, nonce="n"), 2)))
    assert reading.state == state
    assert reading.latency_ms > 0


def test_identity_in_a_document():
    body = b'{"build": {"revision": "web-1"}}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    source = IdentitySource(header=None, path="/version", field="build.revision")
    reading = asyncio.run(against(answer, lambda port: http.read(check(port, identity=source), 2)))
    assert (reading.state, reading.identity) == ("ready", "web-1")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"checks": {"db": {"ok": false, "error": "x"}, "cache": "ok"}}',
            '[{"name": "db", "ok": false, "error": "x"}]',
        ),
        (b'{"checks": [{"name": "db", "status": "down"}]}', '[{"name": "db", "status": "down"}]'),
        (b'{"status": "degraded"}', '{"status": "degraded"}'),
        (b"plain   text", "plain text"),
        (b"x" * 9999, "x" * http.LONGEST_DETAIL),
    ],
)
def test_failing_checks(body, expected):
    assert http.failing_checks(body) == expected


def test_redis_of_another_process_is_not_believed():
    answer = b"+OK\r\n+PONG\r\n$15\r\nprocess_id:4711\r\n"
    reading = asyncio.run(against(answer, lambda port: redis.read("cache", port, "p", pid=1), hold=True))
    assert reading.state == "foreign-process"


def test_tcp():
    assert asyncio.run(tcp.read("x", "127.0.0.1", free_port())).state == "refused"
    assert asyncio.run(against(b"", lambda port: tcp.read("x", "127.0.0.1", port))).state == "alive"
