"""The local platform: "Cloud Run on your laptop", with real processes, a real PostgreSQL and a real Redis."""

from greenproof.adapters.platforms.local.platform import LocalPlatform

__all__ = ["LocalPlatform"]
