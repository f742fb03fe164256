"""What the auth service is told by its environment. Without a provider or a key, each is off."""

import os
from dataclasses import dataclass

from apex.shared.settings import MissingSetting, StoreSettings, required

SHORTEST_KEY = 24


@dataclass(frozen=True)
class Provider:
    """The identity provider, and how this service is registered there."""

    url: str
    client_id: str
    client_secret: str
    callback: str
    returns: tuple[str, ...]

    @classmethod
    def from_environment(cls) -> "Provider | None":
        if not os.environ.get("IDENTITY_URL"):
            return None
        return cls(
            url=required("IDENTITY_URL").rstrip("/"),
            client_id=required("OAUTH_CLIENT_ID"),
            client_secret=required("OAUTH_CLIENT_SECRET"),
            callback=required("AUTH_URL").rstrip("/") + "/oauth/callback",
            returns=tuple(required("OAUTH_RETURNS").split()),
        )


@dataclass(frozen=True)
class Settings:
    """Stores, provider, and the key that makes test users."""

    stores: StoreSettings
    provider: Provider | None = None
    bypass_key: str = ""

    @classmethod
    def from_environment(cls) -> "Settings":
        key = os.environ.get("E2E_BYPASS_KEY", "")
        if key and len(key) < SHORTEST_KEY:
            raise MissingSetting(f"E2E_BYPASS_KEY needs {SHORTEST_KEY} characters, or none at all")
        return cls(StoreSettings.from_environment(), Provider.from_environment(), key)
