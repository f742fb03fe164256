"""All that the shop knows, in memory."""

import secrets
from dataclasses import dataclass, field
from typing import Any


def new_id(prefix: str) -> str:
    """A fresh id."""
    return f"{prefix}_{secrets.token_hex(6)}"


@dataclass
class Tenant:
    """One merchant's data."""

    name: str
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    carts: dict[str, dict[str, Any]] = field(default_factory=dict)
    coupons: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    returns: dict[str, dict[str, Any]] = field(default_factory=dict)
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    idempotent: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)


USERS = {
    ("acme", "alice"): ("wonderland", ["admin", "clerk"]),
    ("acme", "bob"): ("builder", ["clerk"]),
    ("globex", "gina"): ("hammock", ["admin", "clerk"]),
}


class Store:
    """The tenants and who is logged in."""

    def __init__(self) -> None:
        self.tenants = {name: Tenant(name) for name in ("acme", "globex")}
        self.sessions: dict[str, dict[str, Any]] = {}
        for tenant in self.tenants.values():
            for sku, title, price, tags in (
                ("MUG-1", "Blue mug", 1250, ["kitchen", "seed"]),
                ("TEE-1", "Plain tee", 1990, ["clothes", "seed"]),
                ("LAMP-1", "Desk lamp", 4900, ["office", "seed"]),
            ):
                tenant.products[sku] = {"sku": sku, "title": title, "price": price, "tags": tags, "version": 1}
                tenant.stock[sku] = 100000

    def log_in(self, tenant: str, user: str, password: str) -> dict[str, Any] | None:
        """A session, if the password is right."""
        known = USERS.get((tenant, user))
        if known is None or known[0] != password:
            return None
        token = secrets.token_hex(16)
        self.sessions[token] = {"tenant": tenant, "user": user, "roles": known[1]}
        return {"token": token, "token_type": "Bearer", "expires_in": 3600, "tenant": tenant}


STORE = Store()
