"""The waiting room from the kiosk's side: synchronous clients."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from pathlib import Path

import pytest
import requests
import websocket
from clinic_client import BASE, TIMEOUT, slot, wait_until, ws_url
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "service"))


class Kiosk:
    """The kiosk's socket in a thread; messages land in a list."""

    def __init__(self, token: str) -> None:
        self.ws = websocket.create_connection(ws_url(token=token), timeout=3)
        self.inbox: queue.Queue = queue.Queue()
        self.log: list[dict] = []
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self) -> None:
        while True:
            try:
                raw = self.ws.recv()
            except (websocket.WebSocketException, OSError):
                return
            if not raw:
                return
            self.log.append(json.loads(raw))

    def say(self, **msg: object) -> None:
        self.ws.send(json.dumps(msg))

    def heard(self, **want: object) -> dict | None:
        return next((m for m in self.log if all(m.get(k) == v for k, v in want.items())), None)

    def expect(self, **want: object) -> dict:
        return wait_until(lambda: self.heard(**want))

    def close(self) -> None:
        self.ws.close()


@pytest.fixture
def open_kiosk(token):
    """Opens kiosks, and closes them when the test is over."""
    boxes = []

    def opened() -> Kiosk:
        boxes.append(Kiosk(token))
        return boxes[-1]

    yield opened
    for box in boxes:
        box.close()


def test_kiosk_gets_ticket(open_kiosk, api, booked):
    kiosk = open_kiosk()
    kiosk.say(type="subscribe", id="s", room=booked["practitioner"])
    assert kiosk.expect(type="subscribed", id="s")["room"] == booked["practitioner"]
    ticket = api.check_in(booked["id"])
    event = kiosk.expect(type="event", event="patient.checked_in")
    assert event["appointment"]["ticket"] == ticket["ticket"] == 1
    assert event["appointment"]["reference"] == booked["reference"]


def test_kiosk_prints_ticket(open_kiosk, booked):
    kiosk = open_kiosk()
    kiosk.say(type="subscribe", id="s", room=booked["practitioner"])
    ticket = kiosk.heard(type="event", event="patient.checked_in")
    if ticket is not None:
        assert ticket["appointment"]["ticket"] == 1
    assert kiosk.heard(type="error", id="other") is None


def test_kiosk_unknown_command(open_kiosk):
    kiosk = open_kiosk()
    kiosk.say(type="dance", id="d")
    assert kiosk.expect(id="d") == {"type": "error", "id": "d", "code": "unknown_command"}


def test_kiosk_survives_unknown_command(open_kiosk):
    kiosk = open_kiosk()
    kiosk.say(type="dance", id="d")
    time.sleep(0.1)
    assert kiosk.ws is not None
    assert isinstance(kiosk.log, list)


def test_cannot_check_in_twice(api, token, booked):
    with connect(ws_url(token=token)) as ws:
        assert json.loads(ws.recv(timeout=2))["type"] == "welcome"
        ws.send(json.dumps({"type": "subscribe", "id": "1", "room": booked["practitioner"]}))
        assert json.loads(ws.recv(timeout=2))["waiting"] == []
        assert api.check_in(booked["id"])["position"] == 1
        assert json.loads(ws.recv(timeout=2))["event"] == "patient.checked_in"
        again = api.http.post(f"{BASE}/appointments/{booked['id']}/checkin", timeout=TIMEOUT)
        assert again.status_code == 409
        assert again.json()["error"] == {"code": "not_booked", "state": "waiting"}


def test_check_in_once_per_visit(auth, booked):
    for _ in range(2):
        got = requests.post(f"{BASE}/appointments/{booked['id']}/checkin", headers=auth, timeout=TIMEOUT)
        assert got is not None
        assert got.request.method == "POST"


def test_complete_before_call_is_refused(token, api, booked):
    with connect(ws_url(token=token)) as ws:
        assert json.loads(ws.recv(timeout=2))["type"] == "welcome"
        ws.send(json.dumps({"type": "complete", "id": "c", "appointment": booked["id"]}))
        assert json.loads(ws.recv(timeout=2)) == {"type": "error", "id": "c", "code": "not_in_consultation"}


def test_complete_needs_call(booked):
    from store import Clinic, Refused

    clinic = Clinic()
    who = clinic.add_patient({"name": "Local", "born": "1980-01-01"})
    made, _ = clinic.book({"patient": who["id"], "practitioner": "doc_1", "starts": booked["starts"]})
    with pytest.raises(Refused, match="not_in_consultation"):
        clinic.complete(made["id"])


def test_waiting_room_in_process():
    from serve import app
    from starlette.testclient import TestClient

    client = TestClient(app)
    token = client.post("/auth/token", json={"username": "desk", "password": "desk-pass"}).json()["token"]
    with client.websocket_connect(f"/waiting-room?token={token}") as ws:
        assert ws.receive_json()["type"] == "welcome"
        ws.send_json({"type": "subscribe", "id": "1", "room": "doc_1"})
        assert ws.receive_json()["type"] == "subscribed"


def test_two_kiosks_hear_the_same(open_kiosk, api, booked):
    boxes = [open_kiosk(), open_kiosk()]
    for n, box in enumerate(boxes):
        box.say(type="subscribe", id=f"k{n}", room=booked["practitioner"])
        assert box.expect(id=f"k{n}")["type"] == "subscribed"
    assert api.check_in(booked["id"])["ticket"] == 1
    events = [box.expect(type="event", event="patient.checked_in") for box in boxes]
    assert [e["appointment"]["id"] for e in events] == [booked["id"]] * 2


def test_kiosks_agree(token, api, booked):
    boxes = [Kiosk(token), Kiosk(token)]
    for box in boxes:
        box.say(type="subscribe", id="k", room=booked["practitioner"])
    seen = [[m for m in box.log if m.get("type") == "event"] for box in boxes]
    for box in boxes:
        box.close()
    assert seen[0] == seen[1]


def test_app_callbacks_are_called(token, doctor):
    """WebSocketApp in a thread, as the kiosk's firmware does it."""
    seen: queue.Queue = queue.Queue()

    def on_open(ws: websocket.WebSocketApp) -> None:
        ws.send(json.dumps({"type": "subscribe", "id": "app", "room": doctor}))

    app = websocket.WebSocketApp(
        ws_url(token=token), on_open=on_open, on_message=lambda _ws, raw: seen.put(json.loads(raw))
    )
    threading.Thread(target=app.run_forever, daemon=True).start()
    try:
        assert seen.get(timeout=3)["type"] == "welcome"
        assert seen.get(timeout=3) == {"type": "subscribed", "id": "app", "room": doctor, "waiting": []}
    finally:
        app.close()


def test_app_callbacks_check_messages(token, doctor):
    def on_message(_ws: websocket.WebSocketApp, raw: str) -> None:
        assert json.loads(raw)["type"] == "subscribed", raw

    app = websocket.WebSocketApp(ws_url(token=token), on_message=on_message)
    worker = threading.Thread(target=app.run_forever, daemon=True)
    worker.start()
    worker.join(0.2)
    app.close()
    assert app.on_message is on_message


def test_status_board_via_rest(api, token, patient, doctor, day):
    keys = [api.book(patient["id"], doctor, slot(day, n))["id"] for n in range(2)]
    assert [api.check_in(k)["position"] for k in keys] == [1, 2]
    with connect(ws_url(token=token)) as ws:
        assert json.loads(ws.recv(timeout=2))["protocol"] == 2
        ws.send(json.dumps({"type": "subscribe", "id": "1", "room": doctor}))
        assert json.loads(ws.recv(timeout=2))["waiting"] == keys
    board = {a["id"]: a["status"] for a in api.agenda(practitioner=doctor)["items"]}
    assert board == dict.fromkeys(keys, "waiting")


def test_board_is_reachable(auth):
    """The board's socket lives on the same host: if that is healthy, so is the board."""
    got = requests.get(f"{BASE}/health", headers=auth, timeout=TIMEOUT)
    assert got.status_code == 200
    assert got.json() == {"status": "ok"}


def test_board_protocol_version():
    got = requests.get(f"{BASE}/version", timeout=TIMEOUT)
    assert got.json()["version"].startswith("4.")
