"""A network of the tests' own: nothing is there but the relay, so nothing can pass it by."""

from greenproof.adapters.confinement.network import Network, can_be_made

__all__ = ["Network", "can_be_made"]
