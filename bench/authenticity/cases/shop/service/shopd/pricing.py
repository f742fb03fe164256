"""Money, in cents."""

from typing import Any

FREE_SHIPPING_FROM = 5000
SHIPPING = 490


def discount_for(coupon: dict[str, Any] | None, subtotal: int) -> int:
    """What the coupon takes off."""
    if coupon is None or subtotal < coupon.get("min_subtotal", 0):
        return 0
    if "percent" in coupon:
        return subtotal * coupon["percent"] // 100
    return min(subtotal, coupon["amount_off"])


def totals(lines: list[dict[str, Any]], coupon: dict[str, Any] | None) -> dict[str, int]:
    """Subtotal, discount, shipping and total of some lines."""
    subtotal = sum(line["amount"] for line in lines)
    discount = discount_for(coupon, subtotal)
    shipping = 0 if not lines or subtotal - discount >= FREE_SHIPPING_FROM else SHIPPING
    return {
        "subtotal": subtotal,
        "discount": discount,
        "shipping": shipping,
        "total": subtotal - discount + shipping,
    }
