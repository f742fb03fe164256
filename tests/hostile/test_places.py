"""Full disks, places that are not ours, and ledgers from the future: nothing is lost, and the message says what to do."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hostile_servers as servers
import pytest
from hostile import assert_decent, assert_ledger, run
from hostile_servers import closed_port, serving
from hostile_suite import prove, write_suite

from greenproof.ledger import Ledger

MORE = """
import pytest
@pytest.mark.parametrize("n", range(40))
def test_more(n):
    assert b"41" in get(f"/orders/{n}")[1]
"""
# The kernel lets nobody make anything there, not even root.
NOT_OURS = Path("/sys/kernel")


@pytest.fixture
def address() -> Iterator[str]:
    with serving(servers.healthy) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a small disk needs the right to mount: run as root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("kilobytes", [*(pytest.param(size, marks=pytest.mark.hostile) for size in (20, 120)), 280])
def test_a_full_disk(kilobytes: int, small_disk: Path, address: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", small_disk], check=True)
    write_suite(small_disk, MORE)
    outcome = prove(small_disk, address, "--json", "result.json")
    assert_decent(outcome, 3, seconds=40)
    assert "the disk is full" in outcome.err
    assert "[disk-full]" in outcome.err
    assert "hint: free some space" in outcome.err
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    before = -1
    if (small_disk / ".greenproof" / "ledger.db").exists():
        assert_ledger(small_disk)
        with Ledger.open(small_disk / ".greenproof" / "ledger.db", create=False) as ledger:
            before = sum(1 for _ in ledger.entries())
    again = prove(small_disk, address, "--no-faults")
    assert_decent(again, 5, seconds=40)
    assert_ledger(small_disk, "RunStarted", "CaseFinished", "RunFinished")
    with Ledger.open(small_disk / ".greenproof" / "ledger.db", create=False) as ledger:
        assert sum(1 for _ in ledger.entries()) > before


@pytest.mark.parametrize("kilobytes", [20, pytest.param(100, marks=pytest.mark.hostile)])
def test_a_limit_of_file_sizes(kilobytes: int, tmp_path: Path, address: str) -> None:
    write_suite(tmp_path, MORE)
    outcome = prove(tmp_path, address, prefix=["prlimit", f"--fsize={kilobytes * 1024}"])
    assert_decent(outcome, 3, seconds=40)
    assert "[disk-full]" in outcome.err
    again = prove(tmp_path, address, "--no-faults")
    assert_decent(again, 5, seconds=40)
    assert_ledger(tmp_path, "RunStarted", "CaseFinished", "RunFinished")


@pytest.mark.parametrize("command", ["prove", "floor"])
def test_a_folder_that_is_not_ours(command: str, tmp_path: Path, address: str) -> None:
    write_suite(tmp_path)
    arguments = ("--target", f"api={address}", "--", sys.executable, "-m", "pytest", str(tmp_path))
    outcome = run(command, *arguments, cwd=NOT_OURS)
    assert_decent(outcome, 4, seconds=10)
    assert str(NOT_OURS / ".greenproof") in outcome.err
    assert "hint: " in outcome.err
    assert outcome.out == ""


def test_a_result_that_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    write_suite(tmp_path)
    with closed_port() as port:
        for place in ("no/such/folder.json", ".", str(NOT_OURS / "result.json")):
            outcome = prove(tmp_path, f"http://127.0.0.1:{port}", "--json", place)
            assert_decent(outcome, 4, seconds=5)
            assert "[json-not-writable]" in outcome.err


def test_a_result_that_does_not_fit_is_still_told(tmp_path: Path, address: str) -> None:
    write_suite(tmp_path)
    outcome = prove(tmp_path, address, "--no-faults", "--json", "/dev/full")
    assert_decent(outcome, 4, seconds=30)
    assert "0 of 1 cases are proven" in outcome.out
    assert "No space left on device" in outcome.err
    assert_ledger(tmp_path, "RunStarted", "CaseFinished", "RunFinished")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_place_that_is_taken(kind: str, tmp_path: Path, address: str) -> None:
    write_suite(tmp_path)
    if kind == "file":
        (tmp_path / ".greenproof").write_text("mine")
    else:
        (tmp_path / ".greenproof" / "ledger.db").mkdir(parents=True)
    outcome = prove(tmp_path, address)
    assert_decent(outcome, 4, seconds=10)
    assert "hint: " in outcome.err


def test_a_ledger_of_a_newer_version_is_left_as_it_is(tmp_path: Path, address: str) -> None:
    write_suite(tmp_path)
    ledger = tmp_path / ".greenproof" / "ledger.db"
    with Ledger.open(ledger):
        pass
    with sqlite3.connect(ledger) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = ledger.read_bytes(), sorted(os.listdir(ledger.parent))
    outcomes = [prove(tmp_path, address), *(run("ledger", word, cwd=tmp_path) for word in ("verify", "runs"))]
    for outcome in outcomes:
        assert_decent(outcome, 4, seconds=10)
        assert "[ledger-newer]" in outcome.err
        assert "version 99" in outcome.err
        assert "hint: use the newer Greenproof" in outcome.err
    assert (ledger.read_bytes(), [name for name in sorted(os.listdir(ledger.parent)) if name != ".gitignore"]) == before
