"""Plain HTTP/1.1 without faults, passed through by hand around the parser of httptools: a tenth of mitmproxy's cost.

Only what is simple is served here. At the first request that is not (an upgrade, a chunked upload, gRPC, TLS, bytes
that are not HTTP, a fault to be injected) the connection is given to mitmproxy, with all that was not yet sent.
"""

from greenproof.adapters.relay.lean.client import Front, Place

__all__ = ["Front", "Place"]
