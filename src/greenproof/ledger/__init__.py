"""The ledger: what happened, append-only and chained, with its evidence beside it."""

from greenproof.ledger.entry import Entry, Finding, Verification
from greenproof.ledger.home import prepare
from greenproof.ledger.interface import EventLedger
from greenproof.ledger.ledger import Ledger

__all__ = ["Entry", "EventLedger", "Finding", "Ledger", "Verification", "prepare"]
