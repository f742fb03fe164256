"""Who may act on an environment, and what a person asked of the loop that does."""

from greenproof.adapters.coordination.lease import Lease
from greenproof.adapters.coordination.store import Desk, Holder, Store, Wish, store_url

__all__ = ["Desk", "Holder", "Lease", "Store", "Wish", "store_url"]
