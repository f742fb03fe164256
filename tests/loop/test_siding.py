"""`prove` against side releases: what is judged, what the ledger says of it, and what it must never become."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from besides import Traces

from greenproof.adapters.platforms.local import LocalPlatform
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.cli.main import root
from greenproof.config import load
from greenproof.ledger import Ledger
from greenproof.ledger.past import of_releases, summaries
from greenproof.loop.journal import Journal
from greenproof.loop.requests import Overrides, prove_request
from greenproof.loop.siding import side_release
from greenproof.model.errors import GreenproofError, UsageError
from greenproof.model.events import SideEnded, SideStarted, SideTested
from greenproof.model.sides import SideRequest

SHOP = Path(__file__).resolve().parents[1] / "support" / "shop.py"
CONFIGURATION = f"""
schema = 1
[project]
name = "shop"
[environments.local]
platform = "local"
[environments.live]
kind = "production"
platform = "local"
[secrets]
key = {{ generate = 16 }}
[services.shop]
source = "services"
command = ["{sys.executable}", "serve.py", "{{PORT}}"]
ready = "/health"
start_timeout = 10
env = {{ SHOP_KEY = "{{secret.key}}", MORE = "0" }}
[targets.shop]
service = "shop"
env = ["SHOP_URL"]
"""
SERVE = """
import json, os, sys
import shop
more = int(os.environ["MORE"])
shop.sum = lambda prices: sum(prices) + more
class Logging(shop.Shop):
    def answer(self, status, document, headers=None):
        if trace := self.headers.get("traceparent"):
            receipt = {"trace_id": trace.split("-")[1], "method": self.command, "route": self.path}
            print(json.dumps(receipt), flush=True)
        super().answer(status, document, headers)
shop.Shop = Logging
shop.serve(int(sys.argv[1]), os.environ["GREENPROOF_REVISION"])
"""
SUITE = """
import json, os, time, urllib.request
def test_total():
    time.sleep(float(os.environ.get("SLOWLY", "0")))
    body = json.dumps({"prices": [2, 3]}).encode()
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["total"] == 5
"""
TESTS = (sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider", "tests")


class Yard:
    """A project with a release on which the suite was verified."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("services", "tests"):
            (folder / name).mkdir()
        shutil.copy(SHOP, folder / "services" / "shop.py")
        (folder / "services" / "serve.py").write_text(SERVE)
        (folder / "greenproof.toml").write_text(CONFIGURATION)
        (folder / "tests" / "test_shop.py").write_text(SUITE)

    first = ""
    """The run that verified it."""
    live = ""
    """The name of that release."""

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "GIT_"))} | variables
        command = [sys.executable, "-m", "greenproof", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def prove(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Exit code and result."""
        code, out, err = self.run("prove", "-q", "--json", "result.json", *options, "--", *TESTS)
        assert code in (0, 1), out + err
        result: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return code, result

    @property
    def platform(self) -> LocalPlatform:
        plan = load(self.folder / "greenproof.toml")
        return LocalPlatform(plan, plan.environments[0])

    @property
    def layout(self) -> Layout:
        plan = load(self.folder / "greenproof.toml")
        return Layout.of(plan, plan.environments[0])

    def ledger(self) -> Ledger:
        return Ledger.open(self.folder / ".greenproof" / "ledger.db", create=False)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    found = Yard(tmp_path_factory.mktemp("beside"))
    try:
        assert found.run("deploy", "-q")[0] == 0
        code, proven = found.prove()
        current = found.platform.status().current
        assert code == 0
        assert current
        found.first, found.live = proven["run"], current.name
        yield found
    finally:
        found.run("down")


def faults_from(result: dict[str, Any]) -> set[str | None]:
    return {case["faults_run"] for case in result["cases"]}


def test_a_broken_mix_that_stays_is_red_while_the_current_release_is_green(yard: Yard) -> None:
    code, out, err = yard.run("side", "up", "kept", "--set", "shop.MORE=1", "--json")
    assert code == 0, err
    (side,) = json.loads(out)["sides"]
    assert (side["owner"], side["state"], side["changed"], side["base"]) == ("", "running", ["shop"], yard.live)
    code, out, _ = yard.run("status")
    assert "side release kept: " in out

    code, result = yard.prove("--side", "kept")
    assert (code, result["verdict"], result["side"]["since"]) == (1, "failed", side["since"])
    revision = side["release"]["revisions"][0]["name"]
    assert (result["release"]["shop"]["revision"], result["release"]["shop"]["url"]) == (
        revision,
        side["addresses"]["shop"],
    )
    assert revision != yard.platform.status().services[0].revision
    with yard.ledger() as ledger:
        summary = summaries(ledger)[-1]
        assert (summary.run, summary.side, summary.release) == (result["run"], "kept", side["release"]["name"])
        assert events_of(ledger, result["run"]) == [SideTested]
        (started,) = (entry.event for entry in ledger.latest("SideStarted"))
        assert isinstance(started, SideStarted)
        assert (started.why, started.side.settings) == ("asked for by a person: shop.MORE", {"shop": ("MORE",)})
        assert ledger.verify().intact
    code, out, err = yard.run("history", "*test_total", "--json")
    assert code == 0, err
    assert [one["side"] for one in json.loads(out)["subjects"][0]["entries"]] == ["kept", None]

    plan, platform = load(yard.folder / "greenproof.toml"), yard.platform
    request = prove_request(plan, plan.environments[0], platform.side("kept"), TESTS, Overrides(side=True))
    (target,) = request.targets
    assert (target.url, target.revision) == (side["addresses"]["shop"], revision)
    assert target.log is not None
    assert target.log.is_relative_to(yard.layout.sides)
    assert yard.run("side", "down", "kept")[0] == 0
    assert yard.platform.sides() == ()


def events_of(ledger: Ledger, run: str) -> list[type[object]]:
    return [type(entry.event) for entry in ledger.entries(run, ("SideStarted", "SideTested", "SideEnded"))]


def test_a_green_side_run_is_no_last_good_run_and_lends_nothing(yard: Yard) -> None:
    # Of the very revisions of the current release: answers and conditions are the same.
    code, beside = yard.prove("--base", yard.live)
    assert (code, beside["verdict"], beside["side"]["changed"]) == (0, "verified", [])
    assert (beside["side"]["owner"], yard.platform.sides()) == (beside["run"], ())
    # The receipt of the answer stands in the log of the side release, and nowhere else.
    assert [bool(case["receipts"]) for case in beside["cases"]] == [True]
    # Its fault runs are its own, though an earlier run made the same.
    assert faults_from(beside) == {None}
    assert beside["known_before"] is None
    _, live = yard.prove()
    with yard.ledger() as ledger:
        assert events_of(ledger, beside["run"]) == [SideStarted, SideTested, SideEnded]
        assert beside["run"] not in {run.run for run in of_releases(ledger)}
    assert faults_from(live) == {yard.first}
    assert live["known_before"]["run"] == yard.first
    assert beside["run"] not in json.dumps([live["measure"], live["inherited"]])
    assert yard.first in json.dumps(live["measure"])
    code, out, err = yard.run("compare", "last-good", beside["run"], "--json", "--gate")
    assert code == 6, out + err
    assert json.loads(out)["before"]["run"] == live["run"]
    assert "side" in {one["code"] for one in json.loads(out)["differences"]}
    assert yard.platform.status().releases.good == ()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--side", "kept", "--with", "shop=./services"), "option-conflict"),
        (("--side", "kept", "--target", "shop=http://127.0.0.1:9"), "side-unused"),
        (("--side", "nobody"), "unknown-side"),
        (("--set", "shop"), "option-pair"),
        (("--with", "shop=./nowhere"), "source-missing"),
        (("--with", "shop=shop-1"), "side-revision"),
        (("--environment", "live", "--base", "r-000000000000"), "side-production"),
    ],
)
def test_what_makes_no_sense_starts_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: str
) -> None:
    monkeypatch.chdir(yard.folder)
    with pytest.raises(GreenproofError) as caught:
        root.main(["prove", *arguments, "--", *TESTS], standalone_mode=False)
    assert (caught.value.code, caught.value.exit_code) == (code, 4)
    assert yard.platform.sides() == ()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing(yard: Yard, number: signal.Signals) -> None:
    with yard.start("prove", "--base", yard.live, "--", *TESTS, SLOWLY="60") as process:
        deadline = time.monotonic() + 30
        while not any(one.state == "running" for one in yard.platform.sides()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        traces = Traces(yard.layout, yard.platform.sides()[0].name)
        process.send_signal(number)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == (2 if number is signal.SIGINT else -number)
    assert traces.gone(), traces.left
    assert yard.platform.sides() == ()


def test_a_read_only_run_starts_none(yard: Yard) -> None:
    plan, platform = load(yard.folder / "greenproof.toml"), yard.platform
    with Journal.open(plan, plan.environments[0]) as journal:
        refused = side_release(platform, plan.environments[0], SideRequest("x"), journal, "", read_only=True)
        with pytest.raises(UsageError) as caught:
            refused.__enter__()
    assert caught.value.code == "side-read-only"
    assert platform.sides() == ()
