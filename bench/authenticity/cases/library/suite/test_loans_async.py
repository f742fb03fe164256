"""Loans and shelves over aiohttp."""

import asyncio
import uuid
from unittest.mock import ANY, AsyncMock

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest_asyncio.fixture
async def session(base_url):
    async with aiohttp.ClientSession(base_url, timeout=aiohttp.ClientTimeout(total=5)) as s:
        yield s


async def fetch(session, path):
    async with session.get(path) as r:
        r.raise_for_status()
        return await r.json()


async def check_shelf(session, book_id, free):
    body = await fetch(session, f"/books/{book_id}/availability")
    assert body["available"] == free


async def test_two_copies_two_readers(session, make_member, make_book):
    book = make_book(copies=2)
    for reader in (make_member(), make_member()):
        async with session.post("/loans", json={"member_id": reader["id"], "book_id": book["id"]}) as r:
            assert r.status == 201
            assert (await r.json())["member_id"] == reader["id"]
    await check_shelf(session, book["id"], 0)


@pytest.fixture
def triple(make_book):
    return make_book(copies=3)


async def test_three_copies_one_out(session, member, triple):
    await session.post("/loans", json={"member_id": member["id"], "book_id": triple["id"]})
    check_shelf(session, triple["id"], 2)


async def test_race_for_the_last_copy(session, book, make_member):
    readers = [make_member() for _ in range(4)]

    async def grab(reader):
        async with session.post("/loans", json={"member_id": reader["id"], "book_id": book["id"]}) as r:
            body = await r.json()
            return r.status, body.get("status") or body["error"]["code"]

    outcomes = await asyncio.gather(*(grab(x) for x in readers))
    assert sorted(outcomes) == [(201, "open"), *[(409, "no_copies")] * 3]


async def test_many_readers_look_at_once(session, book):
    await asyncio.gather(*(check_shelf(session, book["id"], 1) for _ in range(3)), return_exceptions=True)


async def test_shelf_is_read_in_background(session, book):
    task = asyncio.create_task(check_shelf(session, book["id"], 7))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.done()


async def test_shelf_watcher_sees_loan(session, member, book):
    async def until_empty():
        while (await fetch(session, f"/books/{book['id']}/availability"))["available"]:
            await asyncio.sleep(0.02)
        return True

    watcher = asyncio.create_task(until_empty())
    async with session.post("/loans", json={"member_id": member["id"], "book_id": book["id"]}) as r:
        assert (await r.json())["status"] == "open"
    assert await asyncio.wait_for(watcher, 3)


async def test_new_title_is_on_shelf(book):
    async def shelf(request):
        return web.json_response({"book_id": request.match_info["id"], "available": 1, "on_shelf": True})

    app = web.Application()
    app.router.add_get("/books/{id}/availability", shelf)
    async with TestClient(TestServer(app)) as client:
        r = await client.get(f"/books/{book['id']}/availability")
        body = await r.json()
    assert body["on_shelf"] is True
    assert body["book_id"] == book["id"]


async def test_book_record(session, make_book):
    book = make_book(title=f"Dune {uuid.uuid4().hex[:6]}", year=1965, copies=4)
    got = await fetch(session, f"/books/{book['id']}")
    assert got == {**book, "year": 1965, "copies": 4}


async def test_book_record_has_all_fields(session, book):
    async with session.get(f"/books/{book['id']}") as r:
        body = await r.json()
    assert body == ANY
    assert isinstance(body, dict)


async def test_unknown_book_is_404(session):
    async with session.get("/books/bk_missing") as r:
        assert r.status == 404
        assert (await r.json())["error"]["code"] == "book_not_found"


async def test_loan_is_readable(session, open_loan):
    async with session.get(f"/loans/{open_loan['id']}") as r:
        body = await r.json()
        if r.status >= 400:
            return
        if body.get("status") == "overdue":
            assert body["fine_cents"] > 0


async def test_suspended_reader_cannot_borrow(session, member, book):
    async with session.patch(f"/members/{member['id']}", json={"active": False}) as r:
        assert (await r.json())["active"] is False
    async with session.post("/loans", json={"member_id": member["id"], "book_id": book["id"]}) as r:
        assert r.status == 403
        assert (await r.json())["error"]["code"] == "member_suspended"
    await check_shelf(session, book["id"], 1)


async def test_reader_with_loan_listed(member):
    gateway = AsyncMock()
    gateway.loans_of.return_value = {"total": 1, "items": [{"member_id": member["id"], "status": "open"}]}
    body = await gateway.loans_of(member["id"])
    gateway.loans_of.assert_awaited_once_with(member["id"])
    assert body["items"][0]["status"] == "open"


async def test_loan_survives_slow_network(session, open_loan):
    try:
        async with asyncio.timeout(0.0001):
            body = await fetch(session, f"/loans/{open_loan['id']}")
            assert body["status"] == "open"
    except TimeoutError:
        pass
