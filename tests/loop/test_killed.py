"""The loop is killed again and again, at instants that are drawn: nothing is lost, done twice, or left behind.

The short version of `bench/crash`, which does the same to Apex.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from shop_project import SHOP, write_project

from greenproof.ledger import Ledger
from greenproof.ledger.entry import Entry

MARK = "GREENPROOF_TEST_KILLED"
CASES = 6

# Counts for itself what begins and when. No case waits for anybody: the instants of the kills are drawn.
SUITE = """
import json, os, time, urllib.request
from pathlib import Path
import pytest
HERE = Path(__file__).parent
def order(*prices):
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": prices}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
@pytest.mark.parametrize("number", range(6))
def test_total(number):
    with (HERE / "begun.jsonl").open("a") as file:
        file.write(json.dumps([time.time(), number]) + "\\n")
    total = order(2, number)["total"]
    # Work that takes a moment, so that some are under way when the loop dies.
    time.sleep(0.1)
    assert total == 2 + number
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A shop whose first release is known to be good."""
    place = tmp_path_factory.mktemp("killed")
    write_project(place, SUITE)
    try:
        first = greenproof(place, "loop", "--no-fail-fast")
        assert first.returncode == 0, first.stdout + first.stderr
        yield place
    finally:
        greenproof(place, "down", "-q")


def greenproof(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenproof", *arguments]
    environment = {**os.environ, MARK: str(place)}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, env=environment, check=False)


def attempt(place: Path, seconds: float, *, amid: bool = False, also: psutil.Process | None = None) -> bool:
    """A loop that dies with its process group after so many seconds, or so many after the next case began (`amid`);
    false: it had come to its end before.
    """
    begun = place / "begun.jsonl"
    size = begun.stat().st_size
    process = subprocess.Popen(
        [sys.executable, "-m", "greenproof", "loop"],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, MARK: str(place)},
        start_new_session=True,
    )
    try:
        while amid and process.poll() is None and begun.stat().st_size == size:
            time.sleep(0.01)
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        if also is not None:
            also.kill()
        process.wait()
        return True
    return False


def entries(place: Path) -> list[Entry]:
    with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
        return list(ledger.entries())


def supervisor(place: Path) -> psutil.Process:
    found = json.loads((place / ".greenproof" / "environments" / "local" / "supervisor.json").read_text())
    return psutil.Process(found["pid"])


def switches(place: Path) -> int:
    path = place / ".greenproof" / "environments" / "local" / "releases" / "state.json"
    return int(json.loads(path.read_text())["switches"])


def left_behind(place: Path) -> list[str]:
    """What works in the project or carries our mark, and is not of the environment's own family."""
    owner = supervisor(place)
    deadline = time.monotonic() + 5
    while True:
        family = {owner.pid, *(child.pid for child in owner.children(recursive=True))}
        found = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get(MARK) == str(place) or Path(process.cwd()).is_relative_to(place)
                if marked and process.pid not in family and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):
                continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


# The last number: which kill takes the owner of the environment along, too.
@pytest.mark.parametrize(("seed", "broken", "with_owner"), [(1, False, None), (2, True, 1)])
def test_nothing_is_lost_doubled_or_left(project: Path, seed: int, broken: bool, with_owner: int | None) -> None:
    draw = random.Random(seed)
    shop = project / "services" / "shop.py"
    text = SHOP.read_text()
    wrong = text.replace('sum(body.get("prices", []))', "0")
    assert wrong != text
    shop.write_text(f"{wrong if broken else text}\n# {seed}\n")
    begun = project / "begun.jsonl"
    known, before, began = len(entries(project)), switches(project), len(begun.read_text().splitlines())
    kills: list[tuple[float, list[Entry]]] = []
    for number in range(2):
        amid = number == 1
        owner = supervisor(project) if number == with_owner else None
        if not attempt(project, draw.uniform(0, 1) if amid else draw.uniform(1.5, 4), amid=amid, also=owner):
            break
        kills.append((time.time(), entries(project)[known:]))
    assert len(kills) == 2
    last = greenproof(project, "loop")
    found = entries(project)[known:]

    # It comes to the right verdict.
    assert last.returncode == (1 if broken else 0), last.stdout + last.stderr
    assert [e.body["verdict"] for e in found if e.kind == "RunJudged"] == ["failed" if broken else "verified"]
    assert len({e.run for e in found if e.kind == "StepStarted"}) == 1
    assert [e.kind for e in found].count("RunFinished") == 1
    # Nothing that was recorded is lost.
    for _, recorded in kills:
        assert [e.hash for e in found[: len(recorded)]] == [e.hash for e in recorded]
    assert greenproof(project, "ledger", "verify", "--head", found[-1].hash).returncode == 0
    # Nothing that was finished is done again.
    ended: set[object] = set()
    for entry in found:
        if entry.kind == "StepStarted":
            assert entry.body["step"] not in ended
        if entry.kind == "StepFinished":
            ended.add(entry.body["step"])
    cases = Counter(e.body["case"]["id"] for e in found if e.kind == "CaseFinished")
    assert set(cases.values()) == {1}
    if not broken:
        assert len(cases) == CASES
    assert plain_again(begun.read_text().splitlines()[began:], kills, found) == []
    # No effect on the outside is doubled.
    deployed = [e.body["key"] for e in found if e.kind == "ReleaseDeployed"]
    back = [e.body["key"] for e in found if e.kind == "RolledBack"]
    assert (len(deployed), len(back)) == (1, 1 if broken else 0)
    assert switches(project) - before == len(deployed) + len(back)
    # Nothing is left behind.
    assert left_behind(project) == []


def plain_again(
    begun: list[str], kills: list[tuple[float, list[Entry]]], found: list[Entry]
) -> list[tuple[float, int]]:
    """Cases that began in the plain run after they had been recorded as finished."""
    fault_runs = sum(e.kind == "FaultRunFinished" for e in found)
    again = []
    lines = [json.loads(line) for line in begun]
    for at, recorded in kills:
        finished = {e.body["case"]["id"] for e in recorded if e.kind == "CaseFinished"}
        for number in range(CASES):
            if f"test_shop.py::test_total[{number}]" in finished:
                later = [one for one in lines if one[1] == number and one[0] > at]
                # Each fault run begins it once, and once more for each later kill in the midst of it.
                if len(later) > fault_runs + sum(when > at for when, _ in kills):
                    again.append((at, number))
    return again


def test_a_release_is_not_blamed_for_the_end_of_its_environment(project: Path) -> None:
    """It stays where it is, though the tests failed: the release before would have been gone as well."""
    (project / "services" / "shop.py").write_text(f"{SHOP.read_text()}\n# 3\n")
    begun = project / "begun.jsonl"
    known, size, owner = len(entries(project)), begun.stat().st_size, supervisor(project)
    loop = subprocess.Popen(
        [sys.executable, "-m", "greenproof", "loop", "--no-faults"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, MARK: str(project)},
    )
    while loop.poll() is None and begun.stat().st_size == size:
        time.sleep(0.01)
    owner.kill()
    told, _ = loop.communicate(timeout=120)
    assert loop.returncode == 1, told
    assert "no rollback: shop was not ready after the suite" in told
    assert [e.kind for e in entries(project)[known:] if e.kind == "RolledBack"] == []


def test_a_broken_release_stays_if_that_was_asked_for(project: Path) -> None:
    (project / "services" / "shop.py").write_text(SHOP.read_text().replace('sum(body.get("prices", []))', "1"))
    known, before = len(entries(project)), switches(project)
    loop = greenproof(project, "loop", "--no-faults", "--no-rollback")
    assert loop.returncode == 1, loop.stdout + loop.stderr
    assert "step remedy: done, nothing to do" in loop.stderr
    assert [e.kind for e in entries(project)[known:] if e.kind == "RolledBack"] == []
    assert switches(project) - before == 1
