"""The census of test functions agrees with what pytest really collects."""

import os
import subprocess
import sys
from pathlib import Path

from greenproof.adapters.runners.census import bodies, census
from greenproof.model.facts import TestProcess

SUITE = """
import unittest, pytest
def test_plain(): pass
async def test_async(): pass
def helper(): pass
@pytest.fixture
def test_fixture(): pass
@pytest.mark.parametrize("x", [1, 2])
def test_many(x): pass
class TestThings:
    def test_in(self): pass
    class TestInner:
        def test_deep(self): pass
class TestBuilt:
    def __init__(self): pass
    def test_never(self): pass
class TestOff:
    __test__ = False
    def test_never(self): pass
class Old(unittest.TestCase):
    def test_old(self): pass
"""


def process(root: Path, *arguments: str) -> TestProcess:
    return TestProcess(1, "main", None, str(root), arguments)


def test_it_finds_what_pytest_collects(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_a.py").write_text(SUITE)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "test_b.py").write_text("def test_b(): pass\n")
    (tmp_path / "sub" / "other.py").write_text("def test_not_a_test_file(): pass\n")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    collected = {line.split("[")[0] for line in done.stdout.splitlines() if "::" in line and "Warning" not in line}
    assert collected
    assert set(census(process(tmp_path, str(tmp_path)))) == collected


def test_arguments_narrow_it(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(SUITE)
    (tmp_path / "test_b.py").write_text("def test_b(): pass\n")
    assert census(process(tmp_path, "test_b.py")) == ("test_b.py::test_b",)
    assert census(process(tmp_path, "test_a.py::TestThings")) == (
        "test_a.py::TestThings::test_in",
        "test_a.py::TestThings::TestInner::test_deep",
    )
    assert census(process(tmp_path, "test_a.py::test_many[1]")) == ("test_a.py::test_many",)


def test_files_that_cannot_be_read_are_left_to_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("def test_a(:\n")
    (tmp_path / "test_nul.py").write_bytes(b"\0\0")
    (tmp_path / "test_dangling.py").symlink_to(tmp_path / "nowhere.py")
    assert census(process(tmp_path, str(tmp_path))) == ()


def test_a_digest_knows_the_function_whatever_its_name_and_place(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "def test_one(order):\n    assert order == 1\n"
        "def test_two(order):\n    # another name, a comment\n    assert  order == 1\n"
        "def test_three(order):\n    assert order == 2\n"
        "def test_four(basket):\n    assert order == 1\n"
    )
    (tmp_path / "test_b.py").write_text("class TestB:\n    def test_one(order):\n        assert order == 1\n")
    one, two, three, four, elsewhere = bodies(process(tmp_path, str(tmp_path))).values()
    assert one == two == elsewhere
    assert len({one, three, four}) == 3
