"""Runs that survive their process, on real databases; each process is a real one, and is really killed."""

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from greenproof.adapters.durability.dbos_engine import DurableRuns
from greenproof.model.errors import CoordinationError

# Argument 1: folder, 2: run, 3: what happens at the third step, 4: a URL.
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from greenproof.adapters.durability.dbos_engine import DurableRuns
folder, run, happens, url = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] or None

def act(number):
    with (folder / "acts.txt").open("a") as file:
        file.write(f"{number}\\n")
    if number == 3 and happens == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 3 and happens == "interrupt":
        raise KeyboardInterrupt
    if number == 3 and happens == "fail":
        raise ValueError("this step can't be taken")
    return {"number": number}

def body(step):
    return [step(f"step {n}", lambda n=n: act(n)) for n in range(1, 6)]

with DurableRuns(folder, "staging", url) as durable:
    print(json.dumps(durable.unfinished()), flush=True)
    if happens == "abandon":
        for one in durable.unfinished():
            durable.abandon(one)
    print(json.dumps(durable.run(run, body)), flush=True)
"""


def go(folder: Path, run: str, happens: str = "", url: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT), str(folder), run, happens, url or ""]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def acts(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "acts.txt").read_text().split()]


ALL = [{"number": number} for number in range(1, 6)]


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_a_killed_run_goes_on_with_the_step_that_it_was_in(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgresql_url") if where == "postgresql" else None
    killed = go(tmp_path, "run-1", "kill", url)
    assert killed.returncode == -signal.SIGKILL
    second = go(tmp_path, "run-1", "", url)
    assert second.returncode == 0, second.stderr
    unfinished, result = (json.loads(line) for line in second.stdout.splitlines())
    assert unfinished == ["run-1"]
    assert result == ALL
    assert acts(tmp_path) == [1, 2, 3, 3, 4, 5]


def test_an_interruption_and_an_error_end_nothing(tmp_path: Path) -> None:
    interrupted = go(tmp_path, "run-1", "interrupt")
    # By the signal, or by Python's own exit code for it.
    assert interrupted.returncode in (1, 130, -signal.SIGINT), interrupted.stderr
    assert "KeyboardInterrupt" in interrupted.stderr
    failed = go(tmp_path, "run-1", "fail")
    assert "this step can't be taken" in failed.stderr
    last = go(tmp_path, "run-1")
    assert json.loads(last.stdout.splitlines()[1]) == ALL
    assert acts(tmp_path) == [1, 2, 3, 3, 3, 4, 5]
    # A run that came to its end is told again, and nothing is done.
    again = go(tmp_path, "run-1")
    assert [json.loads(line) for line in again.stdout.splitlines()] == [[], ALL]
    assert len(acts(tmp_path)) == 7


def test_an_abandoned_run_is_not_taken_up(tmp_path: Path) -> None:
    go(tmp_path, "run-1", "kill")
    other = go(tmp_path, "run-2", "abandon")
    assert json.loads(other.stdout.splitlines()[1]) == ALL
    assert acts(tmp_path) == [1, 2, 3, 1, 2, 3, 4, 5]
    assert json.loads(go(tmp_path, "run-3").stdout.splitlines()[0]) == []


def test_a_store_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "durable.db").write_bytes(os.urandom(5000))
    with pytest.raises(CoordinationError) as caught, DurableRuns(tmp_path, "staging"):
        pass
    assert caught.value.code == "store-unusable"
    # A connection that was left open would warn here, and warnings are errors.
    del caught
    gc.collect()
