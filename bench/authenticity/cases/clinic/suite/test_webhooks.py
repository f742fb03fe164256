"""Webhooks: the clinic posts to an address that the test gives."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import uuid

import httpx
import pytest
import requests
from clinic_client import BASE, TIMEOUT, eventually, slot, wait_until

log = logging.getLogger(__name__)


def sign(secret: str, data: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def subscribe(auth: dict, doctor: str, url: str, secret: str, *events: str) -> dict:
    body = {"practitioner": doctor, "url": url, "secret": secret, "events": list(events) or ["appointment.booked"]}
    got = requests.post(f"{BASE}/webhooks", json=body, headers=auth, timeout=TIMEOUT)
    assert got.status_code == 201, got.text
    return got.json()


class HookRecorder:
    """Checks each delivery as it comes in."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.errors: list[str] = []
        self.count = 0

    def feed(self, deliveries: list) -> HookRecorder:
        for headers, data in deliveries:
            self.count += 1
            if headers.get("x-clinic-signature") != sign(self.secret, data):
                self.errors.append("bad signature")
        return self


@pytest.fixture
def secret():
    return uuid.uuid4().hex


def test_booking_is_delivered_and_signed(api, auth, inbox, patient, doctor, day, secret):
    hook = subscribe(auth, doctor, inbox.url, secret)
    made = api.book(patient["id"], doctor, slot(day, 3))
    ((headers, data),) = inbox.wait(1)
    assert headers["x-clinic-signature"] == sign(secret, data)
    body = json.loads(data)
    assert (body["hook"], body["event"]) == (hook["id"], "appointment.booked")
    assert body["appointment"]["id"] == made["id"]


def test_signature_of_delivery(inbox, secret):
    data = json.dumps({"event": "appointment.booked", "appointment": {"id": "apt_1"}}).encode()
    requests.post(inbox.url, data=data, headers={"X-Clinic-Signature": sign(secret, data)}, timeout=TIMEOUT)
    ((headers, got),) = inbox.wait(1)
    assert headers["x-clinic-signature"] == sign(secret, got)
    assert json.loads(got)["appointment"]["id"] == "apt_1"


def test_all_deliveries_are_signed(auth, inbox, doctor, secret):
    body = {"practitioner": doctor, "url": inbox.url, "secret": secret}
    requests.post(f"{BASE}/webhooks", json=body, headers=auth, timeout=TIMEOUT)
    recorder = HookRecorder(secret).feed(inbox.seen)
    assert recorder.errors == []


def test_recorder_sees_signed_deliveries(api, auth, inbox, patient, doctor, day, secret):
    assert subscribe(auth, doctor, inbox.url, secret)["url"] == inbox.url
    for n in range(2):
        assert api.book(patient["id"], doctor, slot(day, n))["status"] == "booked"
    recorder = HookRecorder(secret).feed(inbox.wait(2))
    assert recorder.errors == []
    assert recorder.count == 2


def test_failed_delivery_is_repeated(api, auth, grumpy_inbox, patient, doctor, day, secret):
    hook = subscribe(auth, doctor, grumpy_inbox.url, secret)
    assert api.book(patient["id"], doctor, slot(day))["reference"]
    assert len(grumpy_inbox.wait(3)) == 3

    def tries() -> list | None:
        items = api.call("GET", f"/webhooks/{hook['id']}/deliveries").json()["items"]
        return items if len(items) == 3 else None

    assert [(d["attempt"], d["status"]) for d in wait_until(tries)] == [(1, 503), (2, 503), (3, 204)]


def test_delivery_log_is_kept(api, auth, grumpy_inbox, patient, doctor, day, secret):
    body = {"practitioner": doctor, "url": grumpy_inbox.url, "secret": secret}
    hook = requests.post(f"{BASE}/webhooks", json=body, headers=auth, timeout=TIMEOUT)
    key = (re.findall(r"hook_[0-9a-f]{12}", hook.text) or ["hook_none"])[0]
    tries = eventually(lambda: api.call("GET", f"/webhooks/{key}/deliveries").json()["items"], seconds=0.3) or []
    for n, delivery in enumerate(tries, 1):
        assert delivery["attempt"] == n


def test_only_chosen_events(api, auth, inbox, booked, day, secret):
    assert subscribe(auth, booked["practitioner"], inbox.url, secret, "appointment.cancelled")["events"] == [
        "appointment.cancelled"
    ]
    assert api.move(booked["id"], slot(day, 8))["version"] == 2
    assert api.cancel(booked["id"]) == 204
    ((headers, _),) = inbox.wait(1)
    assert headers["x-clinic-event"] == "appointment.cancelled"


def test_no_event_without_subscription(api, inbox, booked):
    requests.delete(f"{BASE}/appointments/{booked['id']}", timeout=TIMEOUT)
    inbox.wait(1, seconds=0.2)
    assert inbox.seen == []


def test_secret_is_never_shown(auth, inbox, doctor, secret):
    hook = subscribe(auth, doctor, inbox.url, secret)
    assert "secret" not in hook
    assert hook == {"id": hook["id"], "events": ["appointment.booked"], "url": inbox.url, "practitioner": doctor}


def test_secret_stays_secret(auth, inbox, doctor, secret):
    got = requests.get(f"{BASE}/webhooks", headers=auth, timeout=TIMEOUT)
    assert secret not in got.text


def test_unsubscribed_hook_is_gone(auth, inbox, doctor, secret):
    hook = subscribe(auth, doctor, inbox.url, secret)
    with httpx.Client(base_url=BASE, headers=auth, timeout=TIMEOUT) as client:
        assert client.delete(f"/webhooks/{hook['id']}").status_code == 204
        gone = client.get(f"/webhooks/{hook['id']}/deliveries")
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "hook_not_found"


def test_hook_removal(auth, inbox, doctor, secret):
    body = {"practitioner": doctor, "url": inbox.url, "secret": secret}
    with httpx.Client(base_url=BASE, headers=auth, timeout=TIMEOUT) as client:
        client.post("/webhooks", json=body)
        gone = client.delete("/webhooks/hook_of_nobody")
    assert gone.status_code != 204


def test_incomplete_subscription(auth, doctor):
    got = httpx.post(f"{BASE}/webhooks", json={"practitioner": doctor}, headers=auth, timeout=TIMEOUT)
    assert got.status_code == 422
    assert got.json()["error"]["fields"] == {"url": "missing", "secret": "missing"}


def test_incomplete_subscription_is_logged(auth, doctor):
    got = httpx.post(f"{BASE}/webhooks", json={"practitioner": doctor}, headers=auth, timeout=TIMEOUT)
    try:
        assert got.status_code == 400
    except AssertionError:
        log.exception("other status: %s", got.status_code)


def test_delivery_carries_patient(api, auth, inbox, booked, patient, secret):
    """Checks the delivery in the receiver's own callback."""
    checks = []

    def on_delivery(headers: dict, data: bytes) -> None:
        checks.append(headers)
        assert json.loads(data)["appointment"]["patient"] == patient["id"]

    inbox.on_delivery = on_delivery
    body = {
        "practitioner": booked["practitioner"],
        "url": inbox.url,
        "secret": secret,
        "events": ["appointment.cancelled"],
    }
    api.http.post(f"{BASE}/webhooks", json=body, timeout=TIMEOUT)
    api.http.delete(f"{BASE}/appointments/{booked['id']}", timeout=TIMEOUT)
    assert len(checks) <= len(inbox.wait(1, seconds=0.5))
