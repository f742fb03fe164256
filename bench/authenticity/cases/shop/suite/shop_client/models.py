"""Models of the generated client."""

from pydantic import BaseModel, ConfigDict


class Product(BaseModel):
    """Product."""

    model_config = ConfigDict(strict=True)
    sku: str
    title: str
    price: int
    tags: list[str]
    version: int


class OrderLine(BaseModel):
    """OrderLine."""

    sku: str
    qty: int
    unit_price: int
    amount: int


class Cart(BaseModel):
    """Cart."""

    id: str
    lines: list[OrderLine]
    coupon: str | None
    subtotal: int
    discount: int
    shipping: int
    total: int


class Order(BaseModel):
    """Order."""

    id: str
    state: str
    lines: list[OrderLine]
    currency: str
    total: int
    customer: str = "guest"


class Payment(BaseModel):
    """Payment."""

    id: str
    order_id: str
    status: str
    amount: int
    card_last4: str
