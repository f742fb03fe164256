"""Live events: subscribe, ticket events, broadcast, acknowledge (websockets, asyncio)."""

import asyncio
import json
from unittest.mock import AsyncMock

import httpx
import pytest
import websockets
from deskkit.address import BASE, WS, unique
from deskkit.live import Listener, conversation, hear, maybe, say, until

pytestmark = pytest.mark.asyncio


async def create(subject, **rest):
    async with httpx.AsyncClient(base_url=BASE) as http:
        answer = await http.post("/tickets", json={"subject": subject, **rest})
        answer.raise_for_status()
        return answer.json()


async def change(number, **fields):
    async with httpx.AsyncClient(base_url=BASE) as http:
        return (await http.patch(f"/tickets/{number}", json=fields)).json()


@pytest.fixture
def topic():
    return unique("room")


async def test_subscribe_is_confirmed(topic):
    async with conversation("ana") as socket:
        await say(socket, op="subscribe", topic=topic)
        message = await hear(socket)
        assert message == {"type": "subscribed", "topic": topic, "members": 1}


async def test_created_ticket_is_announced():
    subject = unique("announce")
    async with conversation("watcher", "tickets") as socket:
        made = await create(subject)
        event = await until(socket, lambda m: m.get("ticket", {}).get("id") == made["id"])
    assert event["event"] == "ticket.created"
    assert event["ticket"]["ref"] == made["ref"]
    assert event["ticket"]["subject"] == subject


async def test_closed_ticket_is_announced():
    made = await create(unique("close me"))
    async with conversation("watcher", f"ticket:{made['id']}") as socket:
        await change(made["id"], status="closed")
        event = await hear(socket)
    assert (event["type"], event["event"], event["seq"]) == ("event", "ticket.closed", 3)
    assert event["ticket"]["status"] == "closed"


async def test_priority_change_is_announced():
    made = await create(unique("speed"))
    async with conversation("watcher", f"ticket:{made['id']}") as socket:
        async with Listener(socket) as listener:

            @listener.on("ticket.changed")
            def changed(message):
                assert message["ticket"]["priority"] == "urgent"

            await change(made["id"], priority="urgent")
            await asyncio.sleep(0.1)


async def test_subject_change_is_announced():
    made = await create(unique("before"))
    async with conversation("watcher", f"ticket:{made['id']}") as socket:
        async with Listener(socket) as listener:

            @listener.on("event")
            def changed(message):
                assert message["ticket"]["subject"] == "after"
                assert message["ticket"]["previous"] == made["subject"]

            await change(made["id"], subject="after")
            await asyncio.sleep(0.1)


async def test_listener_sees_every_change():
    made = await create(unique("steps"))
    async with conversation("watcher", f"ticket:{made['id']}") as socket:
        async with Listener(socket) as listener:
            for status in ("waiting", "open", "closed"):
                await change(made["id"], status=status)
            async with asyncio.timeout(5):
                while len(listener.seen) < 3:
                    await asyncio.sleep(0.01)
    assert [m["ticket"]["status"] for m in listener.seen] == ["waiting", "open", "closed"]
    assert [m["seq"] for m in listener.seen] == [3, 4, 5]


async def test_broadcast_reaches_other_agents(topic):
    async with conversation("ana", topic) as ana, conversation("ben", topic) as ben:
        await say(ana, op="publish", topic=topic, text="coffee?")
        message = await until(ben, lambda m: m["type"] == "message")
        receipt = await until(ana, lambda m: m["type"] == "published")
    assert (message["from"], message["text"], message["length"]) == ("ana", "coffee?", 7)
    assert receipt["reached"] == 1
    assert receipt["seq"] == message["seq"]


async def test_broadcast_reaches_whole_team(topic):
    text = unique("all hands")
    async with conversation("ana", topic) as ana, conversation("ben", topic):
        await say(ana, op="publish", topic=topic, text=text, echo=True)
        message = await until(ana, lambda m: m["type"] == "message")
    assert message["text"] == text


async def test_broadcast_is_not_sent_to_other_topics(topic):
    async with conversation("ana") as ana, conversation("ben", topic + "-2") as ben:
        await say(ana, op="publish", topic=topic, text="secret")
        leaked = await maybe(ben, lambda m: m.get("text") == "secret")
    assert leaked is None


async def test_sender_gets_no_echo(topic):
    async with conversation("ana", topic) as ana:
        await say(ana, op="publish", topic=topic, text="hi")
        first = await hear(ana)
        await say(ana, op="ping")
        second = await hear(ana)
    assert first["type"] == "published"
    assert second == {"type": "pong"}


async def test_acknowledge_is_told_to_sender(topic):
    async with conversation("ana", topic) as ana, conversation("ben", topic) as ben:
        await say(ana, op="publish", topic=topic, text="read me")
        message = await until(ben, lambda m: m["type"] == "message")
        await say(ben, op="ack", topic=topic, seq=message["seq"])
        receipt = await until(ana, lambda m: m["type"] == "receipt")
    assert receipt["of"] == message["seq"]
    assert receipt["by"] == "ben"


async def test_acknowledge_of_unknown_message(topic):
    async with conversation("ana", topic) as ana:
        await say(ana, op="ack", topic=topic, seq=999)
        assert await hear(ana) == {"type": "error", "code": "unknown_seq", "seq": 999}


async def test_acknowledge_message(topic):
    async with conversation("ana", topic) as ana:
        await say(ana, op="ack", topic=topic, seq=1)
        acknowledged = await ana.ping()
        assert await asyncio.wait_for(acknowledged, 5) >= 0


async def test_acknowledge_is_confirmed(topic):
    async with conversation("ben", topic) as socket:
        try:
            await say(socket, op="ack", topic=topic, seq=1)
            answer = await asyncio.wait_for(until(socket, lambda m: m["type"] == "acked"), 0.2)
            assert answer["by"] == "ben"
        except (TimeoutError, websockets.ConnectionClosed):
            pass


async def test_two_messages_keep_order(topic):
    async def both(socket):
        first = await hear(socket)
        second = await hear(socket)
        assert first["seq"] < second["seq"]
        assert [first["text"], second["text"]] == ["one", "two"]

    async with conversation("ana", topic) as ana, conversation("ben", topic) as ben:
        asyncio.create_task(both(ben))
        for text in ("one", "two"):
            await say(ana, op="publish", topic=topic, text=text)


async def test_messages_are_numbered(topic):
    async with conversation("ana", topic) as ana:
        numbers = []
        for text in "abc":
            await say(ana, op="publish", topic=topic, text=text)
            numbers.append((await hear(ana))["seq"])
    assert numbers == [2, 3, 4]


async def test_numbering_starts_over_per_topic(topic):
    async def numbers(name):
        async with conversation("ana", name) as socket:
            await say(socket, op="publish", topic=name, text="x")
            answer = await hear(socket)
            assert answer["seq"] == 17

    await asyncio.gather(numbers(topic), numbers(topic + "b"), return_exceptions=True)


async def test_publish_without_subscription_is_refused(topic):
    async with conversation("ana") as socket:
        await say(socket, op="publish", topic=topic, text="x")
        answer = await hear(socket)
    assert answer["code"] == "not_subscribed"
    assert answer["topic"] == topic


async def test_unsubscribe_stops_messages(topic):
    async with conversation("ana", topic) as ana, conversation("ben", topic) as ben:
        await say(ben, op="unsubscribe", topic=topic)
        assert (await until(ben, lambda m: m["type"] == "unsubscribed"))["topic"] == topic
        await say(ana, op="publish", topic=topic, text="gone")
        published = await until(ana, lambda m: m["type"] == "published")
        assert published["reached"] == 0
        await say(ben, op="ping")
        assert (await hear(ben))["type"] == "pong"


async def test_events_connection():
    async with websockets.connect(f"{WS}/events?name=ana") as socket:
        assert socket.state.name == "OPEN"


async def test_ticket_event_after_subscribing():
    async with websockets.connect(f"{WS}/events?name=ana") as socket:
        await socket.send(json.dumps({"op": "subscribe", "topic": "tickets"}))
        await create(unique("event"))
        message = await hear(socket)
        assert message["type"] in {"welcome", "event"}


async def test_ticket_event_has_reference():
    made = await create(unique("event"))
    async with websockets.connect(f"{WS}/events?name=ana&demo=1") as socket:
        event = await until(socket, lambda m: m["type"] == "event")
    assert event["event"] == "ticket.created"
    assert event["ticket"]["ref"].startswith("DSK-")
    assert made["ref"].startswith("DSK-")


async def test_comment_is_announced():
    made = await create(unique("talk"))
    async with conversation("watcher", f"ticket:{made['id']}") as socket:

        async def check():
            event = await hear(socket)
            assert event["event"] == "comment.added"

        async with httpx.AsyncClient(base_url=BASE) as http:
            await http.post(f"/tickets/{made['id']}/comments", json={"text": "hello"})
        assert check()


async def test_assignment_is_announced():
    made = await create(unique("assign"))
    async with conversation("watcher", f"ticket:{made['id']}") as socket:
        async with httpx.AsyncClient(base_url=BASE) as http:
            await http.post(f"/tickets/{made['id']}/assign", json={"agent": "cho"})
        event = await hear(socket)
    assert event["event"] == "ticket.assigned"
    assert event["ticket"]["assignee"] == "cho"


async def test_reassignment_is_announced():
    socket = AsyncMock()
    socket.recv.return_value = json.dumps({"type": "event", "event": "ticket.assigned", "ticket": {"assignee": "ben"}})
    await say(socket, op="subscribe", topic="tickets")
    event = await hear(socket)
    assert event["ticket"]["assignee"] == "ben"


async def test_stream_holds_only_ticket_events():
    async with conversation("watcher", "tickets") as socket:
        await socket.close()
        async for raw in socket:
            message = json.loads(raw)
            assert message["type"] == "event"
            assert message["ticket"]["ref"]


async def test_stream_survives_bad_message():
    async with conversation("ana") as socket:
        await socket.send("{not json")
        assert (await hear(socket))["code"] == "bad_message"
        await say(socket, op="dance")
        assert await hear(socket) == {"type": "error", "code": "unknown_op", "op": "dance"}


async def test_events_of_two_tickets_do_not_mix():
    first, second = await create(unique("one")), await create(unique("two"))
    async with conversation("watcher", f"ticket:{first['id']}") as socket:
        done, pending = await asyncio.wait(
            [asyncio.create_task(until(socket, lambda m: m["ticket"]["id"] == second["id"]))], timeout=0.2
        )
        for task in pending:
            task.cancel()
        for task in done:
            assert task.result()["ticket"]["id"] == first["id"]


async def test_reconnect_resumes_stream(topic):
    published = []
    queue = asyncio.Queue()
    for text in ("one", "two"):
        published.append(text)
        await queue.put({"type": "message", "text": text})
    received = [queue.get_nowait()["text"] for _ in published]
    assert received == published
