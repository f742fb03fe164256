"""`python -m unittest` in an environment that has nothing but Python: the same verdicts, and a floor."""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

SUITE = """
import asyncio, json, os, unittest, urllib.error, urllib.request

URL = os.environ["API_URL"]

def fetch(path, data=None):
    with urllib.request.urlopen(urllib.request.Request(URL + path, data=data), timeout=5) as answer:
        return answer.status, json.load(answer)

class TestOrders(unittest.TestCase):
    def test_created(self):
        status, order = fetch("/orders", b'{"prices": [2, 3]}')
        self.assertEqual((status, order["total"]), (201, 5))

    def test_plain_assert(self):
        assert fetch("/orders", b'{"prices": [2, 3]}')[1]["total"] == 5

    def test_swallowed(self):
        try:
            self.assertEqual(fetch("/orders", b'{"prices": [2, 3]}')[1]["total"], 5)
        except Exception:
            pass

    def test_missing(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            fetch("/orders/nope")
        self.assertEqual(caught.exception.code, 404)

    def test_alone(self):
        self.assertTrue(True)

    def test_parts(self):
        for price in (1, 2):
            with self.subTest(price=price):
                self.assertEqual(fetch("/orders", json.dumps({"prices": [price]}).encode())[1]["total"], price)

    @unittest.skip("later")
    def test_later(self):
        pass

    @unittest.expectedFailure
    def test_known(self):
        self.assertEqual(1, 2)

    @unittest.expectedFailure
    def test_known_no_more(self):
        pass

    def test_fails(self):
        self.assertEqual(fetch("/orders/x")[0], 200)

class TestFetchedOnce(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.order = fetch("/orders", b'{"prices": [1, 2]}')[1]

    def test_total(self):
        self.assertEqual(self.order["total"], 3)

class TestBrokenSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("no")

    def test_never(self):
        pass

class TestAsync(unittest.IsolatedAsyncioTestCase):
    async def test_in_a_thread(self):
        _, order = await asyncio.to_thread(fetch, "/orders", b'{"prices": [7]}')
        self.assertEqual(order["total"], 7)
"""
# Outcome and verdict by `prove`; what `floor` sees on refused, unavailable and static.
EXPECTED = {
    "TestOrders::test_created": ("passed", "proven", "fff"),
    "TestOrders::test_plain_assert": ("passed", "proven", "fff"),
    "TestOrders::test_swallowed": ("passed", "hollow", "ppp"),
    "TestOrders::test_missing": ("passed", "proven", "fff"),
    "TestOrders::test_alone": ("passed", "hollow", "ppp"),
    "TestOrders::test_parts": ("passed", "proven", "fff"),
    "TestOrders::test_later": ("skipped", "not-run", "sss"),
    "TestOrders::test_known": ("xfailed", "not-run", "xxx"),
    "TestOrders::test_known_no_more": ("xpassed", "failed", "fff"),
    "TestOrders::test_fails": ("failed", "failed", "ffp"),
    "TestFetchedOnce::test_total": ("passed", "proven", "eef"),
    "TestBrokenSetUp::test_never": ("error", "failed", "eee"),
    "TestAsync::test_in_a_thread": ("passed", "proven", "fff"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unit test")
    (folder / "tests").mkdir()
    (folder / "tests" / "__init__.py").touch()
    (folder / "tests" / "test_shop.py").write_text(SUITE)
    (folder / "tests" / "test_gone.py").write_text("import no_such_module\n")
    venv.create(folder / "venv", with_pip=False)
    return folder


def greenproof(place: Path, shop: str, command: str, *words: str) -> tuple[int, dict[str, Any], str]:
    line = [sys.executable, "-m", "greenproof", command, "--json", "out.json", "--target", f"api={shop}"]
    line += ["--env", "API_URL=api", "--", "venv/bin/python", "-m", "unittest", *words]
    environment = {"PATH": "/usr/bin:/bin", "API_URL": shop}
    done = subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert (place / "out.json").exists(), done.stderr[-3000:]
    return done.returncode, json.loads((place / "out.json").read_text()), done.stderr


def test_every_case_gets_its_verdict(place: Path, shop: str) -> None:
    code, result, _ = greenproof(place, shop, "prove")
    told = {c["id"].removeprefix("tests/test_shop.py::"): (c["outcome"], c["verdict"]) for c in result["cases"]}
    assert told == {name: (outcome, verdict) for name, (outcome, verdict, _) in EXPECTED.items()}
    assert {finding["code"] for finding in result["findings"]} == {"files-not-collected"}
    assert code == 1


def test_a_selection_on_the_command_line_can_be_verified(place: Path, shop: str) -> None:
    names = ("tests.test_shop.TestOrders.test_created", "tests.test_shop.TestFetchedOnce", "tests.test_shop.TestAsync")
    code, result, _ = greenproof(place, shop, "prove", *names)
    assert [case["verdict"] for case in result["cases"]] == ["proven"] * 3
    assert (code, result["findings"]) == (0, [])


def test_the_floor(place: Path, shop: str) -> None:
    code, result, _ = greenproof(place, shop, "floor", "discover", "-s", "tests", "-t", ".")
    letters = {"passed": "p", "failed": "f", "error": "e", "skipped": "s", "xfailed": "x", "xpassed": "x"}
    told = {
        case["id"].removeprefix("tests/test_shop.py::"): "".join(
            letters[case["outcomes"][backend]] for backend in ("refused", "unavailable", "static")
        )
        for case in result["cases"]
    }
    assert told == {name: outcomes for name, (_, _, outcomes) in EXPECTED.items()}
    assert code == 0


def test_a_case_that_hangs_is_cut_off_alone(tmp_path: Path, shop: str) -> None:
    text = SUITE.split("class TestOrders")[0] + (
        "class TestSlow(unittest.TestCase):\n"
        "    def test_hangs(self):\n        import time\n        time.sleep(60)\n"
        "    def test_goes_on(self):\n        self.assertTrue(True)\n"
    )
    (tmp_path / "test_slow.py").write_text(text)
    line = [sys.executable, "-m", "greenproof", "floor", "--json", "-", "--case-timeout", "0.3"]
    line += ["--target", f"api={shop}", "--env", "API_URL=api", "--", sys.executable, "-m", "unittest"]
    environment = {"PATH": "/usr/bin:/bin", "API_URL": shop}
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    outcomes = {case["id"]: set(case["outcomes"].values()) for case in json.loads(done.stdout)["cases"]}
    assert outcomes == {
        "test_slow.py::TestSlow::test_hangs": {"failed"},
        "test_slow.py::TestSlow::test_goes_on": {"passed"},
    }
