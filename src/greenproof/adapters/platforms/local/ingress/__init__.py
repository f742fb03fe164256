"""The ingress: stable public addresses, and traffic that moves as a whole without a broken request."""

from greenproof.adapters.platforms.local.ingress.doors import Door, Ingress
from greenproof.adapters.platforms.local.ingress.upstreams import Upstream

__all__ = ["Door", "Ingress", "Upstream"]
