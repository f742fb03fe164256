"""Collection, selection, stop, xdist, nested runs."""

from __future__ import annotations

import pytest

MANY = """
    import pytest
    def test_a(): assert 1
    def test_b(): assert 1
    def test_c(): assert 1
    def test_d(): assert 1
"""
A, B, C, D = (f"test_it.py::test_{name}" for name in "abcd")
XDIST = ("-p", "xdist.plugin", "-p", "xdist.looponfail", "-n", "2")


def executed(run):
    return sorted(m["case"] for m in run.of("call"))


def test_what_was_dropped_is_told(launch):
    run = launch(
        {
            "conftest.py": """
                def pytest_collection_modifyitems(items):
                    items[:] = [i for i in items if i.name != "test_a"]
                """,
            "test_it.py": MANY,
            "test_broken.py": "import nowhere",
            "test_away.py": "import pytest; pytest.importorskip('nowhere')",
        },
        "-k", "not test_b",
        "--continue-on-collection-errors",
    )  # fmt: skip
    told = run.one("collected")
    assert told["ids"] == [C, D]
    assert sorted(told["deselected"]) == [A, B]
    ((name, text),) = told["errors"]
    assert name == "test_broken.py"
    assert "No module named 'nowhere'" in text
    assert [name for name, _ in told["skipped"]] == ["test_away.py"]


@pytest.mark.parametrize("arguments", [(), XDIST], ids=["plain", "xdist"])
def test_select(launch, server, arguments):
    server.welcome["select"] = [B, D]
    run = launch(
        {"test_it.py": MANY, "test_broken.py": "import nowhere"},
        *arguments,
        "--continue-on-collection-errors",
    )
    assert executed(run) == [B, D]
    for told in run.of("collected"):
        assert (told["ids"], told["deselected"], told["errors"]) == ([B, D], [A, C], [])
    assert len(run.of("collected")) == (2 if arguments else 1)


def test_xdist(launch, server):
    def answer(message):
        if message["m"] == "hello":
            return {"addresses": {"BACKEND": str(message["worker"])}}
        return {}

    server.answer = answer
    run = launch(
        """
        import os, pytest
        BACKEND = os.environ["BACKEND"]
        @pytest.mark.parametrize("n", range(8))
        def test_a(n):
            assert os.environ["PYTEST_XDIST_WORKER"] == BACKEND
            assert n != 5
        """,
        *XDIST,
    )
    assert run.status == 1
    assert sorted((m["role"], m["worker"]) for m in run.of("hello") if m["worker"]) == [
        ("worker", "gw0"), ("worker", "gw1"),
    ]  # fmt: skip
    assert [m["from"] for m in run.messages if m["m"] == "hello"][0] == "main"
    assert {m["from"] for m in run.of("setup")} <= {"gw0", "gw1"}
    assert len(run.of("end")) == 8
    assert {m["checks"] for m in run.of("teardown")} == {2}
    assert {m["from"] for m in run.of("reported")} == {"main"}
    assert len(run.of("reported")) == 8
    assert len(run.reports()) == 24
    assert run.one("end", "test_a[5]")["executed"] == "failed"
    assert sorted((m["from"], m["exit_status"]) for m in run.of("bye"))[-1] == ("main", 1)
    assert len(run.of("bye")) == 3
    # Everything that a worker says comes before its bye.
    for worker in ("gw0", "gw1"):
        assert [m["m"] for m in run.messages if m["from"] == worker][-1] == "bye"


@pytest.mark.parametrize(("run", "kind"), [("plain", "call"), ("error", "setup"), ("error", "teardown")])
def test_stop(launch, server, run, kind):
    server.welcome["run"] = run
    server.answer = lambda m: {"stop": "target-lost: backend"} if m["m"] == kind and m["case"] == B else {}
    run = launch(MANY)
    assert executed(run) == ([A] if kind == "setup" else [A, B])
    assert "target-lost: backend" in run.out
    assert run.status == 2
    assert run.one("end", "test_b")["executed"] == ("passed" if kind == "teardown" else "skipped")
    assert not run.of("setup", "test_c")


def test_stop_under_xdist(launch, server):
    stopped = []

    def answer(message):
        if stopped or message["m"] == "call":
            stopped.append(message)
            return {"stop": "target-lost: backend"}
        return {}

    server.answer = answer
    run = launch(
        """
        import pytest
        @pytest.mark.parametrize("n", range(200))
        def test_a(n): pass
        """,
        *XDIST,
    )
    assert run.status == 2
    assert "INTERNALERROR" not in run.out
    assert "target-lost: backend" in run.out
    assert len(run.of("call")) < 10


def test_a_nested_run_keeps_quiet(launch):
    run = launch(
        {
            "inner/test_inner.py": "def test_inner(): assert 1",
            "test_it.py": """
                import os, subprocess, sys, pytest
                def test_process():
                    subprocess.run([sys.executable, "-m", "pytest", "inner"], check=True)
                def test_inline():
                    assert pytest.main(["inner", "-q"]) == 0
                """,
        },
        "test_it.py",
    )
    assert run.status == 0, run.out
    assert [m["nested"] for m in run.of("hello")] == [False, True]
    assert [m["case"].split("::")[-1] for m in run.of("end")] == ["test_process", "test_inline"]
    assert [m["from"] for m in run.of("bye")] == ["nested", "main"]


def test_a_nested_run_in_a_worker_keeps_quiet(launch):
    run = launch(
        {
            "inner/test_inner.py": "def test_inner(): assert 1",
            "test_it.py": """
                import subprocess, sys
                def test_process():
                    subprocess.run([sys.executable, "-m", "pytest", "inner"], check=True)
                """,
        },
        *XDIST,
        "test_it.py",
    )
    assert run.status == 0, run.out
    assert sorted(m["from"] for m in run.of("hello")) == ["gw0", "gw1", "main", "nested"]


def test_an_existing_pytest_addopts_stays(launch):
    run = launch(MANY, PYTEST_ADDOPTS="-p pytest_greenproof.plugin -k 'test_a or test_b'")
    assert executed(run) == [A, B]


@pytest.mark.parametrize("arguments", [(), XDIST], ids=["plain", "xdist"])
@pytest.mark.parametrize(("kind", "ran"), [("plain", 1), ("error", 4), ("value", 4)])
def test_a_fault_run_does_not_end_at_the_first_red(launch, server, arguments, kind, ran):
    server.welcome["run"] = kind
    run = launch({"test_it.py": MANY.replace("assert 1", "assert 0")}, "-x", *arguments)
    if kind == "plain" and arguments:
        assert len(executed(run)) <= 4
    else:
        assert len(executed(run)) == ran
