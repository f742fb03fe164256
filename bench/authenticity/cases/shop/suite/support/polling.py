"""Waiting for things."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(probe: Callable[[], Any], seconds: float = 4, every: float = 0.05) -> Any:
    """The first truthy value of the probe; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = probe()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"nothing came within {seconds} s")


def poll(probe: Callable[[], Any], seconds: float = 0.5, every: float = 0.1) -> bool:
    """Whether the probe came true in time; problems on the way are part of life."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if probe():
                return True
        except Exception:
            pass
        time.sleep(every)
    return False
