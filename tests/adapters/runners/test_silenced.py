"""What looks like a test and is never collected, against what pytest really collects."""

import os
import subprocess
import sys
from pathlib import Path

from greenproof.adapters.runners.silenced import silenced
from greenproof.model.facts import TestProcess

SUITE = """
import unittest, pytest
from typing import overload

def test_kept(): pass

def test_twice(): assert 0
def test_twice(): pass

def test_gone(): assert 0
test_gone = None

class TestPay:
    def test_first(self): assert 0
    def test_first(self): pass

class TestBuilt:
    def __init__(self): pass
    def test_never(self): pass

class TestOff:
    __test__ = False
    def test_never(self): pass

class Payments:
    def test_renamed(self): pass
    def helper(self): pass

class Contract:
    def test_inherited(self): pass

class TestOfContract(Contract):
    pass

class Old(unittest.TestCase):
    def test_old(self): pass

@pytest.fixture
def test_data(): return 1
@pytest.fixture
def test_data(): return 2

def helper():
    def test_inner(): pass
"""
EXPECTED = {
    "test_a.py::test_twice@7": "test_twice is defined again in line 8",
    "test_a.py::test_gone@10": "test_gone is defined again in line 11",
    "test_a.py::TestPay::test_first@14": "test_first is defined again in line 15",
    "test_a.py::TestBuilt::test_never": "class TestBuilt has a constructor, or __test__ = False",
    "test_a.py::TestOff::test_never": "class TestOff has a constructor, or __test__ = False",
    "test_a.py::Payments::test_renamed": "class Payments: the rule for classes is Test",
}


def process(root: Path, *arguments: str, **rules: tuple[str, ...]) -> TestProcess:
    return TestProcess(1, "main", None, str(root), arguments or ("test_a.py",), **rules)


def test_each_way_to_leave_a_test_out(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(SUITE)
    assert silenced(process(tmp_path)) == EXPECTED


def test_pytest_collects_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:anyio", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ})
    collected = {line for line in done.stdout.splitlines() if "::" in line}
    assert "test_a.py::TestOfContract::test_inherited" in collected
    # Of a name that stands twice, the last one is collected.
    assert collected.isdisjoint({name for name in EXPECTED if "@" not in name})


def test_a_naming_rule_that_was_narrowed(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "def test_pay(): pass\ndef check_pay(): pass\nclass TestX:\n  def test_y(self): pass\n"
    )
    found = silenced(process(tmp_path, python_functions=("check_",), python_classes=("Check",)))
    assert set(found) == {"test_a.py::test_pay", "test_a.py::TestX::test_y"}


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(SUITE)
    assert set(silenced(process(tmp_path, "test_a.py::TestPay"))) == {"test_a.py::TestPay::test_first@14"}


def test_what_cannot_be_parsed_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def (")
    assert silenced(process(tmp_path)) == {}
