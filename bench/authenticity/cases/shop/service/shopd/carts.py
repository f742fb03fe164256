"""Carts and coupons."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .pricing import totals
from .store import Tenant, new_id
from .web import Refused, body_of, find, need_role, tenant_of


def lines_of(tenant: Tenant, cart: dict[str, Any]) -> list[dict[str, Any]]:
    """The priced lines of a cart."""
    return [
        {"sku": sku, "qty": qty, "unit_price": price, "amount": price * qty}
        for sku, qty in cart["items"].items()
        for price in [tenant.products[sku]["price"]]
    ]


def view(tenant: Tenant, cart: dict[str, Any]) -> dict[str, Any]:
    """The cart as clients see it."""
    lines = lines_of(tenant, cart)
    coupon = tenant.coupons.get(cart["coupon"]) if cart["coupon"] else None
    return {"id": cart["id"], "lines": lines, "coupon": cart["coupon"], **totals(lines, coupon)}


async def create_cart(request: Request) -> Response:
    """An empty cart."""
    tenant = tenant_of(request)
    cart = {"id": new_id("cart"), "items": {}, "coupon": None, "ordered": False}
    tenant.carts[cart["id"]] = cart
    return JSONResponse(view(tenant, cart), 201)


async def get_cart(request: Request) -> Response:
    """A cart."""
    tenant = tenant_of(request)
    return JSONResponse(view(tenant, find(tenant.carts, request.path_params["id"], "cart")))


async def add_item(request: Request) -> Response:
    """More of a product."""
    tenant, data = tenant_of(request), await body_of(request)
    cart = find(tenant.carts, request.path_params["id"], "cart")
    sku, qty = str(data.get("sku")), data.get("qty", 1)
    find(tenant.products, sku, "product")
    if not isinstance(qty, int) or qty < 1:
        raise Refused(422, "invalid", "qty must be at least 1")
    wanted = cart["items"].get(sku, 0) + qty
    if wanted > tenant.stock[sku]:
        raise Refused(409, "out_of_stock", f"only {tenant.stock[sku]} of {sku} are left")
    cart["items"][sku] = wanted
    return JSONResponse(view(tenant, cart))


async def remove_item(request: Request) -> Response:
    """No more of a product."""
    tenant = tenant_of(request)
    cart = find(tenant.carts, request.path_params["id"], "cart")
    find(cart["items"], request.path_params["sku"], "line")
    del cart["items"][request.path_params["sku"]]
    return JSONResponse(view(tenant, cart))


async def apply_coupon(request: Request) -> Response:
    """A cheaper cart."""
    tenant, data = tenant_of(request), await body_of(request)
    cart = find(tenant.carts, request.path_params["id"], "cart")
    coupon = find(tenant.coupons, str(data.get("code")), "coupon")
    if coupon["used"] >= coupon["max_uses"]:
        raise Refused(409, "coupon_exhausted", "the coupon is used up")
    cart["coupon"] = coupon["code"]
    return JSONResponse(view(tenant, cart))


async def create_coupon(request: Request) -> Response:
    """A new coupon."""
    tenant, data = tenant_of(request), await body_of(request)
    need_role(request, "admin")
    code, percent, amount = data.get("code"), data.get("percent"), data.get("amount_off")
    if not code or code in tenant.coupons:
        raise Refused(409 if code else 422, "bad_code", "the code is missing or taken")
    if (percent is None) == (amount is None) or (percent is not None and not 1 <= percent <= 100):
        raise Refused(422, "invalid", "either percent (1 to 100) or amount_off is needed")
    coupon = {"code": code, "used": 0, "max_uses": data.get("max_uses", 1000000)}
    coupon |= {"percent": percent} if percent is not None else {"amount_off": amount}
    coupon["min_subtotal"] = data.get("min_subtotal", 0)
    tenant.coupons[code] = coupon
    return JSONResponse(coupon, 201)


async def get_coupon(request: Request) -> Response:
    """A coupon and how often it was used."""
    return JSONResponse(find(tenant_of(request).coupons, request.path_params["code"], "coupon"))
