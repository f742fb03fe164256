"""What counts as a check, and that compiled caches neither hide nor poison."""

from __future__ import annotations

import pytest

CHECKS = {
    "helpers/__init__.py": "",
    "helpers/judge.py": """
        def judge(x):
            assert x
            assert x, "message"
        """,
    "conftest.py": """
        import pytest
        @pytest.fixture
        def verify():
            def verify(x): assert x
            return verify
        @pytest.fixture
        def busy(): assert True
        """,
    "test_it.py": """
        import unittest, warnings, pytest
        from helpers.judge import judge

        class Held:
            assert True

        def test_three(busy):
            assert 1
            assert [1] == [1], "lists"
            assert all(x for x in (1, 2))
        def test_none(): pass
        def test_helper(): judge(1)
        def test_conftest(verify): verify(1)
        def test_failing():
            assert 1
            assert 1 == 2
        def test_swallowed():
            try:
                assert 1 == 2
            except AssertionError:
                pass
        def test_expression_raises():
            try:
                assert {}["x"]
            except KeyError:
                pass
        def test_loop():
            for i in range(100):
                assert i >= 0 and i < 100 or i == 5
        def test_raises():
            with pytest.raises(KeyError):
                {}["x"]
            pytest.raises(ValueError, int, "x")
        def test_raises_not():
            try:
                with pytest.raises(KeyError):
                    raise OSError
            except OSError:
                pass
        def test_warns():
            with pytest.warns(UserWarning):
                warnings.warn("x")
        class TestOld(unittest.TestCase):
            def test_methods(self):
                self.assertEqual({1: [1]}, {1: [1]})
                self.assertTrue(1)
                self.assertDictEqual({}, {})
            def test_contexts(self):
                with self.assertRaises(KeyError):
                    {}["x"]
                self.assertRaises(ValueError, int, "x")
                with self.assertLogs():
                    __import__("logging").warning("x")
                with self.assertWarns(UserWarning):
                    warnings.warn("x")
        """,
}
EXPECTED = {
    "test_three": 3, "test_none": 0, "test_helper": 2, "test_conftest": 1, "test_failing": 2,
    "test_swallowed": 1, "test_expression_raises": 0, "test_loop": 100, "test_raises": 2,
    "test_raises_not": 0, "test_warns": 1, "test_methods": 3, "test_contexts": 4,
}  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--assert=plain",),
        ("--import-mode=importlib",),
        ("-o", "enable_assertion_pass_hook=true"),
    ],
    ids=lambda arguments: " ".join(arguments) or "default",
)
def test_counts_what_ran(launch, arguments):
    extra = {"pytest.ini": "[pytest]\npythonpath = .\n"}
    run = launch({**CHECKS, **extra}, *arguments)
    assert {m["case"].split("::")[-1]: m["checks"] for m in run.of("teardown")} == EXPECTED
    for case in run.of("teardown"):
        if case["checks"]:
            (call,) = [m for m in run.of("call") if m["case"] == case["case"]]
            assert call["ns"] < case["last_check_ns"] < case["ns"]
        else:
            assert case["last_check_ns"] is None
    # Explanations are pytest's own.
    assert "assert 1 == 2" in run.out


def test_a_check_counts_after_its_expression(launch):
    run = launch(
        """
        import time
        def fetch(): return TIMES.append(time.monotonic_ns()) or True
        TIMES = []
        def test_a():
            assert fetch()
            print(TIMES)
            raise OSError(TIMES[0])
        """
    )
    fetched = int(run.one("end")["failure"]["text"])
    assert run.one("teardown")["last_check_ns"] >= fetched


def test_optimised_plain_asserts_did_not_run(launch):
    run = launch("def test_a(): assert 0", "-O", "--assert=plain")
    assert run.one("hello")["optimised"]
    assert run.checks("test_a") == 0
    assert run.one("end")["executed"] == "passed"


def test_caches_of_plain_runs_hide_nothing_and_are_not_poisoned(launch):
    files = {"helper.py": "def judge(x): assert x", "test_it.py": """
        import builtins
        from helper import judge
        def test_a():
            assert 1
            judge(1)
        """}  # fmt: skip
    for arguments in ((), ("--assert=plain",)):
        assert launch(files, *arguments, control=None).status == 0
        run = launch(files, *arguments)
        assert run.checks("test_a") == 2
        run.messages.clear()
        # Once more from our own cache, and once without us.
        assert launch(files, *arguments).checks("test_a") == 2
        assert launch(files, *arguments, control=None, PYTEST_ADDOPTS="").status == 0
        run.messages.clear()


def test_installed_packages_do_not_count(launch):
    run = launch(
        {
            "venv/lib/site-packages/installed.py": "def judge(x): assert x",
            "test_it.py": """
                import sys
                sys.path.insert(0, "venv/lib/site-packages")
                from installed import judge
                def test_a(): judge(1)
                """,
        }
    )
    assert run.status == 0
    assert run.checks("test_a") == 0


def test_counts_in_tasks_and_async_fixtures(launch):
    run = launch(
        """
        import asyncio, pytest, pytest_asyncio

        @pytest_asyncio.fixture
        async def number():
            await asyncio.sleep(0)
            yield 1

        async def judge(x):
            await asyncio.sleep(0)
            assert x

        @pytest.mark.asyncio
        async def test_a(number):
            await asyncio.gather(*(asyncio.create_task(judge(number)) for _ in range(3)))
        """,
        "-p", "pytest_asyncio.plugin",
        "-W", "ignore",
    )  # fmt: skip
    assert run.status == 0, run.out
    assert run.checks("test_a") == 3
    assert "test_it.py::number" in [span[0] for span in run.one("call")["spans"]]


def test_checks_of_threads(launch):
    run = launch(
        """
        import threading, queue
        from concurrent.futures import ThreadPoolExecutor
        POOL = ThreadPoolExecutor(1)
        WORK, DONE = queue.Queue(), queue.Queue()

        def judge(): assert True
        def stray():
            while WORK.get():
                judge()
                DONE.put(1)

        def test_own_thread():
            thread = threading.Thread(target=judge)
            thread.start()
            thread.join()
            POOL.submit(judge).result()
            threading.Thread(target=stray, daemon=True).start()
        def test_pool():
            POOL.submit(judge).result()
        def test_stray():
            WORK.put(1)
            DONE.get(timeout=5)
        """
    )
    assert run.status == 0
    assert [run.checks(f"test_{name}") for name in ("own_thread", "pool", "stray")] == [2, 1, 0]


def test_mocks_and_evasions(launch):
    run = launch(
        {
            "pycurl.py": "",
            "test_it.py": """
                import importlib.util, pytest
                # Looking for a module is not yet importing it.
                assert importlib.util.find_spec("unittest.mock")
                @pytest.fixture
                def ready():
                    from unittest.mock import Mock
                    Mock()()
                def test_none(): pass
                def test_mock(ready):
                    from unittest.mock import AsyncMock, MagicMock, patch
                    import asyncio, os, pycurl
                    len(MagicMock())
                    asyncio.run(AsyncMock()())
                    with patch("os.getcwd") as getcwd:
                        os.getcwd()
                """,
        }
    )
    assert run.status == 0, run.out
    assert run.one("teardown", "test_none")["mocks"] == 0
    assert run.one("teardown", "test_mock")["mocks"] == 4
    assert run.one("teardown", "test_mock")["evasions"] == ["pycurl"]
    assert run.one("teardown", "test_none")["evasions"] == []
