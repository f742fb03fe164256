"""A thin client of the shop on requests."""

from typing import Any

import requests

from .config import BASE_URL, GOOD_CARD

STEPS = {"ship": "shipped", "deliver": "delivered", "cancel": "cancelled"}


class ApiError(Exception):
    """The shop said no."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:200]}")
        self.status = status


class ShopApi:
    """Calls that raise when the shop says no."""

    def __init__(self, token: str | None = None, base: str = BASE_URL) -> None:
        self.base = base
        self.session = requests.Session()
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def raw(self, method: str, path: str, **kw: Any) -> requests.Response:
        """Any call, any answer."""
        return self.session.request(method, self.base + path, timeout=10, **kw)

    def call(self, method: str, path: str, want: int = 200, **kw: Any) -> Any:
        """A call whose status must be the wanted one."""
        answer = self.raw(method, path, **kw)
        if answer.status_code != want:
            raise ApiError(answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def get_json(self, path: str, **kw: Any) -> Any:
        """A lenient read for optional data: empty when there is none."""
        try:
            answer = self.raw("GET", path, **kw)
            return answer.json() if answer.ok else {}
        except (requests.RequestException, ValueError):
            return {}

    def login(self, **who: str) -> dict[str, Any]:
        """Log in and keep the token."""
        session = self.call("POST", "/auth/login", json=who)
        self.session.headers["Authorization"] = f"Bearer {session['token']}"
        return session

    def add_product(self, **product: Any) -> dict[str, Any]:
        """A new product."""
        return self.call("POST", "/products", 201, json=product)

    def cart_with(self, **items: int) -> dict[str, Any]:
        """A cart that holds the items; underscores stand for dashes."""
        cart = self.call("POST", "/carts", 201)
        for name, qty in items.items():
            sku = name.replace("_", "-")
            cart = self.add_to_cart(cart["id"], sku, qty)
        return cart

    def add_to_cart(self, cart_id: str, sku: str, qty: int = 1) -> dict[str, Any]:
        """The cart with more in it."""
        cart = self.call("POST", f"/carts/{cart_id}/items", json={"sku": sku, "qty": qty})
        assert any(line["sku"] == sku and line["qty"] >= qty for line in cart["lines"])
        return cart

    def order(self, cart_id: str, customer: str = "guest") -> dict[str, Any]:
        """An order out of a cart."""
        order = self.call("POST", "/orders", 201, json={"cart_id": cart_id, "customer": customer})
        assert (order["state"], order["customer"]) == ("pending", customer)
        return order

    def pay(self, order: dict[str, Any], card: str = GOOD_CARD) -> dict[str, Any]:
        """Pay all of it."""
        data = {"order_id": order["id"], "amount": order["total"], "card": card}
        payment = self.call("POST", "/payments", 201, json=data)
        assert (payment["status"], payment["order_id"]) == ("approved", order["id"])
        return payment

    def move(self, order: dict[str, Any], *steps: str) -> dict[str, Any]:
        """Ship, deliver, cancel."""
        for step in steps:
            order = self.call("POST", f"/orders/{order['id']}/{step}")
            assert order["state"] == STEPS[step], f"{step} left the order {order['state']}"
        return order
