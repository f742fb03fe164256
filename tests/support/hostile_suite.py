"""A small suite, and `greenproof prove` on it as a user runs it."""

import sys
from pathlib import Path

from hostile import Outcome, run

SUITE = """
import os, signal, subprocess, sys, time, urllib.request
URL = os.environ["API_URL"]
def get(path):
    with urllib.request.urlopen(URL + path, timeout=1.5) as answer:
        got, size = b"", 0
        while chunk := answer.read(1 << 16):
            got, size = got or chunk, size + len(chunk)
            assert size < 60 << 20, "too much"
        return answer.status, got
def test_first():
    status, body = get("/orders/1")
    assert status == 200
    assert b"41" in body
"""
COMMAND = ("--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def write_suite(place: Path, more: str = "") -> Path:
    """The suite in a folder of its own."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "test_it.py").write_text(SUITE + more)
    (place / "pytest.ini").write_text("[pytest]\naddopts = -p no:anyio -p no:asyncio\n")
    return place


def prove(place: Path, url: str, *options: str, command: tuple[str, ...] = COMMAND, **settings: object) -> Outcome:
    """`greenproof prove` on the suite in the folder, as a user runs it."""
    arguments = ("prove", "--target", f"api={url}", "--env", "API_URL=api", "--timeout", "60", *options, *command)
    return run(*arguments, cwd=place, environment={"API_URL": "", **(settings.pop("environment", {}))}, **settings)  # type: ignore[arg-type,dict-item]
