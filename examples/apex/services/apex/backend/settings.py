"""What the backend is told by its environment."""

import os
from dataclasses import dataclass

from apex.shared.settings import StoreSettings, required


@dataclass(frozen=True)
class ModelSettings:
    """An endpoint that speaks OpenAI's chat completions."""

    url: str
    name: str
    key: str

    @classmethod
    def from_environment(cls) -> "ModelSettings | None":
        """None where MODEL_URL is not set: then the local model answers."""
        url = os.environ.get("MODEL_URL", "").rstrip("/")
        return cls(url, required("MODEL_NAME"), os.environ.get("MODEL_KEY", "")) if url else None


@dataclass(frozen=True)
class Settings:
    """Stores, the analytics service, the model, and where MCP servers may be."""

    stores: StoreSettings
    analytics_url: str
    analytics_key: str
    model: ModelSettings | None = None
    mcp_hosts: frozenset[str] = frozenset({"127.0.0.1"})
    heartbeat_seconds: float = 5.0

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(
            stores=StoreSettings.from_environment(),
            analytics_url=required("ANALYTICS_URL").rstrip("/"),
            analytics_key=required("ANALYTICS_KEY"),
            model=ModelSettings.from_environment(),
            mcp_hosts=frozenset(os.environ.get("MCP_HOSTS", "127.0.0.1").split()),
            heartbeat_seconds=float(os.environ.get("HEARTBEAT_SECONDS", "5")),
        )
