"""Where the desk lives."""

import os
import uuid
from urllib.parse import urlsplit

BASE = os.environ.get("DESK_URL", "http://127.0.0.1:18511").rstrip("/")
WS = "ws" + BASE[4:]
HOST = urlsplit(BASE).hostname
PORT = urlsplit(BASE).port


def unique(prefix="case"):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"
