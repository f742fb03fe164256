"""Server-sent events: the live feed of a doctor's appointments."""

from __future__ import annotations

import itertools
import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import pytest
import requests
from clinic_client import BASE, TIMEOUT, curl, slot, sse


class Feed:
    """Opens the feed, reads so and so many events, closes it."""

    def __init__(self, auth: dict, doctor: str, since: int | None = None) -> None:
        query = {"practitioner": doctor} | ({} if since is None else {"since": str(since)})
        self.got = requests.get(f"{BASE}/stream/appointments", params=query, headers=auth, stream=True, timeout=TIMEOUT)
        self.lines = self.got.iter_lines(chunk_size=1)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_args: object) -> None:
        self.got.close()

    def take(self, n: int) -> list[dict]:
        return list(itertools.islice(sse(self.lines), n))


class FeedListener(threading.Thread):
    """Hands every event to a callback, in the background."""

    def __init__(self, auth: dict, doctor: str, callback: object) -> None:
        super().__init__(daemon=True)
        self.auth, self.doctor, self.callback = auth, doctor, callback
        self.stopped = threading.Event()

    def run(self) -> None:
        try:
            with Feed(self.auth, self.doctor) as feed:
                for event in sse(feed.lines):
                    if self.stopped.is_set():
                        return
                    self.callback(event)
        except Exception:
            return


def test_feed_replays_history(auth, booked):
    with Feed(auth, booked["practitioner"], since=0) as feed:
        (event,) = feed.take(1)
    assert (event["id"], event["event"]) == ("1", "appointment.booked")
    assert event["data"]["appointment"]["id"] == booked["id"]


def test_feed_history_is_ordered(auth, booked):
    with Feed(auth, booked["practitioner"], since=0) as feed:
        numbers = [e["data"]["seq"] for e in itertools.islice(feed.take(1), 1, None)]
    assert numbers == sorted(numbers)


def test_feed_is_live(api, auth, booked, day):
    with Feed(auth, booked["practitioner"]) as feed:
        assert feed.got.headers["content-type"].startswith("text/event-stream")
        assert api.move(booked["id"], slot(day, 4))["starts"] == slot(day, 4)
        (event,) = feed.take(1)
    assert event["event"] == "appointment.moved"
    assert event["data"]["appointment"]["starts"] == slot(day, 4)


def test_feed_tells_of_moves(api, auth, booked, day):
    def check(event: dict) -> None:
        assert event["event"] == "appointment.rescheduled"
        assert event["data"]["appointment"]["starts"] == slot(day, 4)

    listener = FeedListener(auth, booked["practitioner"], check)
    listener.start()
    api.http.patch(f"{BASE}/appointments/{booked['id']}", json={"starts": slot(day, 4)}, timeout=TIMEOUT)
    time.sleep(0.15)
    listener.stopped.set()


def test_feed_tells_of_cancellation(api, auth, booked):
    heard: list[dict] = []
    done = threading.Event()

    def keep(event: dict) -> None:
        heard.append(event)
        done.set()

    listener = FeedListener(auth, booked["practitioner"], keep)
    listener.start()
    time.sleep(0.2)
    assert api.cancel(booked["id"]) == 204
    assert done.wait(3), "no event"
    listener.stopped.set()
    assert [(e["event"], e["data"]["appointment"]["status"]) for e in heard] == [("appointment.cancelled", "cancelled")]


def test_feed_headers(auth, doctor):
    with httpx.stream(
        "GET", f"{BASE}/stream/appointments", params={"practitioner": doctor}, headers=auth, timeout=TIMEOUT
    ) as got:
        media = got.headers.get("content-type", "text/event-stream")
    assert media.split("/")[0] in ("text", "application")


def test_feed_comment_first(auth, doctor):
    with httpx.stream(
        "GET", f"{BASE}/stream/appointments", params={"practitioner": doctor}, headers=auth, timeout=TIMEOUT
    ) as got:
        assert got.status_code == 200
        assert next(got.iter_lines()) == ": connected"


def test_feed_resumes_after_last_id(api, auth, booked, day):
    assert api.move(booked["id"], slot(day, 5))["version"] == 2
    assert api.move(booked["id"], slot(day, 6))["version"] == 3
    headers = {**auth, "Last-Event-ID": "1"}
    query = {"practitioner": booked["practitioner"]}
    with httpx.stream("GET", f"{BASE}/stream/appointments", params=query, headers=headers, timeout=TIMEOUT) as got:
        events = list(itertools.islice(sse(got.iter_lines()), 2))
    assert [e["id"] for e in events] == ["2", "3"]
    assert [e["data"]["appointment"]["starts"] for e in events] == [slot(day, 5), slot(day, 6)]


def test_feed_resume_skips_seen_events(auth, booked):
    headers = {**auth, "Last-Event-ID": "1"}
    seen = []
    try:
        with httpx.stream(
            "GET", f"{BASE}/stream/appointments?practitioner={booked['practitioner']}", headers=headers, timeout=0.2
        ) as got:
            seen.extend(e["id"] for e in sse(got.iter_lines()))
    except httpx.HTTPError:
        pass
    assert "1" not in seen


async def test_feed_with_aiohttp(auth, booked):
    url = f"/stream/appointments?practitioner={booked['practitioner']}&since=0"
    async with (
        aiohttp.ClientSession(BASE, headers=auth, timeout=aiohttp.ClientTimeout(4)) as client,
        client.get(url) as got,
    ):
        assert got.status == 200
        data = None
        async for raw in got.content:
            if raw.startswith(b"data: "):
                data = json.loads(raw[6:])
                break
    assert data is not None
    assert data["appointment"]["reference"] == booked["reference"]


async def test_feed_survives_disconnect(auth, booked):
    url = f"/stream/appointments?practitioner={booked['practitioner']}"
    async with aiohttp.ClientSession(BASE, headers=auth, timeout=aiohttp.ClientTimeout(4)) as client:
        async with client.get(url) as got:
            pass
        assert got.closed or got.status


def test_feed_of_unknown_doctor(auth):
    got = requests.get(
        f"{BASE}/stream/appointments", params={"practitioner": "doc_none"}, headers=auth, timeout=TIMEOUT
    )
    assert got.status_code == 404
    assert got.json()["error"] == {"code": "practitioner_not_found", "id": "doc_none"}


def test_feed_needs_token(doctor):
    got = curl(f"/stream/appointments?practitioner={doctor}")
    assert got.status == 401
    assert got.json()["error"]["code"] == "unauthenticated"


def test_feed_with_curl(token, booked):
    got = curl(f"/stream/appointments?practitioner={booked['practitioner']}&since=0", "--max-time", "0.3", token=token)
    assert got.code in (0, 22, 28)


def test_feed_with_curl_prints_event(token, booked):
    got = curl(f"/stream/appointments?practitioner={booked['practitioner']}&since=0", "--max-time", "0.3", token=token)
    (event,) = sse([*got.body.splitlines(), ""])
    assert event["event"] == "appointment.booked"
    assert event["data"]["appointment"]["reference"] == booked["reference"]


def test_feed_parser():
    text = 'id: 1\nevent: appointment.booked\ndata: {"seq": 1}\n\n: heartbeat\n\n'
    assert list(sse(text.splitlines())) == [{"id": "1", "event": "appointment.booked", "data": {"seq": 1}}]


@pytest.fixture
def feed_server(monkeypatch):
    """A feed that we control, to have events at once."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(
                b'id: 1\nevent: appointment.booked\ndata: {"seq": 1, "appointment": {"status": "booked"}}\n\n'
            )

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setattr("test_stream.BASE", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("feed_server")
def test_feed_delivers_booking(auth, booked):
    with Feed(auth, booked["practitioner"], since=0) as feed:
        (event,) = feed.take(1)
    assert event["event"] == "appointment.booked"
    assert event["data"]["appointment"]["status"] == "booked"


def test_feed_with_urllib(auth, booked):
    url = f"{BASE}/stream/appointments?practitioner={booked['practitioner']}&since=0"
    with urllib.request.urlopen(urllib.request.Request(url, headers=auth), timeout=TIMEOUT) as got:
        event = next(sse(got))
    assert event["data"]["event"] == "appointment.booked"
    assert event["data"]["appointment"]["patient"] == booked["patient"]


def test_feed_with_urllib_heartbeat(auth, booked):
    def events() -> object:
        url = f"{BASE}/stream/appointments?practitioner={booked['practitioner']}&since=0"
        with urllib.request.urlopen(urllib.request.Request(url, headers=auth), timeout=TIMEOUT) as got:
            for event in sse(got):
                assert event["event"] == "heartbeat"
                yield event

    stream = events()
    assert hasattr(stream, "__next__")


def test_check_in_on_the_feed(api, auth, booked):
    doctor = booked["practitioner"]
    with Feed(auth, doctor) as feed:
        assert feed.got.status_code == 200
        assert api.check_in(booked["id"]) == {"appointment": booked["id"], "ticket": 1, "position": 1}
        (event,) = feed.take(1)
    assert (event["event"], event["data"]["position"]) == ("patient.checked_in", 1)
