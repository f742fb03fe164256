"""A real shop to prove suites against."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SHOP = Path(__file__).resolve().parents[1] / "support" / "shop.py"


@pytest.fixture
def shop() -> Iterator[str]:
    """The URL of a shop of its own, revision shop-1."""
    yield from _serving()


@pytest.fixture(scope="module")
def shop_of_module() -> Iterator[str]:
    """The same, for tests that do it no harm."""
    yield from _serving()


def _serving() -> Iterator[str]:
    command = [sys.executable, str(SHOP), "0", "shop-1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port, "the shop did not start"
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
