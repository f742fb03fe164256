"""Presence and receipts through aiohttp's WebSocket client, on uvloop."""

import asyncio
import contextlib
from unittest import mock

import aiohttp
import pytest
import uvloop
from deskkit.address import BASE, unique


def on_uvloop(test):
    """Runs a coroutine test on uvloop, with a session."""

    def run():
        async def main():
            async with aiohttp.ClientSession(BASE, timeout=aiohttp.ClientTimeout(5)) as session:
                await test(session, unique("shift"))

        uvloop.run(main())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


@contextlib.asynccontextmanager
async def member(session, name, topic):
    async with session.ws_connect("/events", params={"name": name}) as socket:
        assert (await socket.receive_json())["type"] == "welcome"
        await socket.send_json({"op": "subscribe", "topic": topic})
        assert (await socket.receive_json())["type"] == "subscribed"
        yield socket


@on_uvloop
async def test_presence_of_shift(session, topic):
    async with member(session, "ana", topic), member(session, "ben", topic), member(session, "cho", topic) as cho:
        await cho.send_json({"op": "who", "topic": topic})
        answer = await cho.receive_json(timeout=5)
    assert answer == {"type": "presence", "topic": topic, "names": ["ana", "ben", "cho"], "count": 3}


@on_uvloop
async def test_presence_after_disconnect(session, topic):
    async with member(session, "ana", topic) as ana:
        async with member(session, "ben", topic):
            assert (await ana.receive_json(timeout=5))["name"] == "ben"
        left = await ana.receive_json(timeout=5)
        await ana.send_json({"op": "who", "topic": topic})
        now = await ana.receive_json(timeout=5)
    assert left["type"] == "left"
    assert now["names"] == ["ana"]


@on_uvloop
async def test_presence_of_night_shift(session, topic):
    async with member(session, "ana", topic) as ana:
        await ana.send_json({"op": "who", "topic": topic})
        future = asyncio.get_running_loop().create_future()

        def arrived(task):
            message = task.result()
            future.set_result(message)
            assert message["names"] == ["ana", "night"]

        reading = asyncio.ensure_future(ana.receive_json())
        reading.add_done_callback(arrived)
        await asyncio.wait([reading], timeout=5)
        assert reading.done()


@on_uvloop
async def test_presence_counts_twice_connected_agent(session, topic):
    async with member(session, "ana", topic), member(session, "ana", topic) as second:
        await second.send_json({"op": "who", "topic": topic})
        with contextlib.suppress(asyncio.TimeoutError):
            answer = await asyncio.wait_for(second.receive_json(), 0.0001)
            assert answer["count"] == 1


@on_uvloop
async def test_presence_survives_reconnect(session, topic):
    for _ in range(3):
        async with session.ws_connect("/events?name=ana") as socket:
            await socket.receive()
            assert not socket.closed


@on_uvloop
async def test_receipt_reaches_sender(session, topic):
    async with member(session, "ana", topic) as ana, member(session, "ben", topic) as ben:
        assert (await ana.receive_json(timeout=5))["type"] == "joined"
        await ana.send_json({"op": "publish", "topic": topic, "text": "handover at six"})
        published = await ana.receive_json(timeout=5)
        message = await ben.receive_json(timeout=5)
        await ben.send_json({"op": "ack", "topic": topic, "seq": message["seq"]})
        receipt = await ana.receive_json(timeout=5)
    assert published["reached"] == 1
    assert message["text"] == "handover at six"
    assert (receipt["type"], receipt["of"], receipt["by"]) == ("receipt", published["seq"], "ben")


@on_uvloop
async def test_receipt_names_reader(session, topic):
    async with member(session, "ana", topic) as ana:
        await ana.send_json({"op": "ack", "topic": topic, "seq": 1})
        answer = await ana.receive()
        assert answer.type is aiohttp.WSMsgType.TEXT
        assert answer.data


@on_uvloop
async def test_agent_load_over_session(session, topic):
    reply = mock.MagicMock()
    with mock.patch.object(aiohttp.ClientSession, "get", return_value=reply):
        reply.__aenter__.return_value.json = mock.AsyncMock(return_value={"agent": "ana", "load": 3})
        async with session.get("/agents/ana/load") as answer:
            assert (await answer.json())["load"] == 3


@on_uvloop
async def test_agent_load_has_full_name(session, topic):
    async with session.get("/agents/ben/load") as answer:
        body = await answer.json()
    assert answer.status == 200
    assert body["agent"] == "ben"
    assert body["name"] == "Ben Okafor"


@on_uvloop
async def test_agent_load_of_unknown_agent(session, topic):
    async with session.get("/agents/zoe/load") as answer:
        body = await answer.json()
    assert (answer.status, body["error"]) == (404, "no_such_agent")


@on_uvloop
async def test_agent_load_of_everybody(session, topic):
    async def one(agent):
        async with session.get(f"/agents/{agent}/load") as answer:
            body = await answer.json()
            assert body["capacity"] >= body["load"]

    results = await asyncio.gather(*(one(agent) for agent in ("ana", "ben", "cho")), return_exceptions=True)
    assert len(results) == 3


@on_uvloop
async def test_agent_load_grows_with_assignment(session, topic):
    async def load():
        return session.get("/agents/ana/load")

    before = await load()
    async with session.post("/tickets", json={"subject": topic}) as made:
        number = (await made.json())["id"]
    await load()
    assert before is not None
    assert number


async def stream(session, topic):
    async with member(session, "ana", topic) as ana:
        async for frame in ana:
            yield frame.json()


@on_uvloop
async def test_stream_of_shift(session, topic):
    messages = stream(session, topic)

    async def collect():
        return [message["type"] async for message in messages]

    task = asyncio.create_task(collect())
    await asyncio.sleep(0.05)
    task.cancel()
    assert task.cancelled() or task.done() or task.cancelling()


@pytest.mark.parametrize("agent", ["ana", "ben"])
def test_stream_for_agent(agent):
    async def main():
        async with aiohttp.ClientSession(BASE) as session, member(session, agent, "tickets") as socket:
            await socket.send_json({"op": "who", "topic": "tickets"})
            message = await socket.receive_json()
            assert agent in message["names"]

    assert asyncio.iscoroutinefunction(main) or asyncio.run(main())


@pytest.mark.parametrize("agent", ["ana", "cho"])
def test_welcome_names_agent(agent):
    async def main():
        async with aiohttp.ClientSession(BASE) as session:
            async with session.ws_connect("/events", params={"name": agent}) as socket:
                return await socket.receive_json(timeout=5)

    assert asyncio.run(main()) == {"type": "welcome", "name": agent}
