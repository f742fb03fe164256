"""The live feed. (websockets, and websocket-client from the older suite)"""

import asyncio
import json
import threading

import pytest
import pytest_asyncio
import requests
import websocket
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


@pytest.fixture
def ws_url(base_url):
    return base_url.replace("http", "ws", 1) + "/ws/events"


@pytest_asyncio.fixture
async def feed(ws_url):
    async with connect(ws_url) as ws:
        yield ws


async def ask(ws, doc):
    await ws.send(json.dumps(doc))
    return json.loads(await asyncio.wait_for(ws.recv(), 3))


def borrow(base_url, member, book):
    r = requests.post(f"{base_url}/loans", json={"member_id": member["id"], "book_id": book["id"]}, timeout=5)
    assert r.status_code == 201
    return r.json()


async def test_subscription_tells_free_copies(feed, make_book):
    book = make_book(copies=5)
    ack = await ask(feed, {"subscribe": f"book:{book['id']}"})
    assert ack == {"type": "subscribed", "topic": f"book:{book['id']}", "available": 5}


async def test_loan_event_arrives(feed, base_url, member, book):
    await ask(feed, {"subscribe": f"book:{book['id']}"})
    loan = await asyncio.to_thread(borrow, base_url, member, book)
    event = json.loads(await asyncio.wait_for(feed.recv(), 3))
    assert event["type"] == "loan.created"
    assert event["loan_id"] == loan["id"]


async def test_loan_event_is_pushed(feed, base_url, member, book):
    await asyncio.to_thread(borrow, base_url, member, book)
    try:
        event = json.loads(await asyncio.wait_for(feed.recv(), 0.2))
        assert event["type"] == "loan.created"
    except TimeoutError:
        pass


async def test_return_event_carries_fine(feed, base_url, open_loan):
    await ask(feed, {"subscribe": f"book:{open_loan['book_id']}"})
    url = f"{base_url}/loans/{open_loan['id']}/return"
    await asyncio.to_thread(requests.post, url, json={"days_late": 2}, timeout=5)
    async with asyncio.timeout(3):
        async for raw in feed:
            event = json.loads(raw)
            if event["type"] == "loan.returned":
                break
    assert event["fine_cents"] == 50


async def test_feed_pushes_within_a_second(feed):
    pong = await feed.ping()
    latency = await asyncio.wait_for(pong, 3)
    assert 0 <= latency < 1


async def test_feed_accepts_subscribers(ws_url, book):
    async with connect(ws_url) as ws:
        await ws.send(json.dumps({"subscribe": f"book:{book['id']}"}))
        assert ws.state is websockets.State.OPEN


async def test_feed_shows_first_loan(ws_url):
    async with connect(f"{ws_url}?replay=demo") as ws:
        event = json.loads(await asyncio.wait_for(ws.recv(), 3))
    assert event["type"] == "loan.created"
    assert event["loan_id"].startswith("loan_")


async def test_feed_delivers_to_two_screens(member, book):
    async def screen(ws):
        async for raw in ws:
            await ws.send(json.dumps({"type": "loan.created", "topic": json.loads(raw)["subscribe"]}))

    async with serve(screen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}") as one, connect(f"ws://127.0.0.1:{port}") as two:
            got = [await ask(ws, {"subscribe": f"book:{book['id']}"}) for ws in (one, two)]
    assert [g["type"] for g in got] == ["loan.created"] * 2


async def test_two_screens_hear_the_same(ws_url, base_url, member, book):
    async with connect(ws_url) as one, connect(ws_url) as two:
        for ws in (one, two):
            await ask(ws, {"subscribe": f"book:{book['id']}"})
        await asyncio.to_thread(borrow, base_url, member, book)
        heard = [json.loads(await asyncio.wait_for(ws.recv(), 3)) for ws in (one, two)]
    assert heard[0] == heard[1]
    assert heard[0]["member_id"] == member["id"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [("hello", "bad_message"), ('{"subscribe": "book:none"}', "unknown_topic")],
    ids=["text", "topic"],
)
async def test_feed_refuses(feed, raw, code):
    await feed.send(raw)
    assert json.loads(await asyncio.wait_for(feed.recv(), 3)) == {"type": "error", "code": code}


def test_old_client_subscribes(ws_url, book):
    ws = websocket.create_connection(ws_url, timeout=3)
    try:
        ws.send(json.dumps({"subscribe": f"book:{book['id']}"}))
        ack = json.loads(ws.recv())
    finally:
        ws.close()
    assert ack["type"] == "subscribed"
    assert ack["available"] == 1


def test_old_client_hears_ack(ws_url, book):
    def on_open(ws):
        ws.send(json.dumps({"subscribe": f"book:{book['id']}"}))

    def on_message(ws, raw):
        ws.close()
        assert json.loads(raw)["type"] == "accepted"

    app = websocket.WebSocketApp(ws_url, on_open=on_open, on_message=on_message)
    runner = threading.Thread(target=app.run_forever, daemon=True)
    runner.start()
    runner.join(timeout=3)
    assert not runner.is_alive()


async def test_reader_hears_reservation_ready(ws_url, base_url, open_loan, make_member):
    other = make_member()
    async with connect(ws_url) as ws:
        await ask(ws, {"subscribe": f"book:{open_loan['book_id']}"})
        body = {"member_id": other["id"], "book_id": open_loan["book_id"]}
        res = await asyncio.to_thread(requests.post, f"{base_url}/reservations", json=body, timeout=5)
        assert res.status_code == 201
        await asyncio.to_thread(requests.post, f"{base_url}/loans/{open_loan['id']}/return", json={}, timeout=5)
        events = [json.loads(await asyncio.wait_for(ws.recv(), 3)) for _ in range(2)]
    assert events[1]["type"] == "reservation.ready"
    assert events[1]["reservation_id"] == res.json()["id"]


async def test_listener_collects_events(feed, book):
    async def listen():
        async for raw in feed:
            assert json.loads(raw)["available"] == 99

    listener = asyncio.create_task(listen())
    await feed.send(json.dumps({"subscribe": f"book:{book['id']}"}))
    await asyncio.sleep(0.1)
    listener.cancel()
    done, _ = await asyncio.wait([listener])
    assert done == {listener}
