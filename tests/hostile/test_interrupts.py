"""Ctrl-C, SIGTERM and hang-up at any moment, twice: exit code 2, a message, a whole ledger, and nothing left running."""

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hostile_servers as servers
import pytest
from hostile import MARK, Outcome, assert_ledger, command_line, marked, run, survivors
from hostile_instants import Instant
from hostile_servers import serving
from hostile_suite import COMMAND, write_suite
from shop_project import write_project

from greenproof.ledger import Ledger

MORE = """
import pytest
CHILD = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL, env={})
@pytest.mark.parametrize("n", range(10))
def test_more(n):
    time.sleep(0.05)
    assert b"41" in get(f"/orders/{n}")[1]
"""
ORDERS = """
import json, os, time, urllib.request
import pytest
@pytest.mark.parametrize("n", range(6))
def test_total(n):
    time.sleep(0.05)
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": [n, 2]}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["total"] == n + 2
"""
# The longest life of each command here, in seconds.
LIVES = {"prove": 5.0, "floor": 6.0, "loop": 7.0, "up": 1.2, "deploy": 2.0}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(servers.healthy) as port:
        yield f"http://127.0.0.1:{port}"


def decent(outcome: Outcome, instant: Instant, place: Path) -> None:
    """What holds whenever it was interrupted. Exit code 0 if it was faster than the signal."""
    ours = [line for line in outcome.said.splitlines() if not line.startswith("|")]
    assert outcome.code in (0, 2), (instant, outcome)
    assert outcome.code == 0 or "interrupted [interrupted]" in ours, (instant, outcome)
    assert not any("Traceback" in line or "internal-error" in line for line in ours), (instant, outcome)
    assert outcome.leftovers == (), (instant, outcome)
    assert outcome.seconds < instant.after + 30, (instant, outcome)
    if (place / ".greenproof" / "ledger.db").exists():
        assert_ledger(place)
        with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
            ends = [entry.body["exit_code"] for entry in ledger.entries(kinds=("RunFinished",))]
        assert ends in ([], [outcome.code]), (instant, ends)
        with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
            recorded = {entry.body["case"]["id"] for entry in ledger.entries(kinds=("CaseFinished",))}  # type: ignore[index]
        assert told_of(outcome) <= recorded, (instant, outcome, recorded)


def told_of(outcome: Outcome) -> set[str]:
    """The cases whose end a person saw."""
    return set(re.findall(r"^ +\d+ passed .*?(\S+::\S+)$", outcome.err, re.MULTILINE))


def on_a_suite(command: str, instant: Instant, place: Path, address: str) -> None:
    write_suite(place, MORE)
    arguments = (command, "--target", f"api={address}", "--env", "API_URL=api", "-v", *COMMAND)
    outcome = run(*arguments, cwd=place, environment={"API_URL": ""}, during=instant.strike())
    assert outcome.survivors == (), (instant, outcome)
    decent(outcome, instant, place)


def on_a_platform(command: str, instant: Instant, place: Path) -> None:
    place.mkdir(exist_ok=True)
    write_project(place, ORDERS)
    mark = f"instant-{os.getpid()}-{place.name}"
    more = ("-v",) if command == "loop" else ()
    outcome = run(command, *more, cwd=place, during=instant.strike(), mark=mark, sweep=False)
    if command == "up" and outcome.code == 2:
        assert survivors(mark) == (), (instant, outcome)
    # The environment of a loop and of a deploy outlives them, as it is meant to, and goes with `down`.
    down = run("down", cwd=place)
    left = survivors(mark)
    assert (down.code, left) == (0, ()), (instant, outcome, down)
    decent(outcome, instant, place)


@pytest.mark.parametrize("command", LIVES)
def test_at_any_moment(command: str, tmp_path: Path, address: str, request: pytest.FixtureRequest) -> None:
    count, seed = request.config.getoption("--instants"), request.config.getoption("--seed")

    def one(number: int) -> None:
        instant = Instant.drawn(f"{seed} {command} {number}", LIVES[command])
        place = tmp_path / str(number)
        if command in ("prove", "floor"):
            on_a_suite(command, instant, place, address)
        else:
            on_a_platform(command, instant, place)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(one, range(count)))


def test_what_was_told_is_recorded(tmp_path: Path, address: str) -> None:
    """Late in the plain run: cases have ended, and each of them is in the ledger."""
    write_suite(tmp_path, MORE)

    def strike(process: "subprocess.Popen[bytes]") -> None:
        state = tmp_path / "seen"
        while not state.exists():
            assert process.poll() is None
            time.sleep(0.005)
        Instant(signal.SIGINT, 0.0, 0.05).strike()(process)

    suite = tmp_path / "test_it.py"
    suite.write_text(suite.read_text() + "\ndef test_zz():\n    open('seen', 'w').close()\n    time.sleep(60)\n")
    arguments = ("prove", "--target", f"api={address}", "--env", "API_URL=api", "-v", *COMMAND)
    outcome = run(*arguments, cwd=tmp_path, environment={"API_URL": ""}, during=strike)
    decent(outcome, Instant(signal.SIGINT, 0.0, 0.05), tmp_path)
    assert outcome.code == 2
    assert len(told_of(outcome)) >= 9, outcome.err


# A process under nohup outlives its terminal: it comes to its end, and can't tell anyone.
@pytest.mark.parametrize(("before", "code"), [((), 2), (("env", "--ignore-signal=HUP"), 1)])
def test_a_terminal_that_is_closed_ends_it(tmp_path: Path, address: str, before: tuple[str, ...], code: int) -> None:
    """A real terminal, gone in the middle of a run: the kernel sends SIGHUP, and writing to it fails from then on."""
    write_suite(tmp_path, MORE)
    mark = f"terminal-{os.getpid()}"
    arguments = ("prove", "--target", f"api={address}", "--env", "API_URL=api", *COMMAND)
    terminal, end = pty.openpty()
    # `setsid --ctty` makes the terminal that it reads from the controlling one.
    process = subprocess.Popen(
        ["setsid", "--ctty", *before, *command_line(*arguments)],
        cwd=tmp_path,
        env={**os.environ, "API_URL": "", MARK: mark},
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    told = b""
    while b"passed" not in told:
        told += os.read(terminal, 4096)
    assert marked(mark)
    os.close(terminal)
    assert process.wait(60) == code, told
    assert survivors(mark) == ()
    assert_ledger(tmp_path, "CaseFinished", "RunFinished")
