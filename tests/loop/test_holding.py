"""`pause`, `resume`, `stop`, and a second loop: what a person and another process may do to a loop that is at work."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from database import postgresql
from shop_project import write_project

from greenproof.ledger import Ledger
from greenproof.ledger.entry import Entry

# Every case waits until it is let go on, for the test that watches decides when.
SUITE = """
import json, os, time, urllib.request
from pathlib import Path
import pytest
HERE = Path(__file__).parent
def order(*prices):
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": prices}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
@pytest.mark.parametrize("number", range(4))
def test_total(number):
    with (HERE / "ran.txt").open("a") as file:
        file.write(f"{number}\\n")
    deadline = time.monotonic() + 60
    while number == 2 and (HERE / "wait").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert order(2, number)["total"] == 2 + number
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    write_project(tmp_path, SUITE)
    try:
        yield tmp_path
    finally:
        (tmp_path / "wait").unlink(missing_ok=True)
        greenproof(tmp_path, "down", "-q")


def greenproof(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenproof", *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def begin(project: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Begins a loop in a process group of its own."""
    with contextlib.ExitStack() as started:

        def loop() -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "greenproof", "loop", "--no-faults"]
            process = subprocess.Popen(
                command,
                cwd=project,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield loop


def until(place: Path, text: str, times: int = 1) -> None:
    """Wait until a case has begun so often."""
    deadline = time.monotonic() + 60
    path = place / "ran.txt"
    while not path.exists() or path.read_text().split().count(text) < times:
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.02)


def entries(place: Path) -> list[Entry]:
    with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
        return list(ledger.entries())


def test_a_loop_is_paused_resumed_and_stopped(project: Path, begin: Callable[[], subprocess.Popen[str]]) -> None:
    assert "no loop is at work on local" in greenproof(project, "stop").stdout
    assert greenproof(project, "pause").returncode == 0
    loop = begin()
    for line in loop.stdout:
        if line.startswith("paused by"):
            break
    assert [e.kind for e in entries(project)] == ["RunStarted", "LoopPaused"]
    (project / "wait").touch()
    told = greenproof(project, "resume").stdout
    assert "goes on" in told
    assert f"process {loop.pid}" in told
    until(project, "2")
    stopped = greenproof(project, "stop")
    assert stopped.returncode == 0
    rest, _ = loop.communicate(timeout=60)
    assert loop.returncode == 2, rest
    assert "[loop-stopped]" in rest
    found = entries(project)
    assert [e.body["case"]["id"] for e in found if e.kind == "CaseFinished"] == [
        "test_shop.py::test_total[0]",
        "test_shop.py::test_total[1]",
    ]
    assert next(e.body["detail"] for e in found if e.kind == "RunFinished").startswith("stopped by ")
    # Nothing is left to be taken up, and the wish was for that loop only.
    (project / "wait").unlink()
    again = greenproof(project, "loop", "--no-faults")
    assert again.returncode == 5, again.stdout + again.stderr
    assert "going on with run" not in again.stderr


@pytest.mark.parametrize("where", ["files", "postgresql"])
def test_two_loops_at_once(
    where: str,
    project: Path,
    begin: Callable[[], subprocess.Popen[str]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with contextlib.ExitStack() as stack:
        if where == "postgresql":
            url = stack.enter_context(postgresql(tmp_path_factory.mktemp("postgresql")))
            monkeypatch.setenv("GREENPROOF_STORE", url)
        one_acts_and_the_other_takes_over(project, begin)
        assert (project / ".greenproof" / "durable.db").exists() == (where == "files")
        if where == "postgresql":
            # In another store the numbers of leases begin anew; that locks nobody out.
            monkeypatch.delenv("GREENPROOF_STORE")
            ended = greenproof(project, "down")
            assert ended.returncode == 0, ended.stderr


def one_acts_and_the_other_takes_over(project: Path, begin: Callable[[], subprocess.Popen[str]]) -> None:
    (project / "wait").touch()
    first = begin()
    until(project, "2")
    refused = greenproof(project, "loop", "--no-wait")
    assert refused.returncode == 4
    assert "[environment-held]" in refused.stderr
    assert f"process {first.pid}" in refused.stderr
    # Nor may a person's command change what the loop works on; to look is allowed.
    for command in ("deploy", "rollback", "down"):
        refused = greenproof(project, command)
        assert (refused.returncode, "[environment-held]" in refused.stderr) == (4, True), command
    assert f"process {first.pid}" in greenproof(project, "status").stdout
    second = begin()
    for line in second.stdout:
        if "waiting until it leaves or dies" in line:
            break
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=30)
    killed = time.monotonic()
    for line in second.stdout:
        if line.startswith("going on with run"):
            break
    assert time.monotonic() - killed < 15
    # Who looks is told of the run that goes on, not of the one that would have begun.
    (run,) = {entry.run for entry in entries(project)}
    told = f"process {second.pid}, run {run}"
    assert told in greenproof(project, "status").stdout
    assert told in greenproof(project, "resume").stdout
    (project / "wait").unlink()
    rest, _ = second.communicate(timeout=60)
    assert second.returncode == 5, rest
    found = entries(project)
    assert len({e.run for e in found}) == 1
    assert [e.body["resumed"] for e in found if e.kind == "RunStarted"] == [False, True]
    finished = [e.body["case"]["id"] for e in found if e.kind == "CaseFinished"]
    assert finished == [f"test_shop.py::test_total[{number}]" for number in range(4)]
    # Only the case that was under way when it was killed began twice.
    assert sorted((project / "ran.txt").read_text().split()) == ["0", "1", "2", "2", "3"]
    assert [e.kind for e in found].count("ReleaseDeployed") == 1
    assert [e.kind for e in found].count("RunFinished") == 1


def test_an_interrupted_loop_goes_on_or_is_given_up(project: Path, begin: Callable[[], subprocess.Popen[str]]) -> None:
    (project / "wait").touch()
    first = begin()
    until(project, "2")
    first.send_signal(signal.SIGINT)
    told, _ = first.communicate(timeout=60)
    assert first.returncode == 2, told
    assert [e.kind for e in entries(project)][-1] == "RunSuspended"
    (project / "wait").unlink()
    other = greenproof(project, "loop", "--no-faults", "--new")
    assert other.returncode == 5, other.stdout + other.stderr
    assert "was cut off and is not taken up" in other.stderr
    finished = [(e.run, e.body["detail"]) for e in entries(project) if e.kind == "RunFinished"]
    assert [detail for _, detail in finished] == ["abandoned", "one turn"]
    assert len({run for run, _ in finished}) == 2


def test_a_store_that_is_no_url_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENPROOF_STORE", "mysql://host/base")
    refused = greenproof(project, "loop")
    assert refused.returncode == 4
    assert "[store-url]" in refused.stderr
