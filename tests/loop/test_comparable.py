"""Two real runs against a real shop, the second with one case changed: what their history and comparison say."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from greenproof.ledger import Ledger
from greenproof.model.events import RunStarted
from greenproof.reporting import comparison, history

SHOP = Path(__file__).resolve().parents[1] / "support" / "shop.py"

SUITE = """
import json, os, urllib.request
def order(*prices):
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": prices}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
def test_total():
    assert order(2, 3)["total"] == 5
def test_changing():
    order(1)
def test_old_name():
    assert order(7)["total"] == 7
def test_gone():
    assert order(8)["total"] == 8
def test_blind():
    assert 1 + 1 == 2
"""
MENDED = SUITE.replace("    order(1)\n", "    assert order(1)['total'] == 1\n").replace(
    "test_old_name", "test_new_name"
)
SECOND = MENDED.replace('def test_gone():\n    assert order(8)["total"] == 8\n', "")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of `prove`: the second on another revision, with one case mended, renamed and gone."""
    folder = tmp_path_factory.mktemp("comparable")
    for number, suite in enumerate((SUITE, SECOND), 1):
        (folder / "test_shop.py").write_text(suite)
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        with shop(f"shop-{number}") as url:
            proven = greenproof(
                folder, "prove", "-q", "--target", f"shop={url}", "--env", "SHOP_URL=shop", "--", *PYTEST
            )
        assert proven.returncode == 1, proven.stdout + proven.stderr
    return folder


PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", "test_shop.py")


class shop:
    """A shop at a revision; its URL."""

    def __init__(self, revision: str) -> None:
        command = [sys.executable, str(SHOP), "0", revision]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> str:
        assert self._process.stdout
        return f"http://127.0.0.1:{self._process.stdout.readline().strip()}"

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()


def greenproof(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenproof", *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, env=environment, check=False)


def document(place: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = greenproof(place, *arguments, "--json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def named(changes: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {one["id"].removeprefix("test_shop.py::"): (one["before"], one["after"]) for one in changes}


def test_the_comparison_counts_every_case_of_both_runs_once(place: Path) -> None:
    found = document(place, "compare", "previous", "last")
    jsonschema.validate(found, comparison.schema())
    assert found["denominator"] == {"cases": 6, "shared": 3, "only_before": 2, "only_after": 1}
    assert (found["before"]["planned"], found["after"]["planned"]) == (5, 4)
    assert {(t["before"], t["after"]): t["cases"] for t in found["transitions"]} == {
        ("proven", "proven"): 1,
        ("unproven", "proven"): 1,
        ("hollow", "hollow"): 1,
        ("proven", "absent"): 2,
        ("absent", "proven"): 1,
    }
    assert named(found["newly_proven"]) == {"test_changing": ("unproven", "proven")}
    assert named(found["still_hollow"]) == {"test_blind": ("hollow", "hollow")}
    assert named(found["lost"]) == {"test_gone": ("proven", "absent"), "test_old_name": ("proven", "absent")}
    assert named(found["worse"]) == {"test_gone": ("proven", "absent")}
    assert [(r["before"], r["after"]) for r in found["renamed"]] == [
        ("test_shop.py::test_old_name", "test_shop.py::test_new_name")
    ]
    assert [(d["code"], d["before"], d["after"]) for d in found["differences"]] == [
        ("release", "shop=shop-1", "shop=shop-2")
    ]
    assert [(c["name"], c["revision_before"], c["revision_after"]) for c in found["components"]] == [
        ("shop", "shop-1", "shop-2")
    ]
    assert found["durations"] == []
    assert "0 other runs" in found["unmeasured"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("previous", "last"), 0),
        (("previous", "last", "--gate"), 1),
        (("last", "-1", "--gate"), 1),
        (("last", "last", "--gate"), 0),
        (("--gate", "-1", "-1"), 0),
        (("last-good", "last"), 4),
        (("-2", "last"), 4),
        (("nonsense", "last"), 4),
        (("last",), 4),
        (("last", "previous", "--gaet"), 4),
    ],
)
def test_the_exit_code_is_the_documented_one(place: Path, arguments: tuple[str, ...], code: int) -> None:
    done = greenproof(place, "compare", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code == 4:
        assert done.stderr.startswith("error: ")
        assert done.stdout == ""


def test_a_run_is_found_by_the_beginning_of_its_id(place: Path) -> None:
    found = document(place, "compare", "-1", "last")
    run = found["before"]["run"]
    assert document(place, "compare", run[:-2], "last") == found
    assert greenproof(place, "compare", run[:4], "last").stderr.startswith(f"error: '{run[:4]}' is the beginning of 2")


def test_a_run_without_a_case_can_not_be_compared_with_itself(place: Path) -> None:
    with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
        ledger.append("an-empty-run", RunStarted("an-empty-run", "deploy", "local"))
    empty = greenproof(place, "compare", "an-empty", "an-empty")
    assert empty.returncode == 4
    assert "[run-without-cases]" in empty.stderr
    assert greenproof(place, "compare", "last", "an-empty", "--gate").returncode == 6


def test_the_history_of_a_case_names_run_revision_verdict_and_event(place: Path) -> None:
    found = document(place, "history", "test_shop.py::test_changing")
    jsonschema.validate(found, history.schema())
    (subject,) = found["subjects"]
    new, old = subject["entries"]
    assert (old["verdict"], old["outcome"], old["revisions"]) == ("unproven", "passed", {"shop": "shop-1"})
    assert (new["verdict"], new["outcome"], new["revisions"]) == ("proven", "passed", {"shop": "shop-2"})
    assert old["reasons"]
    assert new["reasons"] == []
    assert new["sensitivity"] == 1.0
    assert new["duration_s"] > 0
    with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
        hashes = {entry.seq: entry.hash for entry in ledger.entries()}
    assert hashes[new["event"]] == new["hash"]
    limited = document(place, "history", "test_shop.py::test_changing", "--limit", "1")
    assert limited["subjects"] == [{**subject, "entries": [new], "more": True}]


def test_several_matches_are_listed_and_none_names_what_is_near(place: Path) -> None:
    several = greenproof(place, "history", "*name")
    assert several.returncode == 0
    assert several.stdout.startswith("2 match; the newest entry of each")
    assert [line for line in several.stdout.splitlines() if line.startswith("test_shop")] == [
        "test_shop.py::test_new_name",
        "test_shop.py::test_old_name",
    ]
    none = greenproof(place, "history", "test_shop.py::test_totl")
    assert none.returncode == 4
    assert "did you mean test_shop.py::test_total?" in none.stderr
    assert greenproof(place, "history").returncode == 4
    assert greenproof(place, "history", "a", "--service", "b").returncode == 4


def test_the_history_of_a_target_has_its_revisions(place: Path) -> None:
    found = document(place, "history", "--service", "shop")
    jsonschema.validate(found, history.schema())
    assert [entry["revision"] for entry in found["subjects"][0]["entries"]] == ["shop-2", "shop-1"]
    none = greenproof(place, "history", "--service", "shopp")
    assert none.returncode == 4
    assert "did you mean shop?" in none.stderr


def test_what_the_last_verified_run_planned_is_missed_when_it_is_gone(tmp_path: Path) -> None:
    kept, gone = MENDED.split("def test_total", 1)[0], "def test_gone():\n    assert order(8)['total'] == 8\n"
    kept += "def test_old():\n    assert order(7)['total'] == 7\n"
    suite, other = tmp_path / "test_shop.py", tmp_path / "test_more.py"
    suite.write_text(kept)
    other.write_text(kept.split("def test_old")[0] + gone)
    with shop("shop-1") as url:

        def prove(code: int, *options: str) -> dict[str, Any]:
            shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
            target = ("--target", f"shop={url}", "--env", "SHOP_URL=shop", "--json", "out.json")
            done = greenproof(tmp_path, "prove", "-q", *target, *options, "--", *PYTEST[:-1])
            assert done.returncode == code, done.stdout + done.stderr
            found: dict[str, Any] = json.loads((tmp_path / "out.json").read_text())
            return found

        good = prove(0)
        assert good["inherited"] == []
        # One renamed, one gone with its file.
        suite.write_text(kept.replace("test_old", "test_new"))
        other.unlink()
        lost = prove(6)
        assert {c["id"]: [r["code"] for r in c["reasons"]] for c in lost["cases"]} == {
            "test_shop.py::test_new": [],
            "test_more.py::test_gone": ["lost"],
        }
        (plan,) = lost["inherited"]
        assert (plan["what"], plan["run"], plan["cases"]) == ("plan", good["run"], ["test_more.py::test_gone"])
        assert "test_shop.py::test_old is now test_shop.py::test_new" in plan["text"]
        assert [c["verdict"] for c in prove(0, "--removed", "test_more.py::*")["cases"]] == ["proven"]
        # A file that can't be imported is no case that is gone.
        suite.write_text("import nothing_of_that_name\n" + kept.replace("test_old", "test_new"))
        assert [r["code"] for r in prove(5)["cases"][0]["reasons"]] == ["import-error"]


def test_without_a_ledger_it_is_said(tmp_path: Path) -> None:
    for arguments in (("history", "x"), ("compare", "last", "last")):
        done = greenproof(tmp_path, *arguments)
        assert done.returncode == 4
        assert "[no-ledger]" in done.stderr
    assert not (tmp_path / ".greenproof").exists()
