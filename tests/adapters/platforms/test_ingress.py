"""The ingress alone: framing, refusals, tunnels and stale connections, on raw sockets."""

import asyncio
import contextlib

import pytest

from greenproof.adapters.platforms.local.ingress import Ingress, Upstream
from greenproof.adapters.platforms.local.sockets import free_port


@contextlib.asynccontextmanager
async def serving(behave):
    """An ingress in front of a server that `behave(reader, writer)` plays; yields door, server's port."""

    players = set()

    async def play(reader, writer):
        players.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await behave(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    ingress = Ingress()
    door = await ingress.open("web", free_port())
    upstream = Upstream("web", "web-1", server.sockets[0].getsockname()[1])
    ingress.switch({"web": upstream})
    try:
        yield ingress, door
    finally:
        await ingress.close()
        upstream.close()
        server.close()
        if players:
            await asyncio.wait(players, timeout=5)


async def talk(door, data, *, end=True):
    """Send bytes, read to the end (the ingress closes when asked to)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(data)
    async with asyncio.timeout(10):
        answer = await reader.read() if end else await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


async def head(reader):
    return await reader.readuntil(b"\r\n\r\n")


def answering(text):
    async def behave(reader, writer):
        while True:
            behave.seen.append(await head(reader))
            writer.write(text)
            await writer.drain()
            if b"content-length" not in text.lower() and b"chunked" not in text.lower():
                return

    behave.seen = []
    return behave


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Odd-CASE: kept\r\n\r\nok"
CLOSE = b"Connection: close\r\n\r\n"


def run(coroutine):
    return asyncio.run(coroutine)


def test_fields_are_passed_on_with_their_case_and_hop_by_hop_ones_are_not():
    behave = answering(OK)

    async def scene():
        async with serving(behave) as (_, door):
            request = b"GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nX-Mine: 1\r\nX-Hop: 2\r\nConnection: close, x-hop\r\n\r\n"
            return await talk(door, request)

    answer = run(scene())
    assert b"X-Odd-CASE: kept" in answer
    assert answer.endswith(b"\r\n\r\nok")
    seen = behave.seen[0]
    assert seen.startswith(b"GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\n")
    assert b"X-Mine: 1" in seen
    assert b"X-Hop" not in seen
    assert b"X-Forwarded-For: 127.0.0.1" in seen


def test_pipelined_requests_are_answered_in_order():
    async def scene():
        async with serving(answering(OK)) as (_, door):
            return await talk(door, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n" + CLOSE)

    assert run(scene()).count(b"200 OK") == 2


@pytest.mark.parametrize(
    ("method", "answer", "expected"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"Content-Length: 500"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", b"204 No Content"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b"ETag: x"),
        (b"GET", b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"GET", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"103 Early Hints"),
    ],
)
def test_framing(method, answer, expected):
    async def scene():
        async with serving(answering(answer)) as (_, door):
            return await talk(door, method + b" / HTTP/1.1\r\nHost: a\r\n" + CLOSE)

    assert expected in run(scene())


def test_a_client_that_waits_for_100_continue_gets_it_from_the_service():
    async def behave(reader, writer):
        await head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(OK)

    async def scene():
        async with serving(behave) as (_, door):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            first = await asyncio.wait_for(head(reader), 5)
            writer.write(b"body")
            second = await asyncio.wait_for(head(reader), 5)
            writer.close()
            return first, second

    first, second = run(scene())
    assert first.startswith(b"HTTP/1.1 100")
    assert second.startswith(b"HTTP/1.1 200")


def test_what_is_not_http_is_refused_and_marked():
    async def scene():
        async with serving(answering(OK)) as (_, door):
            garbage = await talk(door, b"this is not HTTP\r\n\r\n")
            large = await talk(door, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 300_000 + b"\r\n\r\n")
            smuggled = await talk(
                door, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
            )
            return garbage, large, smuggled

    garbage, large, smuggled = run(scene())
    assert garbage.startswith(b"HTTP/1.1 400")
    assert large.startswith(b"HTTP/1.1 431")
    assert smuggled.startswith(b"HTTP/1.1 501")
    assert all(b"X-Greenproof-Ingress: bad-request" in one for one in (garbage, large, smuggled))


def test_length_and_chunks_at_once_reach_the_service_as_chunks_only():
    behave = answering(OK)

    async def scene():
        async with serving(behave) as (_, door):
            request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            return await talk(door, request + b"2\r\nhi\r\n0\r\n\r\n")

    run(scene())
    assert b"content-length" not in behave.seen[0].lower()


def test_no_release_and_no_listener_are_said_by_the_ingress():
    async def scene():
        async with serving(answering(OK)) as (ingress, door):
            ingress.switch({"web": None})
            none = await talk(door, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody", end=False)
            ingress.switch({"web": Upstream("web", "web-2", free_port())})
            refused = await talk(door, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", end=False)
            return none, refused

    none, refused = run(scene())
    assert none.startswith(b"HTTP/1.1 503")
    assert refused.startswith(b"HTTP/1.1 502")
    assert all(b"X-Greenproof-Ingress: no-upstream" in one for one in (none, refused))


def test_an_answer_that_breaks_off_is_not_made_to_look_whole():
    async def behave(reader, writer):
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async def scene():
        async with serving(behave) as (_, door):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            received = b""
            with contextlib.suppress(ConnectionResetError):
                async with asyncio.timeout(5):
                    received = await reader.read()
            writer.close()
            return received

    assert not run(scene()).endswith(b"\r\n0\r\n\r\n")


def test_a_stale_pooled_connection_costs_no_request():
    async def behave(reader, writer):
        await head(reader)
        writer.write(OK)
        await writer.drain()

    async def scene():
        async with serving(behave) as (_, door):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            answers = []
            for method in (b"GET", b"POST") * 10:
                extra = b"" if method == b"GET" else b"Content-Length: 0\r\n"
                writer.write(method + b" / HTTP/1.1\r\nHost: a\r\n" + extra + b"\r\n")
                answers.append(await asyncio.wait_for(head(reader), 5))
                await reader.readexactly(2)
            writer.close()
            return answers

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in run(scene()))


def test_a_client_that_leaves_frees_the_upstream():
    async def scene():
        arrived, gone = asyncio.Event(), asyncio.Event()

        async def behave(reader, writer):
            await head(reader)
            arrived.set()
            assert await reader.read() == b""
            gone.set()

        async with serving(behave) as (_, door), asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            await arrived.wait()
            writer.close()
            assert await door.upstream.quiet(5)
            await gone.wait()

    run(scene())


def test_a_tunnel_carries_bytes_both_ways_and_ends_with_either_side():
    async def behave(reader, writer):
        await head(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\nSec-Y: 1\r\n\r\nfirst")
        while data := await reader.read(100):
            writer.write(data.upper())

    async def scene():
        async with serving(behave) as (_, door):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
            async with asyncio.timeout(5):
                opening = await head(reader)
                first = await reader.readexactly(5)
                writer.write(b"hello")
                second = await reader.readexactly(5)
                writer.write_eof()
                rest = await reader.read()
                assert await door.upstream.quiet(5)
            writer.close()
            return opening, first, second, rest

    opening, first, second, rest = run(scene())
    assert b"Sec-Y: 1" in opening
    assert (first, second, rest) == (b"first", b"HELLO", b"")
