"""Fault runs that are not repeated: only for cases that were proven, and that nothing has touched since."""

import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from greenproof.ledger import Ledger, prepare
from greenproof.loop.remembering import remembered
from greenproof.model.events import RunJudged, RunStarted, VerdictReached
from greenproof.model.facts import Outcome
from greenproof.model.verdicts import CaseVerdict, FaultResult, Verdict

HELPER = """
    import json, os, urllib.request
    URL = os.environ["SHOP_URL"]
    def order(prices):
        request = urllib.request.Request(URL + "/orders", data=json.dumps({"prices": prices}).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
"""
FILES = {
    "helping.py": HELPER,
    "test_one.py": """
        from helping import order
        def test_total(): assert order([2, 3])["total"] == 5
        def test_unchecked(): order([1])
    """,
    "test_other.py": """
        import json, os, urllib.request
        from pathlib import Path
        def test_expected():
            request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", data=b'{"prices": [7]}')
            with urllib.request.urlopen(request, timeout=10) as answer:
                expected = json.loads((Path(__file__).parent / "expected.json").read_text())["total"]
                assert json.load(answer)["total"] == expected + int(os.environ.get("EXTRA", "0"))
    """,
    "expected.json": '{"total": 7}',
    "unread.json": "{}",
}


class Suite:
    """A suite that is proven again and again."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        (self.folder / name).write_text(textwrap.dedent(text))

    def prove(self, *options, **variables):
        """The names of the cases whose fault runs were taken from an earlier run; all must have the same verdicts."""
        command = [
            sys.executable, "-m", "greenproof", "prove", "--target", f"shop={self.url}", "--env", "SHOP_URL=shop",
            "--expect", "shop=shop-1", "--json", "result.json", *options, "--",
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        ]  # fmt: skip
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **variables}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 6, done.stderr
        self.result = json.loads((self.folder / "result.json").read_text())
        cases = {case["id"].partition("::")[2]: case for case in self.result["cases"]}
        verdicts = {name: case["verdict"] for name, case in cases.items()}
        assert verdicts == {"test_total": "proven", "test_expected": "proven", "test_unchecked": "unproven"}
        assert all(case["faults"] for case in cases.values())
        return {name for name, case in cases.items() if case["faults_run"]}


@pytest.fixture
def suite(tmp_path, shop):
    held = Suite(tmp_path, shop)
    assert held.prove() == set()
    return held


def test_what_nothing_touched_is_not_repeated(suite):
    first = suite.result["run"]
    suite.write("unread.json", '{"other": 1}')
    assert suite.prove() == {"test_total", "test_expected"}
    (told,) = [one for one in suite.result["inherited"] if one["what"] == "faults"]
    assert told["run"] == first
    assert sorted(told["cases"]) == ["test_one.py::test_total", "test_other.py::test_expected"]
    # Also in the third run it is the first that saw it.
    assert suite.prove() == {"test_total", "test_expected"}
    assert {case["faults_run"] for case in suite.result["cases"]} == {first, None}


def test_what_was_touched_is_repeated(suite):
    suite.write("helping.py", HELPER + "\n    LATER = 1\n")
    assert suite.prove() == {"test_expected"}
    suite.write("expected.json", '{"total":  7}')
    assert suite.prove() == {"test_total"}
    # A variable that a test names, and one that none does.
    assert suite.prove(EXTRA="0") == {"test_total"}
    assert suite.prove(EXTRA="0", ELSE="1") == {"test_total", "test_expected"}
    suite.write("conftest.py", "")
    assert suite.prove(EXTRA="0") == set()
    assert suite.prove("--repeat-faults", EXTRA="0") == set()


RESULT = FaultResult("error", 1, Outcome.FAILED, "call", True, "call", "check: AssertionError")
STARTED = RunStarted("", "prove", "default", arguments=("pytest",))


def known(tmp_path, *verdicts, started=STARTED):
    """What is remembered of one run for each verdict."""
    with Ledger.open(prepare(tmp_path)) as ledger:
        for number, verdict in enumerate(verdicts):
            ledger.append(f"run-{number}", STARTED)
            ledger.append(f"run-{number}", VerdictReached(1, "", verdict))
            ledger.append(f"run-{number}", RunJudged(1, "", "inconclusive", 6, {}))
        return remembered(ledger, started)


def verdict(conclusion=Verdict.PROVEN, **fields):
    return CaseVerdict("t::a", Outcome.PASSED, conclusion, (), faults=(RESULT,), **{"conditions": "c", **fields})


def test_the_newest_word_under_the_same_conditions_counts(tmp_path):
    assert known(tmp_path / "one", verdict())["t::a", "c"].run == "run-0"
    assert not known(tmp_path / "two", verdict(), verdict(Verdict.UNPROVEN))
    # Under other conditions it says nothing of these.
    other = verdict(Verdict.HOLLOW, conditions="d")
    assert known(tmp_path / "three", verdict(), other)["t::a", "c"].run == "run-0"
    again = verdict(faults_run="run-0", faults_at=datetime.now(UTC).isoformat())
    assert known(tmp_path / "four", verdict(), again)["t::a", "c"].run == "run-0"


@pytest.mark.parametrize("age", [timedelta(days=8), timedelta(hours=-1)], ids=["old", "to come"])
def test_neither_what_is_old_nor_what_is_to_come_counts(tmp_path, age):
    then = verdict(faults_run="run-x", faults_at=(datetime.now(UTC) - age).isoformat())
    assert not known(tmp_path, then)


def test_another_command_is_another_kind(tmp_path):
    assert not known(tmp_path, verdict(), started=RunStarted("", "prove", "default", arguments=("other",)))


def test_unknown_conditions_are_never_the_same(tmp_path):
    assert not known(tmp_path, verdict(conditions=None))
