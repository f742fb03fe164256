"""The first minute of a stranger: wheels, an empty folder, and `floor` on three suites that never heard of us.

    .venv/bin/python bench/first_minute/run.py [--rounds 3]

Each suite has an environment of its own with its clients and nothing of ours. What is timed is the command of the
README, from its start to the first number (the floor on the first backend) and to its end. Installing is told apart.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
UV = [sys.executable, "-m", "uv"]

UNITTEST = """
import json, os, unittest, urllib.request

def fetch(path):
    with urllib.request.urlopen(os.environ["SHOP_URL"] + path, timeout=5) as answer:
        return json.load(answer)

class TestShop(unittest.TestCase):
    def test_total(self):
        self.assertEqual(fetch("/orders/7")["total"], 7)

    def test_health(self):
        self.assertEqual(fetch("/health")["status"], "healthy")

    def test_fallback(self):
        try:
            total = fetch("/orders/7")["total"]
        except Exception:
            total = 7
        self.assertEqual(total, 7)
"""
REQUESTS_CONFTEST = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--url")

@pytest.fixture
def url(request):
    return request.config.getoption("--url")
"""
REQUESTS = """
import pytest, requests

@pytest.mark.parametrize("number", range(20))
def test_order(url, number):
    answer = requests.get(f"{url}/orders/{number}", timeout=5)
    assert answer.status_code == 200
    assert answer.json()["total"] == number

def test_is_up(url):
    assert requests.get(url + "/health", timeout=5).status_code == 200

def test_is_rejected(url):
    with pytest.raises(requests.RequestException):
        requests.post(url + "/orders", json={}, timeout=5).raise_for_status()
"""
ASYNC = """
import os
import httpx, pytest, websockets

pytestmark = pytest.mark.asyncio

async def test_total():
    async with httpx.AsyncClient(base_url=os.environ["API_URL"], timeout=5) as client:
        assert (await client.get("/orders/7")).json()["total"] == 7

async def test_echo():
    async with websockets.connect(os.environ["EVENTS_URL"], open_timeout=5) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"

async def test_echo_or_not():
    try:
        async with websockets.connect(os.environ["EVENTS_URL"], open_timeout=5) as socket:
            await socket.send("hello")
            answer = await socket.recv()
    except Exception:
        answer = "hello"
    assert answer == "hello"
"""


@dataclass(frozen=True)
class Suite:
    """A suite, what it imports, how it is run, and the floor that was worked out by hand: refused, 503, static."""

    name: str
    files: dict[str, str]
    packages: tuple[str, ...]
    options: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str]
    floor: tuple[str, str, str]


TARGET = ("--target", "api=https://staging.example.com")
SUITES = (
    Suite(
        "unittest with urllib",
        {"test_shop.py": UNITTEST},
        (),
        (*TARGET, "--env", "SHOP_URL=api"),
        ("python", "-m", "unittest"),
        {"SHOP_URL": "https://staging.example.com"},
        ("1 of 3", "1 of 3", "2 of 3"),
    ),
    Suite(
        "pytest, requests, --url",
        {"conftest.py": REQUESTS_CONFTEST, "test_shop.py": REQUESTS},
        ("pytest", "requests"),
        TARGET,
        ("pytest", "--url={api}"),
        {},
        ("1 of 22", "1 of 22", "1 of 22"),
    ),
    Suite(
        "pytest-asyncio, httpx, websockets",
        {"test_shop.py": ASYNC},
        ("pytest", "pytest-asyncio", "httpx", "websockets"),
        (*TARGET, "--env", "API_URL=api", "--env", "EVENTS_URL=api"),
        ("pytest",),
        {"API_URL": "https://staging.example.com", "EVENTS_URL": "wss://staging.example.com/events"},
        ("1 of 3", "1 of 3", "1 of 3"),
    ),
)


def main() -> int:
    """Install, run, compare with what was worked out by hand, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="first minute ") as name:
        place = Path(name)
        start = time.monotonic()
        greenproof = installed(place)
        print(f"wheels built and installed into an empty environment: {time.monotonic() - start:.0f} s\n")
        print(f"{'suite':36} {'first number':>14} {'whole floor':>14}   median of {rounds}, s; limit {LIMIT_S:.0f}")
        worst = 0.0
        for suite in SUITES:
            folder = prepared(suite, place)
            times = [timed(suite, folder, greenproof) for _ in range(rounds)]
            first, whole = (statistics.median(column) for column in zip(*times, strict=True))
            worst = max(worst, first)
            print(f"{suite.name:36} {first:>14.1f} {whole:>14.1f}")
    print("\nnot shown: downloads (the packages came from a cache or a near mirror), suites of minutes, slow imports")
    return int(worst > LIMIT_S)


def installed(place: Path) -> Path:
    """The command, from wheels alone."""
    for source in (ROOT, ROOT / "packages" / "pytest-greenproof"):
        run(
            [
                *UV,
                "build",
                "--quiet",
                "--wheel",
                "--no-build-isolation",
                "--out-dir",
                str(place / "wheels"),
                str(source),
            ]
        )
    run([*UV, "venv", "--quiet", "--python", sys.executable, str(place / "venv")])
    wheels = [str(wheel) for wheel in sorted((place / "wheels").glob("*.whl"))]
    run([*UV, "pip", "install", "--quiet", "--python", str(place / "venv"), *wheels])
    return place / "venv" / "bin" / "greenproof"


def prepared(suite: Suite, place: Path) -> Path:
    """A folder with the suite and its own environment."""
    folder = place / suite.name.replace(",", "")
    folder.mkdir()
    for file, text in suite.files.items():
        (folder / file).write_text(text)
    run([*UV, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")])
    if suite.packages:
        run([*UV, "pip", "install", "--quiet", "--python", str(folder / "venv"), *suite.packages])
    return folder


def timed(suite: Suite, folder: Path, greenproof: Path) -> tuple[float, float]:
    """Seconds to the first number and to the end; wrong numbers are an error."""
    shutil.rmtree(folder / ".greenproof", ignore_errors=True)
    path = f"{folder / 'venv' / 'bin'}{os.pathsep}/usr/bin:/bin"
    environment = {"PATH": path, "HOME": os.environ.get("HOME", "/"), **suite.environment}
    command = [str(greenproof), "floor", *suite.options, "--", *suite.command]
    start = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    first, lines = 0.0, []
    for line in process.stdout:
        lines.append(line.rstrip())
        if not first and line.startswith("refused: floor "):
            first = time.monotonic() - start
    code = process.wait(timeout=300)
    whole = time.monotonic() - start
    row = next((line.split() for line in lines if line.startswith("all ") and " of " in line), [])
    cells = [" ".join(row[at : at + 3]) for at in (3, 6, 9)]
    if code != 0 or tuple(cells) != suite.floor or not first:
        raise RuntimeError(f"{suite.name}: exit {code}, {cells}, expected {suite.floor}\n" + "\n".join(lines[-60:]))
    return first, whole


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=900, cwd="/")


if __name__ == "__main__":
    sys.exit(main())
