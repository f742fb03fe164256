"""Shop API client, version 2.4.0 (generated)."""

from .api import CartsApi, CatalogueApi, OrdersApi, PaymentsApi
from .api_client import ApiClient, ApiException, Configuration
from .models import Cart, Order, OrderLine, Payment, Product

__all__ = [
    "ApiClient",
    "ApiException",
    "Cart",
    "CartsApi",
    "CatalogueApi",
    "Configuration",
    "Order",
    "OrderLine",
    "OrdersApi",
    "Payment",
    "PaymentsApi",
    "Product",
]
