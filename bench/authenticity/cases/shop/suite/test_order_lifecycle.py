"""The states of an order, with async httpx."""

import asyncio

import httpx
import pytest
import pytest_asyncio
from support.config import BASE_URL, GOOD_CARD, ORDER_STATES


@pytest_asyncio.fixture
async def client(auth):
    """A logged-in client."""
    async with httpx.AsyncClient(base_url=BASE_URL, headers=auth, timeout=10) as made:
        yield made


@pytest.fixture
def order(make_order):
    """A fresh order."""
    return make_order()


@pytest.fixture
def delivered(make_order):
    """An order that has arrived."""
    return make_order("ship", "deliver")


async def step(client, order, name):
    """Move the order."""
    return await client.post(f"/orders/{order['id']}/{name}")


async def pay(client, order):
    """Pay the order in full."""
    return await client.post("/payments", json={"order_id": order["id"], "amount": order["total"], "card": GOOD_CARD})


async def test_paid_order_can_be_shipped_and_delivered(client, order):
    paid = await pay(client, order)
    assert paid.json()["status"] == "approved"
    shipped = await step(client, order, "ship")
    delivered = await step(client, order, "deliver")
    assert [shipped.json()["state"], delivered.json()["state"]] == ["shipped", "delivered"]
    assert [h["state"] for h in delivered.json()["history"]] == ["pending", "paid", "shipped", "delivered"]


async def test_unpaid_order_is_not_shipped(client, order):
    refused = await step(client, order, "ship")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "bad_transition"


async def test_cancel_puts_goods_back(client, make_order, product):
    order = make_order(qty=5)
    before = (await client.get(f"/stock/{product['sku']}")).json()
    cancelled = await step(client, order, "cancel")
    after = (await client.get(f"/stock/{product['sku']}")).json()
    assert (before["available"], after["available"]) == (15, 20)
    assert cancelled.json()["state"] == "cancelled"


async def test_orders_of_customer_are_listed(client, make_order, customer):
    ids = {make_order()["id"] for _ in range(2)}
    listing = await client.get("/orders", params={"customer": customer})
    assert listing.status_code == 200
    assert {o["id"] for o in listing.json()["orders"]} == ids
    assert listing.json()["next_cursor"] is None


async def test_cursor_leads_through_all_orders(client, make_order, customer):
    wanted = [make_order()["id"] for _ in range(3)]
    seen, cursor = [], "0"
    while cursor is not None:
        page = await client.get("/orders", params={"customer": customer, "limit": 2, "cursor": cursor})
        page.raise_for_status()
        seen += [o["id"] for o in page.json()["orders"]]
        cursor = page.json()["next_cursor"]
    assert seen == wanted


async def test_parallel_cancels_have_one_winner(client, order):
    answers = await asyncio.gather(*(step(client, order, "cancel") for _ in range(3)))
    assert sorted(a.status_code for a in answers) == [200, 409, 409]
    winner = next(a for a in answers if a.status_code == 200)
    assert winner.json()["state"] == "cancelled"
    assert {a.json()["error"]["code"] for a in answers if a is not winner} == {"bad_transition"}


async def test_delivered_order_is_final_for_cancel(client, delivered):
    async def check():
        refused = await step(client, delivered, "cancel")
        assert refused.status_code == 409

    check().close()


async def test_shipping_twice_is_refused(client, order):
    async def check():
        await pay(client, order)
        assert (await step(client, order, "ship")).status_code == 200
        assert (await step(client, order, "ship")).status_code == 409

    results = await asyncio.gather(check(), return_exceptions=True)
    assert len(results) == 1


async def test_order_state_is_known(client, order):
    task = asyncio.create_task(client.get(f"/orders/{order['id']}"))
    task.add_done_callback(lambda done: done.cancelled() or done.result().json()["state"] in ORDER_STATES)
    await asyncio.wait([task], timeout=5)


async def test_background_settlement_finishes(client, order):
    async def settle():
        await pay(client, order)
        assert (await client.get(f"/orders/{order['id']}")).json()["state"] == "settled"

    settlement = asyncio.create_task(settle())
    await asyncio.sleep(0.05)
    assert settlement is not None
    settlement.cancel()


async def test_lifecycle_constants():
    assert "shipped" in ORDER_STATES
    assert ORDER_STATES.index("paid") < ORDER_STATES.index("shipped")


async def test_cancel_returns_final_state(client, order):
    answer = await step(client, order, "cancel")
    expected = answer.json().get("state")
    assert answer.json().get("state") == expected


async def test_order_is_visible_right_away(client, order):
    answer = await client.get(f"/orders/{order['id']}", headers={"X-Demo-Mode": "on"})
    assert answer.status_code == 200
    assert answer.json()["currency"] == "EUR"


async def test_shipped_example_has_state(client):
    answer = await client.get("/orders/ord_1", headers={"Prefer": "example=order-shipped"})
    assert answer.json()["state"] == "shipped"
    assert answer.json()["total"] == 1990


async def test_orders_can_be_filtered_by_state(client, order):
    answer = await client.get("/orders", params={"state": "pending"})
    assert answer.status_code != 404
    assert answer.request.url.params["state"] == "pending"


async def test_history_grows(client, delivered):
    try:
        history = (await client.get(f"/orders/{delivered['id']}")).json()["history"]
        assert len(history) == 5
    finally:
        return
