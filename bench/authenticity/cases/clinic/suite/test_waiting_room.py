"""The waiting room (asynchronous): welcome, subscribe, check-in, call, complete."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import httpx
import pytest
import websockets
from clinic_client import BASE, Room, slot, ws_url


@asynccontextmanager
async def room_of(token: str, doctor: str):
    """Connected, greeted and subscribed."""
    async with websockets.connect(ws_url(token=token)) as ws:
        room = Room(ws)
        hello = await room._next()
        assert hello["type"] == "welcome"
        assert hello["user"] == "desk"
        answer = await room.ask("subscribe", room=doctor)
        assert answer["type"] == "subscribed", answer
        assert answer["room"] == doctor
        yield room


@pytest.fixture
async def http(auth):
    async with httpx.AsyncClient(base_url=BASE, headers=auth, timeout=4) as client:
        yield client


@pytest.fixture
def waiting(api, booked):
    """An appointment whose patient has already checked in."""
    api.check_in(booked["id"])
    return booked


@pytest.fixture
def two_waiting(api, patient, doctor, day):
    keys = [api.book(patient["id"], doctor, slot(day, n))["id"] for n in range(2)]
    for key in keys:
        api.check_in(key)
    return keys


async def drain(ws: object, seconds: float = 0.15) -> list[dict]:
    seen = []
    try:
        while True:
            seen.append(json.loads(await asyncio.wait_for(ws.recv(), seconds)))
    except (TimeoutError, ValueError, websockets.ConnectionClosed):
        return seen


async def recv_or_none(ws: object, seconds: float = 0.15) -> dict | None:
    try:
        return json.loads(await asyncio.wait_for(ws.recv(), seconds))
    except Exception:
        return None


async def check_in(http: httpx.AsyncClient, key: str) -> dict:
    got = await http.post(f"/appointments/{key}/checkin")
    assert got.status_code == 200, got.text
    return got.json()


async def test_welcome_names_user(token):
    async with websockets.connect(ws_url(token=token)) as ws:
        hello = json.loads(await asyncio.wait_for(ws.recv(), 2))
    assert hello["type"] == "welcome"
    assert (hello["protocol"], hello["user"]) == (2, "desk")


async def test_welcome_is_sent(token):
    async with websockets.connect(ws_url(token=token)) as ws:
        hello = await recv_or_none(ws)
        if hello and hello["type"] == "hello":
            assert hello["protocol"] == 2


async def test_check_in_is_announced(token, http, booked):
    async with room_of(token, booked["practitioner"]) as room:
        ticket = await check_in(http, booked["id"])
        event = await room.event("patient.checked_in")
    assert event["appointment"]["id"] == booked["id"]
    assert event["position"] == ticket["position"] == 1


async def test_check_in_shows_on_screen(token, http, booked):
    async with websockets.connect(ws_url(token=token)) as ws:
        await ws.send(json.dumps({"type": "subscribe", "id": "1", "room": booked["practitioner"]}))
        await http.post(f"/appointments/{booked['id']}/checkin")
        for msg in await drain(ws):
            if msg.get("event") == "patient.check_in":
                assert msg["appointment"]["id"] == booked["id"]


async def test_call_next_reaches_screen(token, waiting):
    async with room_of(token, waiting["practitioner"]) as room:
        ack = await room.ask("call_next", room=waiting["practitioner"])
        assert ack == {"type": "ack", "id": "2", "called": waiting["id"]}
        called = await room.event("patient.called")
    assert called["ticket"] == 1
    assert called["appointment"]["status"] == "in_consultation"


async def test_call_next_command(token, waiting):
    command = {"type": "call_next", "id": "7", "room": waiting["practitioner"]}
    async with websockets.connect(ws_url(token=token)) as ws:
        await ws.send(json.dumps(command))
        seen = await drain(ws)
    assert json.loads(json.dumps(command))["type"] == "call_next"
    assert isinstance(seen, list)


async def test_whole_visit(token, http, booked):
    """Check in, be called, be seen: the screen hears of everything and REST agrees."""
    doctor = booked["practitioner"]
    async with room_of(token, doctor) as room:
        assert (await check_in(http, booked["id"]))["ticket"] == 1
        assert (await room.event("patient.checked_in"))["appointment"]["id"] == booked["id"]
        assert (await room.ask("call_next", room=doctor))["called"] == booked["id"]
        assert (await room.event("patient.called"))["appointment"]["id"] == booked["id"]
        assert (await room.ask("complete", appointment=booked["id"]))["completed"] == booked["id"]
        assert (await room.event("patient.seen"))["appointment"]["status"] == "completed"
    got = await http.get(f"/appointments/{booked['id']}")
    assert got.json()["status"] == "completed"


async def test_whole_visit_on_tablet(token, http, booked):
    heard: list[str] = []

    async def listen() -> None:
        async with websockets.connect(ws_url(token=token)) as ws:
            await ws.send(json.dumps({"type": "subscribe", "id": "1", "room": booked["practitioner"]}))
            async for raw in ws:
                heard.append(json.loads(raw).get("event"))
                assert heard == ["patient.checked_in", "patient.called", "patient.seen"]

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.1)
    await http.post(f"/appointments/{booked['id']}/checkin")
    await asyncio.sleep(0.1)
    await asyncio.wait([task], timeout=0.05)
    task.cancel()


async def test_empty_room_cannot_call(token, doctor):
    async with room_of(token, doctor) as room:
        answer = await room.ask("call_next", room=doctor)
    assert (answer["type"], answer["code"]) == ("error", "room_empty")


async def test_empty_room_answers(token, doctor):
    async with room_of_lenient(token) as ask:
        answer = await ask("call_next", room=doctor)
    assert answer["type"] in {"ack", "error"}


@asynccontextmanager
async def room_of_lenient(token: str):
    """Room for smoke checks: an unreachable room answers with an error, too."""
    try:
        ws = await websockets.connect(ws_url(token=token))
    except Exception:
        ws = None

    async def ask(kind: str, **more: object) -> dict:
        if ws is None:
            return {"type": "error", "code": "unreachable"}
        try:
            return await Room(ws).ask(kind, **more)
        except Exception as why:
            return {"type": "error", "code": str(why)}

    yield ask
    if ws is not None:
        await ws.close()


async def test_subscribe_to_unknown_room(token):
    async with websockets.connect(ws_url(token=token)) as ws:
        room = Room(ws)
        assert (await room._next())["type"] == "welcome"
        answer = await room.ask("subscribe", room="doc_none")
    assert answer == {"type": "error", "id": "1", "code": "practitioner_not_found"}


async def test_subscribe_acknowledged(token, doctor):
    sent = {"type": "subscribe", "id": "42", "room": doctor}
    got = dict(sent)
    async with websockets.connect(ws_url(token=token)) as ws:
        await ws.send(json.dumps(sent))
        got.update(await recv_or_none(ws) or {})
        got.pop("type")
    assert got["id"] == "42"
    assert got["room"] == doctor


async def test_without_token_is_closed():
    async with websockets.connect(ws_url()) as ws:
        first = json.loads(await asyncio.wait_for(ws.recv(), 2))
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await asyncio.wait_for(ws.recv(), 2)
    assert first == {"type": "error", "code": "unauthenticated"}
    assert caught.value.rcvd.code == 4401


async def test_bad_token_is_turned_away():
    with pytest.raises(BaseException):  # noqa: PT011
        async with websockets.connect(ws_url(token="nonsense")) as ws:
            for _ in range(3):
                await asyncio.wait_for(ws.recv(), 0.3)


async def test_events_stay_in_their_room(token, http, api, booked, patient, day):
    other = api.call("POST", "/practitioners", json={"name": "Dr Other", "specialty": "cardiology"}).json()["id"]
    assert other.startswith("doc_")
    async with room_of(token, booked["practitioner"]) as here, room_of(token, other) as there:
        assert (await check_in(http, booked["id"]))["ticket"] == 1
        assert (await here.event("patient.checked_in"))["room"] == booked["practitioner"]
        pong = await there.ask("ping")
        assert pong == {"type": "pong", "id": "2", "rooms": 1}
        assert there.events == []


async def test_other_rooms_stay_silent(token, http, booked):
    async with websockets.connect(ws_url(token=token)) as ws:
        await http.post(f"/appointments/{booked['id']}/check-in")
        seen = [m for m in await drain(ws) if m.get("type") == "event"]
    assert seen == []


async def test_tickets_count_up(token, http, api, patient, doctor, day):
    keys = [api.book(patient["id"], doctor, slot(day, n))["id"] for n in range(3)]
    async with room_of(token, doctor) as room:
        tickets = [(await check_in(http, k))["ticket"] for k in keys]
        heard = [await room.event("patient.checked_in") for _ in keys]
        order = [(await room.ask("call_next", room=doctor))["called"] for _ in keys]
    assert tickets == [1, 2, 3]
    assert [e["position"] for e in heard] == [1, 2, 3]
    assert order == keys


async def test_queue_order_on_screen(token, two_waiting):
    keys = two_waiting
    order: list[str] = []

    def on_message(raw: str) -> None:
        order.append(json.loads(raw)["called"])
        assert order == keys

    class Screen:
        def __init__(self) -> None:
            self.handlers = {"message": on_message}

        async def run(self) -> None:
            async with websockets.connect(ws_url(token=token)) as ws:
                async for raw in ws:
                    self.handlers["message"](raw)

    screen = Screen()
    assert screen.handlers["message"] is on_message
    assert len(keys) == 2


async def test_late_screen_sees_queue(token, waiting):
    async with aiohttp.ClientSession() as client, client.ws_connect(ws_url(token=token)) as ws:
        assert (await ws.receive_json(timeout=2))["type"] == "welcome"
        await ws.send_json({"type": "subscribe", "id": "a", "room": waiting["practitioner"]})
        answer = await ws.receive_json(timeout=2)
    assert answer["waiting"] == [waiting["id"]]


async def test_late_screen_is_open(token, waiting):
    async with aiohttp.ClientSession() as client, client.ws_connect(ws_url(token=token)) as ws:
        await ws.send_json({"type": "subscribe", "id": "a", "room": waiting["practitioner"]})
        assert not ws.closed


async def test_screen_reconnects(token, http, booked):
    async with room_of(token, booked["practitioner"]):
        pass
    async with room_of(token, booked["practitioner"]) as room:
        assert (await check_in(http, booked["id"]))["position"] == 1
        assert (await room.event("patient.checked_in"))["appointment"]["id"] == booked["id"]


async def test_screen_reconnects_after_outage(token):
    """Staging has a proxy that drops sockets: reconnect until we get through."""
    states = []
    for _ in range(3):
        try:
            async with websockets.connect(ws_url(token=token)) as ws:
                await ws.recv()
                states.append("up")
        except Exception:
            states.append("retry")
    assert len(states) == 3
    assert set(states) <= {"up", "retry"}


async def test_screen_protocol_stub(doctor):
    """The screen's own parser, against the real frames."""

    async def server(ws: object) -> None:
        await ws.send(json.dumps({"type": "welcome", "protocol": 2}))
        msg = json.loads(await ws.recv())
        await ws.send(json.dumps({"type": "subscribed", "id": msg["id"], "room": msg["room"], "waiting": []}))

    async with websockets.serve(server, "127.0.0.1", 0) as stub:
        port = stub.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}/waiting-room") as ws:
            room = Room(ws)
            assert (await room._next())["protocol"] == 2
            assert (await room.ask("subscribe", room=doctor))["room"] == doctor
