"""Receipts: proof from the serving side that a request arrived, at which revision, on which route.

The public door of the package is `ReceiptsASGI`, `ReceiptsWSGI` and `depth`.
"""

from greenproof_receipts._asgi import ReceiptsASGI
from greenproof_receipts._exchange import depth
from greenproof_receipts._wsgi import ReceiptsWSGI

__all__ = ["ReceiptsASGI", "ReceiptsWSGI", "depth"]
