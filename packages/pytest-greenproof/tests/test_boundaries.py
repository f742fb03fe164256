"""Phases, outcomes and reports."""

from __future__ import annotations

import pytest


def test_says_nothing_without_an_address(launch):
    run = launch("def test_a(): assert True", control=None)
    assert (run.status, run.messages) == (0, [])
    assert "greenproof" not in run.err


def test_tells_the_phases_of_a_case_in_order(launch):
    run = launch(
        {
            "conftest.py": """
                import os
                SEEN = os.environ["BACKEND"]
                """,
            "test_it.py": """
                import os, pytest
                from conftest import SEEN

                @pytest.fixture
                def thing():
                    return os.environ["BACKEND"]

                def test_a(thing):
                    assert thing == SEEN
                """,
        },
        "-p",
        "no:cacheprovider",
    )
    assert run.status == 0
    kinds = [m["m"] for m in run.messages if m["m"] != "reported"]
    assert kinds == ["hello", "collected", "setup", "here", "call", "teardown", "end", "bye"]
    hello = run.one("hello")
    assert (hello["token"], hello["role"], hello["worker"], hello["nested"]) == (
        "token",
        "main",
        None,
        False,
    )
    assert hello["python_files"] == ["test_*.py", "*_test.py"]
    assert not hello["optimised"]
    assert run.one("collected")["ids"] == ["test_it.py::test_a"]
    call, end = run.one("call"), run.one("end")
    assert call["fixtures"] == ["test_it.py::thing"]
    ((key, case, start, stop),) = call["spans"]
    assert (key, case) == ("test_it.py::thing", "test_it.py::test_a")
    assert run.one("setup")["ns"] <= start <= stop <= call["ns"] <= run.one("teardown")["ns"] <= end["ns"]
    assert (end["executed"], end["failure"], end["skip_reason"]) == ("passed", None, None)
    assert run.reports() == [("setup", "passed", False), ("call", "passed", False), ("teardown", "passed", False)]
    assert run.one("bye")["exit_status"] == 0


OUTCOMES = """
    import pytest, unittest

    @pytest.fixture
    def broken(): raise OSError("no")
    @pytest.fixture
    def late():
        yield
        raise OSError("late")

    def test_failed(): assert 1 == 2
    def test_fail(): pytest.fail("wrong")
    def test_key(): {}["x"]
    def test_group():
        try:
            raise_group
        except NameError:
            error = type("Group", (Exception,), {"exceptions": (KeyError(), AssertionError("in a task"))})
        raise error()
    def test_set_up(broken): pass
    def test_teardown(late): pass
    def test_skip(): pytest.skip("not today")
    def test_unittest_skip(): raise unittest.SkipTest("not today")
    @pytest.mark.skip(reason="never")
    def test_mark(): pass
    @pytest.mark.xfail(reason="known")
    def test_xfail(): assert 0
    @pytest.mark.xfail(raises=KeyError)
    def test_other(): assert 0
    @pytest.mark.xfail
    def test_xpass(): pass
    @pytest.mark.xfail(strict=True)
    def test_strict(): pass
    @pytest.mark.xfail(run=False)
    def test_not_run(): pass
    def test_long(): raise ValueError("x" * 5000)
    def test_hostile(): raise ValueError("\\ud800 \\0")

    class TestOld(unittest.TestCase):
        def test_fails(self): self.assertEqual(1, 2)
        def test_errors(self): raise KeyError("x")
        @unittest.expectedFailure
        def test_expected(self): self.fail("known")
        def test_sub(self):
            with self.subTest(i=1):
                self.assertTrue(False)
    class TestOwn(unittest.TestCase):
        class failureException(Exception): pass
        def test_own(self): self.fail("own")
"""


def test_outcomes_come_from_exceptions(launch):
    run = launch(OUTCOMES)
    executed = {m["case"].split("::")[-1]: m["executed"] for m in run.of("end")}
    assert executed == {
        "test_failed": "failed",
        "test_fail": "failed",
        "test_key": "failed",
        "test_group": "failed",
        "test_set_up": "error",
        "test_teardown": "error",
        "test_skip": "skipped",
        "test_unittest_skip": "skipped",
        "test_mark": "skipped",
        "test_xfail": "xfailed",
        "test_other": "failed",
        "test_xpass": "xpassed",
        "test_strict": "xpassed",
        "test_not_run": "xfailed",
        "test_long": "failed",
        "test_hostile": "failed",
        "test_fails": "failed",
        "test_errors": "failed",
        "test_expected": "xfailed",
        "test_sub": "failed",
        "test_own": "failed",
    }
    kinds = {m["case"].split("::")[-1]: (m["failure"] or {}).get("kind") for m in run.of("end")}
    for check in ("failed", "fail", "group", "other", "fails", "sub", "own", "long", "errors"):
        assert kinds[f"test_{check}"] == "check", check
    for error in ("key", "set_up", "teardown"):
        assert kinds[f"test_{error}"] == "error", error
    assert run.one("end", "test_set_up")["failure"]["phase"] == "setup"
    assert run.one("end", "test_teardown")["failure"]["phase"] == "teardown"
    assert len(run.one("end", "test_long")["failure"]["text"]) == 2000
    assert run.one("end", "test_hostile")["failure"]["text"] == "\ud800 \0"
    assert run.one("end", "test_xfail")["skip_reason"] == "known"
    assert run.one("end", "test_skip")["skip_reason"] == "not today"
    assert [expected for when, _, expected in run.reports("test_xfail") if when == "call"] == [True]
    assert not run.of("call", "test_set_up")
    assert not run.of("call", "test_mark")


@pytest.mark.parametrize(
    "flip",
    [
        """
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            call.excinfo = None
            outcome = yield
            outcome.get_result().outcome = "passed"
        """,
        """
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(report):
            report.outcome = "passed"
        """,
        """
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_call(item):
            outcome = yield
            outcome.force_result(None)
        """,
    ],
    ids=["makereport", "logreport", "call"],
)
def test_a_conftest_cannot_hide_a_failure(launch, flip):
    run = launch(
        {
            "conftest.py": "import pytest\n" + __import__("textwrap").dedent(flip),
            "test_it.py": "def test_a(): assert 1 == 2",
        }
    )
    assert {outcome for _, outcome, _ in run.reports()} == {"passed"}
    assert run.one("end")["executed"] == "failed"
    assert run.one("end")["failure"]["kind"] == "check"


def test_a_set_up_that_fails_in_a_hook_before_ours_is_told(launch):
    run = launch(
        {
            "conftest.py": """
                import pytest
                @pytest.hookimpl(hookwrapper=True, tryfirst=True)
                def pytest_runtest_setup(item):
                    raise OSError("early")
                    yield
                """,
            "test_it.py": "def test_a(): pass",
        }
    )
    assert run.one("end")["executed"] == "error"
    assert [m["m"] for m in run.messages if m.get("case")][:1] == ["setup"]


def test_fixtures_and_their_spans(launch):
    run = launch(
        {
            "conftest.py": """
                import pytest
                @pytest.fixture(scope="session")
                def shared(): return 1
                @pytest.fixture
                def over(): return 1
                @pytest.fixture(autouse=True)
                def always(): pass
                @pytest.fixture(scope="session")
                def lazy(shared): return shared
                """,
            "test_it.py": """
                import pytest
                @pytest.fixture
                def over(over): return over + 1
                @pytest.mark.parametrize("n", [1])
                def test_a(over, n): assert over == 2
                def test_lazy(request): assert request.getfixturevalue("lazy")
                def test_lazy_again(request): assert request.getfixturevalue("lazy")
                """,
        }
    )
    assert run.status == 0
    a = run.one("call", "test_a[1]")
    assert set(a["fixtures"]) == {"::always", "::over", "test_it.py::over"}
    assert {span[0] for span in a["spans"]} == {"::always", "::over", "test_it.py::over"}
    inside = [(m["key"], m["on"]) for m in run.of("fixture")]
    assert inside == [("::shared", True), ("::shared", False), ("::lazy", True), ("::lazy", False)]
    lazy = run.one("teardown", "test_lazy")
    assert {span[0] for span in lazy["spans"]} == {"::shared", "::lazy"}
    # Fetched in the call phase: told afterwards, also where an earlier case had it set up.
    assert "::lazy" in lazy["fixtures"]
    assert "::lazy" in run.one("teardown", "test_lazy_again")["fixtures"]


def test_a_hostile_id_survives(launch):
    run = launch(
        """
        import pytest
        @pytest.mark.parametrize("x", [1, 2, 3], ids=["a b::c[d]/é", "\\x00\\t", "ÿ\\ud800"])
        def test_a(x): assert x
        """
    )
    assert run.status == 0
    ids = run.one("collected")["ids"]
    assert len(set(ids)) == 3
    assert [m["case"] for m in run.of("setup")] == ids == [m["case"] for m in run.of("end")]


def test_a_case_that_kills_its_process_leaves_no_end(launch):
    run = launch(
        """
        import os
        def test_a(): assert 1
        def test_b(): os._exit(0)
        def test_c(): assert 1
        """
    )
    assert run.status == 0
    assert [m["case"][-6:] for m in run.of("end")] == ["test_a"]
    assert [m["case"][-6:] for m in run.of("call")] == ["test_a", "test_b"]
    assert not run.of("bye")


KEPT = """
    import os, socket, subprocess, sys

    def test_a(): assert 1
    def test_b(): {body}
    def test_c(): assert 1
"""
CONNECTS = "socket.create_connection(os.environ['BACKEND'][7:].split(':')).close()"
STARTS = "subprocess.run([sys.executable, '-c', ''], check=True)"


def answered(run):
    """The kinds of messages of each case that waited for an answer."""
    kinds = ("setup", "call", "teardown")
    return {
        name: [m["m"] for kind in kinds for m in run.of(kind, name) if "n" in m]
        for name in ("test_a", "test_b", "test_c")
    }


def test_only_the_call_waits_for_an_answer(launch):
    assert answered(launch(KEPT.format(body="assert 1"))) == dict.fromkeys(("test_a", "test_b", "test_c"), ["call"])


def test_under_a_fault_every_phase_waits(launch, server):
    server.welcome["run"] = "error"
    every = ["setup", "call", "teardown"]
    assert answered(launch(KEPT.format(body="assert 1"))) == dict.fromkeys(("test_a", "test_b", "test_c"), every)


def test_who_connected_waits_at_its_teardown(launch):
    found = answered(launch(KEPT.format(body=CONNECTS)))
    assert found == {"test_a": ["call"], "test_b": ["call", "teardown"], "test_c": ["call"]}


def test_who_started_a_process_waits_from_then_on(launch):
    found = answered(launch(KEPT.format(body=STARTS)))
    assert found == {"test_a": ["call"], "test_b": ["call", "teardown"], "test_c": ["setup", "call", "teardown"]}


def test_who_converses_waits_from_then_on(launch, server):
    server.answer = lambda m: {"conversing": True} if m.get("case", "").endswith(("_b", "_c")) else {}
    found = answered(launch(KEPT.format(body="assert 1")))
    assert found == {"test_a": ["call"], "test_b": ["call", "teardown"], "test_c": ["setup", "call", "teardown"]}
