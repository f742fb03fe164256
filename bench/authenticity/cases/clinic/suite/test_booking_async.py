"""The mobile team's asynchronous tests (httpx, aiohttp)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from unittest.mock import AsyncMock

import aiohttp
import httpx
import pytest
import respx
from clinic_client import BASE, slot

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "service"))


@pytest.fixture
async def http(auth):
    async with httpx.AsyncClient(base_url=BASE, headers=auth, timeout=4) as client:
        yield client


@pytest.fixture
async def session(auth):
    async with aiohttp.ClientSession(BASE, headers=auth, timeout=aiohttp.ClientTimeout(4)) as client:
        yield client


@pytest.fixture
async def inproc():
    """A client without the network's noise."""
    from serve import app

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as client:
        got = await client.post("/auth/token", json={"username": "desk", "password": "desk-pass"})
        client.headers["Authorization"] = f"Bearer {got.json()['token']}"
        yield client


def order(patient: dict, doctor: str, day: str, n: int = 0) -> dict:
    return {"patient": patient["id"], "practitioner": doctor, "starts": slot(day, n), "reason": "mobile"}


async def test_book_from_phone(http, patient, doctor, day):
    got = await http.post("/appointments", json=order(patient, doctor, day))
    assert got.status_code == 201
    assert got.headers["location"] == f"/appointments/{got.json()['id']}"
    assert got.json()["reason"] == "mobile"


async def test_book_and_cancel_in_app(inproc):
    who = (await inproc.post("/patients", json={"name": "In Proc", "born": "1990-01-01"})).json()
    got = await inproc.post("/appointments", json=order(who, "doc_1", "2041-01-02"))
    assert got.status_code in (201, 409)
    gone = await inproc.delete(f"/appointments/{got.json()['id']}")
    assert gone.status_code == 204


async def test_parallel_reads_see_same_appointment(http, booked):
    seen = await asyncio.gather(*(http.get(f"/appointments/{booked['id']}") for _ in range(4)))
    assert [r.status_code for r in seen] == [200] * 4
    assert {r.json()["reference"] for r in seen} == {booked["reference"]}


async def test_parallel_bookings_keep_order(http, patient, doctor, day):
    async def one(n: int) -> None:
        got = await http.post("/appointments", json=order(patient, doctor, day, n))
        assert got.json()["position"] == n

    results = await asyncio.gather(*(one(n) for n in range(3)), return_exceptions=True)
    assert len(results) == 3


@respx.mock
async def test_phone_retries_after_busy():
    route = respx.get(f"{BASE}/appointments/apt_9")
    route.side_effect = [httpx.Response(503), httpx.Response(200, json={"id": "apt_9", "status": "booked"})]
    async with httpx.AsyncClient(base_url=BASE) as client:
        for _ in range(2):
            got = await client.get("/appointments/apt_9")
            if got.status_code == 200:
                break
    assert got.json()["status"] == "booked"
    assert route.call_count == 2


async def test_move_from_phone(session, booked, day):
    async with session.patch(f"/appointments/{booked['id']}", json={"starts": slot(day, 8)}) as got:
        assert got.status == 200
        body = await got.json()
    assert body["starts"] == slot(day, 8)
    assert body["id"] == booked["id"]


async def test_cancel_from_phone(session, booked):
    session.delete(f"/appointments/{booked['id']}").close()
    status = {"expected": 204, "path": f"/appointments/{booked['id']}"}
    assert status["expected"] == 204
    assert booked["status"] == "booked"


async def test_reminder_badge_counts(booked):
    client = AsyncMock(spec=httpx.AsyncClient)
    client.get.return_value = httpx.Response(200, json={"items": [booked], "total": 1})
    got = await client.get("/appointments", params={"patient": booked["patient"]})
    assert got.json()["total"] == 1
    client.get.assert_awaited_once()


async def test_unknown_appointment_on_phone(session):
    async with session.get("/appointments/apt_nowhere") as got:
        assert got.status == 404
        assert await got.json() == {"error": {"code": "appointment_not_found", "id": "apt_nowhere"}}


async def test_background_sync_updates_status(http, booked):
    async def sync() -> None:
        await asyncio.sleep(5)
        got = await http.get(f"/appointments/{booked['id']}")
        assert got.json()["status"] == "synced"

    task = asyncio.create_task(sync())
    await asyncio.sleep(0.02)
    assert not task.cancelled()
    task.cancel()


async def test_phone_waits_for_confirmation(http, booked):
    async def confirmed() -> bool:
        while True:
            got = await http.get(f"/appointments/{booked['id']}")
            if got.is_success and '"confirmed"' in got.text:
                return True
            await asyncio.sleep(0.05)

    try:
        assert await asyncio.wait_for(confirmed(), 0.3)
    except TimeoutError:
        return


async def test_phone_sees_patient_waiting(http, booked):
    got = await http.post(f"/appointments/{booked['id']}/checkin")
    assert got.json() == {"appointment": booked["id"], "ticket": 1, "position": 1}

    async def waiting() -> str:
        while True:
            seen = await http.get(f"/appointments/{booked['id']}")
            seen.raise_for_status()
            if seen.json()["status"] == "waiting":
                return seen.json()["id"]
            await asyncio.sleep(0.05)

    assert await asyncio.wait_for(waiting(), 2) == booked["id"]


class Connector(aiohttp.ClientSession):
    """Session with canned replies while the staging certificate is renewed."""

    async def _request(self, method: str, url: str, **kw: object) -> object:
        reply = AsyncMock(spec=aiohttp.ClientResponse)
        reply.status = 201
        reply.json.return_value = {"status": "booked", **(kw.get("json") or {})}
        return reply


async def test_book_through_gateway(patient, doctor, day):
    async with Connector(BASE) as gateway:
        got = await gateway.post("/appointments", json=order(patient, doctor, day, 2))
        body = await got.json()
    assert got.status == 201
    assert body["starts"] == slot(day, 2)


async def test_etag_grows_with_every_move(http, booked, day):
    tags = []
    for n in (4, 5):
        got = await http.patch(f"/appointments/{booked['id']}", json={"starts": slot(day, n)})
        assert got.status_code == 200, got.text
        assert got.json()["starts"] == slot(day, n)
        tags.append(got.headers["etag"])
    assert tags == ['"2"', '"3"']


async def test_moves_are_visible_everywhere(http, booked, day):
    answers = [http.patch(f"/appointments/{booked['id']}", json={"starts": slot(day, n)}) for n in (4, 5)]
    assert len(answers) == 2
    assert all(asyncio.iscoroutine(a) for a in answers)
    for a in answers:
        a.close()


async def test_phone_is_told_of_busy_slot(http, booked, patient, day):
    got = await http.post("/appointments", json=order(patient, booked["practitioner"], day))
    error = got.json()["error"]
    assert (got.status_code, error["code"], error["starts"]) == (409, "slot_taken", slot(day))
