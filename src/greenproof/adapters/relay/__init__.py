"""The wire witness: what passed between tests and targets, to which case it belongs, and the faults.

`Witness` is the door. It starts a process of its own that hosts mitmproxy and the control server.
"""

from greenproof.adapters.relay.targets import RelayTarget
from greenproof.adapters.relay.witness import Witness

__all__ = ["RelayTarget", "Witness"]
