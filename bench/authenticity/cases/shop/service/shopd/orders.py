"""Orders, payments, returns, and the events that tell of them."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from .carts import lines_of
from .hooks import announce
from .pricing import totals
from .store import Tenant, new_id
from .web import Refused, body_of, etag_of, find, number, tenant_of

ALLOWED = {
    "pending": {"paid", "cancelled"},
    "paid": {"shipped", "cancelled"},
    "shipped": {"delivered"},
    "delivered": {"returned"},
}
FINAL = {"cancelled", "returned"}

DEPTH = {"X-Greenproof-Depth": "canned"}


def move(tenant: Tenant, order: dict[str, Any], state: str) -> None:
    """The next state of an order, if it may be had."""
    if state not in ALLOWED.get(order["state"], set()):
        raise Refused(409, "bad_transition", f"an order that is {order['state']} cannot become {state}")
    order["state"] = state
    order["history"].append({"seq": len(order["history"]) + 1, "state": state, "at": round(time.time(), 3)})
    announce(tenant, f"order.{state}", {"order_id": order["id"], "state": state, "total": order["total"]})


async def create_order(request: Request) -> Response:
    """An order out of a cart."""
    tenant, data = tenant_of(request), await body_of(request)
    if request.query_params.get("dry_run") == "true":
        return JSONResponse({"id": "ord_dryrun", "state": "pending", "lines": [], "total": 2990}, 201, DEPTH)
    key, digest = request.headers.get("idempotency-key"), hashlib.sha256(await request.body()).hexdigest()
    if key and key in tenant.idempotent:
        seen, order = tenant.idempotent[key]
        if seen != digest:
            raise Refused(422, "key_reused", "the idempotency key was used for another request")
        return JSONResponse(order, 201, headers={"Idempotent-Replay": "true"})
    cart = find(tenant.carts, str(data.get("cart_id")), "cart")
    if cart["ordered"]:
        raise Refused(409, "cart_ordered", "the cart was ordered already")
    lines = lines_of(tenant, cart)
    if not lines:
        raise Refused(422, "empty_cart", "there is nothing in the cart")
    if any(line["qty"] > tenant.stock[line["sku"]] for line in lines):
        raise Refused(409, "out_of_stock", "not all of it is there")
    for line in lines:
        tenant.stock[line["sku"]] -= line["qty"]
    coupon = tenant.coupons.get(cart["coupon"]) if cart["coupon"] else None
    if coupon:
        coupon["used"] += 1
    cart["ordered"] = True
    order = {"id": new_id("ord"), "state": "pending", "lines": lines, "coupon": cart["coupon"], "currency": "EUR"}
    order |= totals(lines, coupon)
    order |= {"customer": data.get("customer", "guest"), "history": [{"seq": 1, "state": "pending", "at": time.time()}]}
    tenant.orders[order["id"]] = order
    if key:
        tenant.idempotent[key] = (digest, json.loads(json.dumps(order)))
    announce(tenant, "order.created", {"order_id": order["id"], "state": "pending", "total": order["total"]})
    return JSONResponse(order, 201, headers={"Location": f"/orders/{order['id']}"})


async def list_orders(request: Request) -> Response:
    """Orders, page by page."""
    tenant, query = tenant_of(request), request.query_params
    limit = number(query.get("limit"), 20, 1, 100)
    found = [
        order
        for order in tenant.orders.values()
        if query.get("state") in {None, order["state"]} and query.get("customer") in {None, order["customer"]}
    ]
    start = number(query.get("cursor"), 0, 0, 10**9)
    following = str(start + limit) if start + limit < len(found) else None
    return JSONResponse({"orders": found[start : start + limit], "next_cursor": following})


async def get_order(request: Request) -> Response:
    """An order."""
    order = find(tenant_of(request).orders, request.path_params["id"], "order")
    return JSONResponse(order, headers={"ETag": etag_of(order)})


def _moving(state: str) -> Any:
    async def handler(request: Request) -> Response:
        tenant = tenant_of(request)
        order = find(tenant.orders, request.path_params["id"], "order")
        move(tenant, order, state)
        if state == "cancelled":
            for line in order["lines"]:
                tenant.stock[line["sku"]] = tenant.stock.get(line["sku"], 0) + line["qty"]
        return JSONResponse(order)

    return handler


cancel_order, ship_order, deliver_order = _moving("cancelled"), _moving("shipped"), _moving("delivered")


async def create_payment(request: Request) -> Response:
    """Pay an order."""
    tenant, data = tenant_of(request), await body_of(request)
    if request.headers.get("x-payments-bypass") == "approve":
        return JSONResponse({"id": "pay_bypass", "status": "approved", "amount": data.get("amount")}, 201, DEPTH)
    order, card = find(tenant.orders, str(data.get("order_id")), "order"), str(data.get("card", ""))
    if not card.isdigit() or len(card) != 16:
        raise Refused(422, "invalid_card", "a card has 16 digits")
    if data.get("amount") != order["total"]:
        raise Refused(422, "wrong_amount", f"the order costs {order['total']}")
    if card.endswith("0002"):
        raise Refused(402, "card_declined", "the bank says no")
    move(tenant, order, "paid")
    payment = {"id": new_id("pay"), "order_id": order["id"], "status": "approved", "amount": order["total"]}
    payment["card_last4"] = card[-4:]
    tenant.payments[payment["id"]] = payment
    return JSONResponse(payment, 201)


async def get_payment(request: Request) -> Response:
    """A payment."""
    return JSONResponse(find(tenant_of(request).payments, request.path_params["id"], "payment"))


async def create_return(request: Request) -> Response:
    """Take goods back."""
    tenant, data = tenant_of(request), await body_of(request)
    order = find(tenant.orders, str(data.get("order_id")), "order")
    if not data.get("reason"):
        raise Refused(422, "invalid", "a reason is needed")
    move(tenant, order, "returned")
    entry = {"id": new_id("ret"), "order_id": order["id"], "reason": data["reason"], "refund": order["total"]}
    entry["status"] = "open"
    tenant.returns[entry["id"]] = entry
    return JSONResponse(entry, 201)


async def get_return(request: Request) -> Response:
    """A return."""
    return JSONResponse(find(tenant_of(request).returns, request.path_params["id"], "return"))


async def order_events(request: Request) -> Response:
    """The states of an order as they come, as server-sent events."""
    order = find(tenant_of(request).orders, request.path_params["id"], "order")
    follow = request.query_params.get("follow") == "1"
    seen = number(request.headers.get("last-event-id"), 0, 0, 10**9)

    async def stream() -> AsyncIterator[str]:
        sent, deadline = seen, time.monotonic() + 5
        while True:
            for entry in order["history"][sent:]:
                data = json.dumps({"order_id": order["id"], "state": entry["state"]})
                yield f"id: {entry['seq']}\nevent: {entry['state']}\ndata: {data}\n\n"
                sent = entry["seq"]
            if not follow or order["state"] in FINAL or time.monotonic() > deadline:
                return
            await asyncio.sleep(0.03)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
