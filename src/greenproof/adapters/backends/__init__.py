"""Controlled backends: what stands in the place of the targets while a floor is measured."""

from greenproof.adapters.backends.closed import ClosedPort
from greenproof.adapters.backends.proxy import ForwardProxy
from greenproof.adapters.backends.server import BackendServer

__all__ = ["BackendServer", "ClosedPort", "ForwardProxy"]
