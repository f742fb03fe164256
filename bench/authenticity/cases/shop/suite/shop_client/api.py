"""Operations of the generated client."""

from typing import Any

from .api_client import ApiClient
from .models import Cart, Order, Payment, Product


class _Api:
    def __init__(self, api_client: ApiClient) -> None:
        self.api_client = api_client


class CatalogueApi(_Api):
    """Catalogue operations."""

    def get_product(self, sku: str) -> Product:
        """GET /products/{sku}."""
        return self.api_client.call_api("GET", f"/products/{sku}", Product)

    def create_product(self, body: dict[str, Any]) -> Product:
        """POST /products."""
        return self.api_client.call_api("POST", "/products", Product, expected=201, body=body)


class CartsApi(_Api):
    """Cart operations."""

    def create_cart(self) -> Cart:
        """POST /carts."""
        return self.api_client.call_api("POST", "/carts", Cart, expected=201)

    def get_cart(self, cart_id: str) -> Cart:
        """GET /carts/{id}."""
        return self.api_client.call_api("GET", f"/carts/{cart_id}", Cart)

    def add_item(self, cart_id: str, sku: str, qty: int = 1) -> Cart:
        """POST /carts/{id}/items."""
        return self.api_client.call_api("POST", f"/carts/{cart_id}/items", Cart, body={"sku": sku, "qty": qty})


class OrdersApi(_Api):
    """Order operations."""

    def create_order(self, body: dict[str, Any], idempotency_key: str | None = None) -> Order:
        """POST /orders."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        return self.api_client.call_api("POST", "/orders", Order, expected=201, body=body, header_params=headers)

    def get_order(self, order_id: str) -> Order:
        """GET /orders/{id}."""
        return self.api_client.call_api("GET", f"/orders/{order_id}", Order)

    def cancel_order(self, order_id: str) -> Order:
        """POST /orders/{id}/cancel."""
        return self.api_client.call_api("POST", f"/orders/{order_id}/cancel", Order)


class PaymentsApi(_Api):
    """Payment operations."""

    def create_payment(self, body: dict[str, Any]) -> Payment:
        """POST /payments."""
        return self.api_client.call_api("POST", "/payments", Payment, expected=201, body=body)
