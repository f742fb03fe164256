"""`greenproof loop` on a real service on the local platform: deploy, prove, report; then again, beside the run before."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from greenproof.ledger import Ledger
from greenproof.model.events import ReleaseDeployed

SHOP = Path(__file__).resolve().parents[1] / "support" / "shop.py"

CONFIGURATION = """
schema = 1
[project]
name = "shop"
[environments.local]
kind = "local"
platform = "local"
[environments.live]
kind = "production"
platform = "local"
[secrets]
key = {{ generate = 16 }}
[services.shop]
source = "services"
command = ["{python}", "serve.py", "{{PORT}}"]
health = "/health"
ready = "/health"
start_timeout = 10
env = {{ SHOP_KEY = "{{secret.key}}" }}
[targets.shop]
service = "shop"
env = ["SHOP_URL"]
[[features]]
name = "ordering"
value = 1000
tier = "enterprise"
tests = ["*total*"]
[[features]]
name = "returns"
value = 500
tier = "free"
tests = ["*returned*"]
[[priorities]]
name = "P1"
tests = ["*total*"]
[[priorities]]
name = "P2"
gates = false
tolerated = 0.5
tests = ["*"]
[[categories]]
name = "Orders"
target = 1
tests = ["*"]
[[performance]]
name = "orders at once"
routes = ["POST /orders"]
limit_ms = 60000
statistic = "max"
[[performance]]
name = "nobody asks"
routes = ["shop: GET /orders/{{id}}"]
limit_ms = 60000
[suites.e2e]
command = ["{python}", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio"]
timeout = 120
env = {{ SHOP_SECRET = "{{secret.key}}" }}
"""

SERVE = """
import os, sys
import shop
print("the key is", os.environ["SHOP_KEY"], flush=True)
shop.serve(int(sys.argv[1]), os.environ["GREENPROOF_REVISION"])
"""

SUITE = """
import json, os, urllib.request
def order(*prices):
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": prices}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
def test_total():
    assert len(os.environ["SHOP_SECRET"]) == 32
    print("the suite knows", os.environ["SHOP_SECRET"])
    assert order(2, 3)["total"] == 5
def test_returned():
    assert 1 + 1 == 2
def test_leaks():
    token = "Bearer abcdefghijklmnopqrstuvwxyz0123456789"
    assert order(1)["total"] == 2, {"Authorization": token, "key": os.environ["SHOP_SECRET"]}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project with one service and one suite, in a path with a space."""
    place = tmp_path / "the shop"
    (place / "services").mkdir(parents=True)
    shutil.copy2(SHOP, place / "services" / "shop.py")
    (place / "services" / "serve.py").write_text(textwrap.dedent(SERVE))
    (place / "greenproof.toml").write_text(CONFIGURATION.format(python=sys.executable))
    (place / "test_shop.py").write_text(SUITE)
    try:
        yield place
    finally:
        greenproof(place, "down", "-q")


EVIDENCE = re.compile(r"- ([^:]+): \[[^]]+\]\(<([^>]+)>\)")


def greenproof(place: Path, *arguments: str, secret: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenproof", *arguments]
    environment = {**os.environ, "SHOP_SECRET": secret}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=180, env=environment, check=False)


def loop_and_what_it_keeps(place: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], bytes]:
    """A turn, and what it wrote down at its begin and removes in the end."""
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(greenproof, place, "loop", *arguments)
        kept = b""
        while not turn.done() and not kept:
            for path in (place / ".greenproof" / "runs" / "local").glob("*/begun.json"):
                kept = path.read_bytes()
        return turn.result(), kept


def worklogs(place: Path) -> list[str]:
    return [path.read_text() for path in sorted((place / ".greenproof" / "worklogs").glob("*.md"))]


def test_a_turn_of_the_loop_and_the_next_one(project: Path) -> None:
    first, kept = loop_and_what_it_keeps(project, "--json", "first.json")
    assert first.returncode == 0, first.stdout + first.stderr
    result = json.loads((project / "first.json").read_text())
    assert {c["id"]: c["verdict"] for c in result["cases"]} == {
        "test_shop.py::test_total": "proven",
        "test_shop.py::test_returned": "hollow",
        "test_shop.py::test_leaks": "failed",
    }
    (text,) = worklogs(project)
    assert "Verified: 1 of 3 cases are proven. The run is verified." in text
    assert "compared with: nothing, this is the first run" in text
    assert "500 of 1,500 a year are not protected" in text
    timed = r"\| orders at once \| shop \| end of request to head of answer \| max 60000 ms \| ([\d.]+ ms)"
    first_time = re.search(timed + r" \| - \| [\d.]+ ms \| [\d.]+ ms \| 1 \| met \|", text)
    assert first_time
    assert "- orders at once: 1 samples, left out: 1 of cases that did not pass at once." in text
    assert re.search(r"\| nobody asks \| shop \|.*\| 0 \(needs 1\) \| not measured \|", text)
    for step in ("ready", "deploy", "select", "execute", "judge"):
        assert f"| {step} | done |" in text

    # As if the first one had been killed after its last word, before it had cleared away what it kept.
    begun = project / ".greenproof" / "runs" / "local" / result["run"] / "begun.json"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(kept)
    second = greenproof(project, "loop")
    assert second.returncode == 0, second.stderr
    assert list((project / ".greenproof" / "runs" / "local").iterdir()) == []
    assert "going on with run" not in second.stderr
    text = worklogs(project)[1]
    assert f"compared with: run {result['run']}" in text
    assert re.search(r"\| shop \| ready \| ready \| [\d.]+ ms \| [\d.]+ ms \| [\d.]+ x \|", text)
    assert re.search(timed + rf" \| {re.escape(first_time[1])} \|", text)
    inherited = rf"\| performance: times of 1 promises, shown as those before\\?. \| {result['run']} \|"
    assert re.search(inherited, text)

    head = re.search(r"ledger verify --head ([0-9a-f]{64})", text)
    assert head
    assert greenproof(project, "ledger", "verify", "--head", head[1]).returncode == 0
    assert greenproof(project, "ledger", "verify", "--head", "1" * 64).returncode == 1
    the_head_is_that_of_the_last_event_that_the_worklog_speaks_of(project, text, head[1])
    what_is_gone_is_missed_and_what_is_inherited_is_told(project)
    # The second turn repeated no fault run: nothing was touched.
    assert re.search(rf"\| faults: fault runs of \d cases.* \| {result['run']} \|", text)
    # The second one also has what became of the first one's conclusions.
    assert "what was known before" in {what for what, _ in EVIDENCE.findall(text)}
    links = EVIDENCE.findall(worklogs(project)[0])
    assert len(links) >= 6
    for what, place in links:
        assert (project / ".greenproof" / "worklogs" / place).exists(), what
    # Every piece is named by an event, so its loss is noticed.
    (project / ".greenproof" / "worklogs" / links[0][1]).unlink()
    lost = greenproof(project, "ledger", "verify")
    assert lost.returncode == 1
    assert "evidence-missing" in lost.stdout


def the_head_is_that_of_the_last_event_that_the_worklog_speaks_of(project: Path, text: str, head: str) -> None:
    with Ledger.open(project / ".greenproof" / "ledger.db", create=False) as ledger:
        entries = list(ledger.entries())
    (spoken,) = [entry for entry in entries if entry.hash == head]
    assert f"up to event {spoken.seq}, whose hash is `{head}`" in text
    later = [entry.kind for entry in entries[spoken.seq :]]
    assert later == ["WorklogWritten", "StepFinished", "CycleDecided", "RunFinished"]
    deployed = [entry.event for entry in entries if entry.kind == "ReleaseDeployed"]
    assert all(isinstance(event, ReleaseDeployed) and event.duration_s > 0 for event in deployed)
    keys = [getattr(event, "key", "") for event in deployed]
    assert len(set(keys)) == len(keys) == 2
    assert all(key.endswith("/1/deploy") for key in keys)


def what_is_gone_is_missed_and_what_is_inherited_is_told(project: Path) -> None:
    """Without `test_returned`, and on the release that the run before deployed."""
    suite = project / "test_shop.py"
    suite.write_text(SUITE.replace("def test_returned():\n    assert 1 + 1 == 2\n", ""))
    assert greenproof(project, "loop", "--no-deploy", "--no-faults", "--json", "third.json").returncode == 5
    third = json.loads((project / "third.json").read_text())
    (lost,) = [case for case in third["cases"] if case["id"].endswith("test_returned")]
    assert (lost["verdict"], [r["code"] for r in lost["reasons"]]) == ("not-run", ["lost"])
    known = {one["subject"]: (one["standing"], one["said"], one["now"]) for one in third["known_before"]["conclusions"]}
    assert known["test_shop.py::test_leaks"] == ("confirmed", "failed", "failed")
    assert known["test_shop.py::test_total"] == ("overturned", "proven", "unproven")
    assert known["test_shop.py::test_returned"] == ("unchecked", "hollow", None)
    inherited = {item["what"]: item for item in third["inherited"]}
    with Ledger.open(project / ".greenproof" / "ledger.db", create=False) as ledger:
        first, second = list(ledger.entries(kinds=("ReleaseDeployed",)))
        assert len(list(ledger.entries(third["run"], ("ReadingTaken",)))) >= 2
    assert inherited["release"]["run"] == second.run != first.run
    assert inherited["release"]["at"] == second.at
    assert inherited["plan"]["run"] == second.run
    assert inherited["plan"]["cases"] == ["test_shop.py::test_returned"]
    text = worklogs(project)[2]
    assert "| components: " in text
    assert f"| {second.run} |" in text.split("## Inherited")[1]
    # Once somebody has said that it is gone on purpose, it is not missed any more.
    assert greenproof(project, "loop", "--no-deploy", "--removed", "*test_returned", "-q").returncode == 0
    assert greenproof(project, "loop", "--no-deploy", "--no-faults", "--json", "fifth.json").returncode == 5
    fifth = json.loads((project / "fifth.json").read_text())
    assert len(fifth["cases"]) == 2
    assert [item["cases"] for item in fifth["inherited"]] == [[], []]
    suite.write_text(SUITE)


def test_a_release_that_does_not_come_up_ends_the_turn_and_the_old_one_goes_on(project: Path) -> None:
    assert greenproof(project, "deploy").returncode == 0
    before = json.loads(greenproof(project, "status", "--json").stdout)["current"]["name"]
    (project / "services" / "serve.py").write_text("raise SystemExit('no database')\n")
    turn = greenproof(project, "loop")
    assert turn.returncode == 1
    assert "service-exited" in turn.stderr
    assert "no database" in turn.stderr
    (text,) = worklogs(project)
    assert "Verified: nothing." in text
    assert "| deploy | failed |" in text
    assert "| execute | not reached |" in text
    with Ledger.open(project / ".greenproof" / "ledger.db", create=False) as ledger:
        (failed,) = ledger.entries(kinds=("DeployFailed",))
        (*_, end) = ledger.entries(kinds=("RunFinished",))
    assert failed.body["code"] == "service-exited"
    assert (end.run, end.body["exit_code"]) == (failed.run, 1)
    assert json.loads(greenproof(project, "status", "--json").stdout)["current"]["name"] == before
    assert greenproof(project, "ready").returncode == 0


def test_no_secret_gets_into_what_is_kept_or_shown(project: Path) -> None:
    turn = greenproof(project, "loop", "--json", "result.json", "--no-fail-fast")
    assert turn.returncode == 0
    kept = [p for p in (project / ".greenproof" / "environments").rglob("credentials*") if p.is_file()]
    values = {v for path in kept if path.suffix == ".json" for v in json.loads(path.read_text()).values()}
    assert any(len(value) == 32 for value in values)
    for path in (project / ".greenproof").rglob("*"):
        # launches are what the supervisor starts services with; credentials are where secrets live.
        if path.is_file() and path not in kept:
            content = path.read_bytes()
            assert [value for value in values if value.encode() in content] == [], path
    assert "(redacted)" in greenproof(project, "logs", "shop").stdout
    command = ("prove", "--", sys.executable, "-m", "pytest", "-p", "no:asyncio", "-p", "no:anyio", "-k", "leaks")
    proof = greenproof(project, *command, secret=next(v for v in values if len(v) == 32))
    for shown in ((project / "result.json").read_text(), turn.stdout + turn.stderr, proof.stdout + proof.stderr):
        assert "(redacted)" in shown
        assert [value for value in (*values, "abcdefghijklmnopqrstuvwxyz0123456789") if value in shown] == []


def test_the_loop_is_refused_on_production(project: Path) -> None:
    turn = greenproof(project, "loop", "--environment", "live")
    assert turn.returncode == 4
    assert "production" in turn.stderr
    proof = greenproof(project, "prove", "--environment", "live", "--target", "shop=http://127.0.0.1:9", "--", "pytest")
    assert proof.returncode == 4
    assert "--no-faults" in proof.stderr


def test_nothing_deployed_is_a_valid_answer(project: Path) -> None:
    ready = greenproof(project, "ready")
    assert ready.returncode == 5
    assert "absent" in ready.stdout
    proof = greenproof(project, "prove", "--", sys.executable, "-m", "pytest")
    assert proof.returncode == 4
    assert "greenproof up" in proof.stderr


def test_a_test_that_vanishes_without_a_word_keeps_the_loop_from_being_verified(project: Path) -> None:
    """Phases hold what was collected; what was not even collected is planned all the same."""
    suite = project / "test_shop.py"
    suite.write_text(SUITE.replace('["total"] == 2, {', '["total"] == 1, {'))
    assert greenproof(project, "loop").returncode == 0
    suite.write_text(
        suite.read_text()
        + "\ndel test_total\nclass TestMore:\n    def __init__(self): pass\n    def test_a(self): pass\n"
    )
    second = greenproof(project, "loop", "--no-deploy", "--json", "second.json")
    result = json.loads((project / "second.json").read_text())
    found = {case["id"]: [reason["code"] for reason in case["reasons"]] for case in result["cases"]}
    assert found["test_shop.py::test_total"] == ["never-collected"]
    assert found["test_shop.py::TestMore::test_a"] == ["silenced"]
    assert second.returncode != 0
