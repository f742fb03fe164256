"""What the shop tells of by itself: events and webhooks."""

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
import requests
from support.api import ShopApi
from support.config import BASE_URL
from support.polling import wait_until
from support.stub import receiver


@pytest.fixture
def inbox():
    """Where the shop's webhooks arrive."""
    with receiver() as made:
        yield made


@pytest.fixture
def shipped(make_order):
    """An order on its way."""
    return make_order("ship")


def subscribe(api, url, *events):
    """Ask for events."""
    hook = api.call("POST", "/webhooks", 201, json={"url": url, "events": list(events), "secret": "s3cret"})
    assert (hook["url"], hook["active"]) == (url, True)
    return hook


def of_order(inbox, order):
    """What has come about the order."""
    got = [(entry, json.loads(entry["body"])) for entry in list(inbox.got)]
    return [(entry, body) for entry, body in got if body["data"]["order_id"] == order["id"]]


def read_events(lines):
    """Event names out of a stream."""
    return [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]


def test_events_tell_the_history(http, make_order):
    order = make_order("ship")
    with http.stream("GET", f"/orders/{order['id']}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert read_events(answer.iter_lines()) == ["pending", "paid", "shipped"]


def test_events_resume_after_last_id(http, make_order):
    order = make_order("ship")
    with http.stream("GET", f"/orders/{order['id']}/events", headers={"Last-Event-ID": "2"}) as answer:
        assert read_events(answer.iter_lines()) == ["shipped"]


def test_cancel_arrives_on_open_stream(http, api, make_order):
    order = make_order()
    with http.stream("GET", f"/orders/{order['id']}/events", params={"follow": "1"}) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event")) == "event: pending"
        api.move(order, "cancel")
        assert read_events(lines) == ["cancelled"]


def test_webhook_is_signed(api, make_order, inbox):
    hook = subscribe(api, inbox.url, "order.created")
    order = make_order()
    entry, body = wait_until(lambda: of_order(inbox, order))[0]
    wanted = "sha256=" + hmac.new(b"s3cret", entry["body"], hashlib.sha256).hexdigest()
    assert entry["headers"]["X-Shop-Signature"] == wanted
    assert body["event"] == "order.created"
    assert api.call("DELETE", f"/webhooks/{hook['id']}")["active"] is False


def test_deliveries_are_recorded(api, make_order, inbox):
    hook = subscribe(api, inbox.url, "order.paid")
    order = make_order(paid=True)

    def mine():
        found = api.call("GET", f"/webhooks/{hook['id']}/deliveries")["deliveries"]
        return [d for d in found if d["order_id"] == order["id"]]

    assert wait_until(mine) == [{"event": "order.paid", "status": 200, "order_id": order["id"]}]
    assert api.call("DELETE", f"/webhooks/{hook['id']}")["active"] is False


def test_bad_webhook_address_is_refused(api):
    answer = api.raw("POST", "/webhooks", json={"url": "ftp://example.invalid"})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "url must be an HTTP address"


def test_webhook_payload_has_total(inbox):
    sent = {"event": "order.paid", "data": {"order_id": "ord_1", "total": 1990}}
    requests.post(inbox.url + "/hook", json=sent, timeout=5)
    body = json.loads(inbox.got[0]["body"])
    assert body["event"] == "order.paid"
    assert body["data"]["total"] == 1990


def test_webhook_verifies_signature():
    body = b'{"event": "order.paid"}'
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(signature, hmac.new(b"s3cret", body, hashlib.sha256).hexdigest())


def test_events_reach_listener(token, shipped):
    seen = []

    def listen():
        url = f"{BASE_URL}/orders/{shipped['id']}/events"
        with httpx.stream("GET", url, headers={"Authorization": f"Bearer {token}"}) as answer:
            seen.extend(read_events(answer.iter_lines()))
        assert seen == ["pending", "paid", "packed", "shipped"]

    listener = threading.Thread(target=listen)
    threading.excepthook, kept = (lambda _: None), threading.excepthook
    listener.start()
    listener.join(5)
    threading.excepthook = kept
    assert not listener.is_alive()


def test_event_handler_is_called(api, shipped):
    handlers = {}

    def on(event):
        return lambda handler: handlers.setdefault(event, handler)

    @on("order.refunded")
    def check(data):
        assert data["order_id"] == shipped["id"]

    for event in api.get_json(f"/orders/{shipped['id']}").get("events", []):
        handlers[event["name"]](event)
    assert "order.refunded" in handlers


def test_stream_can_be_opened(http, shipped):
    with http.stream("GET", f"/orders/{shipped['id']}/events") as answer:
        assert answer.num_bytes_downloaded == 0


def test_hook_is_listed(auth):
    checks = []
    session = requests.Session()
    session.hooks["error"] = [lambda r, *_, **__: checks.append(r.status_code)]
    session.get(f"{BASE_URL}/webhooks/hook_none/deliveries", headers=auth, timeout=10)
    assert checks == []


def test_events_of_previous_release(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = Path(__file__).resolve().parents[1] / "service" / "serve.py"
    env = {**os.environ, "PORT": str(port), "SHOP_REVISION": "r0"}
    with subprocess.Popen([sys.executable, str(serve)], env=env, cwd=tmp_path) as process:
        try:
            api = ShopApi(base=f"http://127.0.0.1:{port}")
            wait_until(lambda: api.get_json("/ready"), seconds=15)
            api.login(tenant="acme", username="alice", password="wonderland")
            order = api.order(api.cart_with(MUG_1=1)["id"])
            events = api.raw("GET", f"/orders/{order['id']}/events").text.splitlines()
        finally:
            process.terminate()
    assert read_events(events) == ["pending"]
