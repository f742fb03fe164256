"""Where the shop is and who we are."""

import os
from pathlib import Path

BASE_URL = os.environ.get("SHOP_URL", "http://127.0.0.1:18411").rstrip("/")
ADMIN = {"tenant": "acme", "username": "alice", "password": "wonderland"}
CLERK = {"tenant": "acme", "username": "bob", "password": "builder"}
OTHER = {"tenant": "globex", "username": "gina", "password": "hammock"}
GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"
DATA = Path(__file__).resolve().parent.parent / "data"
CURRENCIES = ("EUR",)
ORDER_STATES = ("pending", "paid", "shipped", "delivered", "returned", "cancelled")
