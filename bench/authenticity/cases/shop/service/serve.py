"""Starts the shop: `python service/serve.py`, port from $PORT."""

import os
import sys
from pathlib import Path

import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parent))

from shopd.app import build_app


def main() -> None:
    """Serve until told to stop."""
    uvicorn.run(build_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "18411")), log_level="warning")


if __name__ == "__main__":
    main()
