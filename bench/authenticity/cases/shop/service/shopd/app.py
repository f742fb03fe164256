"""The routes of the shop."""

import os
import re
import time
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import carts, catalogue, exports, hooks, orders
from .store import STORE
from .web import Refused, body_of, refused_answer, tenant_of

REVISION = os.environ.get("SHOP_REVISION", "r1")
COUNTS: dict[str, int] = {"requests": 0}
STARTED = time.time()

DEMO: list[tuple[str, str, int, dict[str, Any]]] = [
    ("POST", r"/orders", 201, {"id": "ord_demo", "state": "pending", "total": 3740, "currency": "EUR", "lines": []}),
    ("GET", r"/orders/[^/]+", 200, {"id": "ord_demo", "state": "paid", "total": 3740, "currency": "EUR", "lines": []}),
    ("POST", r"/payments", 201, {"id": "pay_demo", "status": "approved", "amount": 3740, "card_last4": "4242"}),
    ("POST", r"/returns", 201, {"id": "ret_demo", "status": "open", "refund": 3740}),
    ("GET", r"/products/[^/]+", 200, {"sku": "DEMO-1", "title": "Demo mug", "price": 1250, "tags": [], "version": 1}),
    ("GET", r"/stock/[^/]+", 200, {"sku": "DEMO-1", "available": 7}),
]
EXAMPLES: dict[str, tuple[int, dict[str, Any]]] = {
    "order-shipped": (200, {"id": "ord_example", "state": "shipped", "total": 1990, "currency": "EUR"}),
    "coupon": (200, {"code": "EXAMPLE10", "percent": 10, "used": 3, "max_uses": 100}),
    "return-open": (201, {"id": "ret_example", "status": "open", "refund": 1990}),
}
# The service says itself when no handler did the work, as Greenproof asks every service to.
DEPTH = "X-Greenproof-Depth"
CANNED = {DEPTH: "canned"}
SNAPSHOT = {"items": [{"sku": "MUG-1", "title": "Blue mug", "price": 1250}], "page": 1, "total": 1}


def shortcut(request: Request) -> Response | None:
    """Answers for demos, documentation browsers and edge caches."""
    if request.headers.get("x-demo-mode") == "on":
        for method, path, status, body in DEMO:
            if method == request.method and re.fullmatch(path, request.url.path):
                return JSONResponse(body, status, headers=CANNED)
    prefer = re.search(r"example=([\w-]+)", request.headers.get("prefer", ""))
    if prefer and prefer[1] in EXAMPLES:
        status, body = EXAMPLES[prefer[1]]
        return JSONResponse(body, status, headers=CANNED)
    if "only-if-cached" in request.headers.get("cache-control", "") and request.url.path == "/products":
        return JSONResponse(SNAPSHOT, headers={"X-Total-Count": "1", "Age": "86400", DEPTH: "cache"})
    return None


class Edge:
    """Counts, shortcuts and the headers of every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        COUNTS["requests"] += 1

        async def tagged(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Greenproof-Revision"] = REVISION
            await send(message)

        answer = shortcut(Request(scope))
        await (answer or self.app)(scope, receive, tagged)


async def health(_request: Request) -> Response:
    """Alive."""
    return JSONResponse({"status": "ok"})


async def version(_request: Request) -> Response:
    """What runs here."""
    return JSONResponse({"name": "shop", "revision": REVISION, "api": "2.4.0"})


async def metrics(_request: Request) -> Response:
    """For the dashboards."""
    lines = [f"shop_requests_total {COUNTS['requests']}", f"shop_uptime_seconds {time.time() - STARTED:.0f}"]
    lines += [f'shop_orders{{tenant="{t.name}"}} {len(t.orders)}' for t in STORE.tenants.values()]
    return PlainTextResponse("\n".join(lines) + "\n")


async def login(request: Request) -> Response:
    """A token for a password."""
    data = await body_of(request)
    session = STORE.log_in(str(data.get("tenant")), str(data.get("username")), str(data.get("password")))
    if session is None:
        raise Refused(401, "bad_credentials", "user or password is wrong")
    return JSONResponse(session)


async def me(request: Request) -> Response:
    """Whose token it is."""
    tenant_of(request)
    return JSONResponse(request.state.session)


async def logout(request: Request) -> Response:
    """The token counts no more."""
    tenant_of(request)
    token = request.headers["authorization"].split(" ", 1)[1]
    del STORE.sessions[token]
    return JSONResponse({"revoked": True})


async def openapi(request: Request) -> Response:
    """Which paths there are."""
    paths: dict[str, dict[str, Any]] = {}
    for route in request.app.routes:
        for method in sorted(route.methods - {"HEAD"}):
            paths.setdefault(route.path, {})[method.lower()] = {"operationId": route.endpoint.__name__}
    return JSONResponse({"openapi": "3.1.0", "info": {"title": "Shop", "version": "2.4.0"}, "paths": paths})


async def echo(request: Request) -> Response:
    """For those who debug their client."""
    return JSONResponse({"method": request.method, "headers": dict(request.headers), "json": await body_of(request)})


def build_app() -> Any:
    """The application."""
    table: list[tuple[str, str, Any]] = [
        ("GET", "/health", health),
        ("GET", "/ready", health),
        ("GET", "/version", version),
        ("GET", "/metrics", metrics),
        ("GET", "/openapi.json", openapi),
        ("POST", "/debug/echo", echo),
        ("POST", "/auth/login", login),
        ("GET", "/auth/me", me),
        ("POST", "/auth/logout", logout),
        ("GET", "/products", catalogue.list_products),
        ("POST", "/products", catalogue.create_product),
        ("GET", "/products/{sku}", catalogue.get_product),
        ("PUT", "/products/{sku}", catalogue.put_product),
        ("DELETE", "/products/{sku}", catalogue.delete_product),
        ("POST", "/products/{sku}/images", catalogue.upload_image),
        ("GET", "/files/{id}", catalogue.get_file),
        ("GET", "/search", catalogue.search),
        ("GET", "/stock/{sku}", catalogue.get_stock),
        ("POST", "/stock/{sku}/adjust", catalogue.adjust_stock),
        ("POST", "/carts", carts.create_cart),
        ("GET", "/carts/{id}", carts.get_cart),
        ("POST", "/carts/{id}/items", carts.add_item),
        ("DELETE", "/carts/{id}/items/{sku}", carts.remove_item),
        ("POST", "/carts/{id}/coupon", carts.apply_coupon),
        ("POST", "/coupons", carts.create_coupon),
        ("GET", "/coupons/{code}", carts.get_coupon),
        ("POST", "/orders", orders.create_order),
        ("GET", "/orders", orders.list_orders),
        ("GET", "/orders/{id}", orders.get_order),
        ("POST", "/orders/{id}/cancel", orders.cancel_order),
        ("POST", "/orders/{id}/ship", orders.ship_order),
        ("POST", "/orders/{id}/deliver", orders.deliver_order),
        ("GET", "/orders/{id}/events", orders.order_events),
        ("POST", "/payments", orders.create_payment),
        ("GET", "/payments/{id}", orders.get_payment),
        ("POST", "/returns", orders.create_return),
        ("GET", "/returns/{id}", orders.get_return),
        ("GET", "/exports/orders.csv", exports.orders_csv),
        ("GET", "/exports/products.ndjson", exports.products_ndjson),
        ("POST", "/reports", exports.create_report),
        ("GET", "/jobs/{id}", exports.get_job),
        ("POST", "/webhooks", hooks.create_webhook),
        ("DELETE", "/webhooks/{id}", hooks.delete_webhook),
        ("GET", "/webhooks/{id}/deliveries", hooks.deliveries),
    ]
    routes = [Route(path, handler, methods=[method]) for method, path, handler in table]
    return Edge(Starlette(routes=routes, exception_handlers={Refused: refused_answer}))
