"""Things that nobody else has."""

import itertools
import uuid
from typing import Any

_numbers = itertools.count(1)


def unique(prefix: str) -> str:
    """A name that is not taken."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def product_payload(**changes: Any) -> dict[str, Any]:
    """What a new product needs."""
    number = next(_numbers)
    return {
        "sku": unique("SKU"),
        "title": f"Thing number {number}",
        "price": 1500,
        "tags": ["t"],
        "stock": 20,
    } | changes


class OrderPayloadBuilder:
    """Builds the body of POST /orders."""

    def __init__(self) -> None:
        self._data: dict[str, Any] = {"customer": "guest"}

    def for_customer(self, name: str) -> "OrderPayloadBuilder":
        """Who buys."""
        self._data["customer"] = name
        return self

    def from_cart(self, cart_id: str) -> "OrderPayloadBuilder":
        """What is bought."""
        self._data["cart_id"] = cart_id
        return self

    def build(self) -> dict[str, Any]:
        """The body."""
        return dict(self._data)
