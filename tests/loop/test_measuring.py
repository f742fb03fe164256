"""The measure is guarded: what a good run recorded of its tests is compared with what they are in the next one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenproof.ledger import Ledger
from greenproof.loop.measuring import since_last_good
from greenproof.model.events import MeasureKept

SHOP = Path(__file__).resolve().parents[1] / "support" / "shop.py"
CONFIGURATION = f"""
schema = 1
[project]
name = "shop"
[environments.local]
platform = "local"
[services.shop]
source = "services"
command = ["{sys.executable}", "serve.py", "{{PORT}}"]
ready = "/health"
start_timeout = 10
[targets.shop]
service = "shop"
env = ["SHOP_URL"]
[suites.e2e]
command = ["{sys.executable}", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", "tests"]
"""
SERVE = """
import os, sys
import shop
shop.serve(int(sys.argv[1]), os.environ["GREENPROOF_REVISION"])
"""
SUITE = """
import json, os, urllib.request
def order(*prices):
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": prices}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
def test_total():
    assert order(2, 3)["total"] == 5
"""
WEAKER = SUITE.replace("== 5", "in (5, 6)")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose first loop was verified."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "services").mkdir()
    (folder / "tests").mkdir()
    shutil.copy(SHOP, folder / "services" / "shop.py")
    (folder / "services" / "serve.py").write_text(SERVE)
    (folder / "greenproof.toml").write_text(CONFIGURATION)
    written(folder, SUITE)
    try:
        first = greenproof(folder, "loop", "-q")
        assert first.returncode == 0, first.stdout + first.stderr
        assert "measure: nothing to compare with: no verified run has recorded" in first.stdout
        yield folder
    finally:
        greenproof(folder, "down")


def written(folder: Path, suite: str) -> None:
    (folder / "tests" / "test_shop.py").write_text(suite)
    shutil.rmtree(folder / "tests" / "__pycache__", ignore_errors=True)


def greenproof(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "GIT_"))}
    return subprocess.run(
        [sys.executable, "-m", "greenproof", *arguments], cwd=place, capture_output=True, text=True, timeout=120,
        env=environment, check=False,
    )  # fmt: skip


def test_an_unchanged_suite_is_not_read_again_and_keeps_the_evidence_of_the_good_run(place: Path) -> None:
    with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
        (kept,) = (e.event for e in ledger.latest("MeasureKept"))
        assert isinstance(kept, MeasureKept)
        assert (kept.tests, len(kept.files)) == (1, 64)
        same = since_last_good(place, ledger)
        assert (same.form, (same.evidence,), same.report.tests) == (None, kept.evidence, (1, 1))
        written(place, f"{SUITE}# said\n")
        other = since_last_good(place, ledger)
        assert other.form is not None
        assert other.files != same.files
        assert other.report.open == other.report.notes == ()
        written(place, SUITE)
        # Evidence that was changed proves nothing: then the digest alone doesn't count.
        digest = kept.evidence[0].removeprefix("ev-")
        path = place / ".greenproof" / "evidence" / digest[:2] / digest
        before, mode = path.read_bytes(), path.stat().st_mode
        path.chmod(0o600)
        try:
            path.write_bytes(before + b" ")
            assert since_last_good(place, ledger).report.before is None
        finally:
            path.write_bytes(before)
            path.chmod(mode)


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = greenproof(tmp_path, "measure", "diff", "--config", str(tmp_path / "none.toml"))
    assert done.returncode == 4
    assert "[config-missing-file]" in done.stderr


def test_a_weaker_test_keeps_the_loop_from_being_verified_until_a_person_accepts_it(place: Path) -> None:
    same = greenproof(place, "measure", "diff")
    assert same.returncode == 0, same.stdout
    written(place, WEAKER)
    gated = greenproof(place, "loop", "-q", "--no-deploy", "--json", "result.json")
    assert gated.returncode == 6, gated.stdout + gated.stderr
    assert "verified: 1 of 1 cases are proven" in gated.stdout
    assert "[measure-weakened]" in gated.stdout
    assert "measure: 1 weakened" in gated.stdout
    document = json.loads((place / "result.json").read_text())
    (finding,) = document["measure"]["weakened"]
    assert (finding["code"], finding["path"], finding["line"]) == ("assertion-weakened", "tests/test_shop.py", 8)
    worklog = max((place / ".greenproof" / "worklogs").glob("*.md"))
    assert "measure-weakened" in worklog.read_text()

    # The next run has not forgotten: the weak one never took the good one's place.
    again = greenproof(place, "measure", "diff", "--json")
    assert again.returncode == 6
    assert [f["id"] for f in json.loads(again.stdout)["weakened"]] == [finding["id"]]

    said = ("--reason", "prices vary\nsince May", "--expires", "30", "--by", "Ada")
    accepted = greenproof(place, "measure", "accept", finding["id"], *said)
    assert accepted.returncode == 0, accepted.stderr
    verified = greenproof(place, "loop", "-q", "--no-deploy")
    assert verified.returncode == 0, verified.stdout
    assert "measure: 0 weakened, 1 accepted" in verified.stdout

    # An acceptance that has run out counts no more, though a run was verified meanwhile.
    path = place / "greenproof-accepted.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("on", "expires"))]
    path.write_text("\n".join([*lines, 'on = "2020-01-01"', 'expires = "2020-02-01"', ""]))
    over = greenproof(place, "measure", "diff")
    assert over.returncode == 6
    assert "accepted by Ada until 2020-02-01: that is over" in over.stdout

    shown = greenproof(place, "prove", "-q", "--no-faults", "--", sys.executable, "-m", "pytest", "-q", "tests")
    assert "measure: 1 weakened" in shown.stdout

    written(place, SUITE)
    assert greenproof(place, "measure", "diff").returncode == 0


def test_without_a_ledger_it_is_said_that_there_is_nothing_to_compare_with(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "tests", tmp_path / "tests")
    found = greenproof(tmp_path, "measure", "diff")
    assert found.returncode == 5
    assert "measure: nothing to compare with: there is no ledger" in found.stdout
    document = json.loads(greenproof(tmp_path, "measure", "diff", "--json").stdout)
    assert document["before"] is None
    assert document["why"]
