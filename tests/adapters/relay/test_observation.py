"""From messages to case records; strangers, garbage and death at the control port."""

import json
import socket
import time

import pytest

from greenproof.model.facts import Failure, FixtureSpan, Outcome, Phase


def one(run, reports, *, end=True, call=True):
    """The outcome of a case with these reports."""
    told = run.begin().hello()
    told.setup("t::a")
    if call:
        told.call("t::a")
    told.teardown("t::a")
    if end:
        told.end("t::a")
    for report in reports:
        told.report("t::a", *report)
    told.bye()
    run.told.clear()
    (case,) = run.finish().cases
    return case


OK = ("setup", "passed")
DOWN = ("teardown", "passed")


@pytest.mark.parametrize(
    ("reports", "outcome"),
    [
        ([OK, ("call", "passed"), DOWN], Outcome.PASSED),
        ([OK, ("call", "failed"), DOWN], Outcome.FAILED),
        ([("setup", "failed"), DOWN], Outcome.ERROR),
        ([OK, ("call", "passed"), ("teardown", "failed")], Outcome.ERROR),
        ([OK, ("call", "failed"), ("teardown", "failed")], Outcome.FAILED),
        ([("setup", "skipped"), DOWN], Outcome.SKIPPED),
        ([OK, ("call", "skipped"), DOWN], Outcome.SKIPPED),
        ([OK, ("call", "skipped", True), DOWN], Outcome.XFAILED),
        ([("setup", "skipped", True), DOWN], Outcome.XFAILED),
        ([OK, ("call", "passed", True), DOWN], Outcome.XPASSED),
        ([OK, ("call", "passed"), ("call", "failed"), DOWN], Outcome.FAILED),
        ([OK, ("???", "failed")], Outcome.FAILED),
        ([OK, DOWN], Outcome.UNFINISHED),
        ([], Outcome.UNFINISHED),
    ],
)
def test_outcomes(run, reports, outcome):
    assert one(run, reports).outcome is outcome
    finished = bool(reports) and reports[-1][0] in ("teardown", "???")
    assert [case.outcome for case in run.finished] == ([outcome] if finished else [])


def test_everything_that_is_told_of_a_case(run):
    told = run.begin().hello("gw3")
    told.setup("t::a")
    told.call("t::a", fixtures=["tests::db"], spans=[["tests::db", "t::a", 5, 9]])
    told.teardown(
        "t::a", checks=3, last_check_ns=77, connections=2, foreign=1, children=1, mocks=4, evasions=["uvloop"]
    )
    failure = {"phase": "call", "kind": "check", "type": "AssertionError", "text": "x" * 5000}
    told.end("t::a", "failed", failure=failure, skip_reason=None)
    told.report("t::a", "setup")
    told.report("t::a", "call", "failed")
    told.report("t::a", "teardown")
    (case,) = run.finish().cases
    assert (case.outcome, case.executed, case.worker) == (Outcome.FAILED, Outcome.FAILED, "gw3")
    assert (case.checks, case.last_check_ns, case.connections, case.foreign_connections) == (3, 77, 2, 1)
    assert (case.children, case.mocks, case.evasions, case.fixtures) == (1, 4, ("uvloop",), ("tests::db",))
    assert case.failure == Failure(Phase.CALL, "check", "AssertionError", "x" * 2000)
    assert case.setup_start_ns < case.call_start_ns < case.call_end_ns < case.end_ns
    assert run.observation.fixtures == (FixtureSpan("tests::db", "gw3", "t::a", 5, 9),)


def test_a_process_that_dies_leaves_its_case_unfinished(run):
    told = run.begin().hello()
    with told.case("t::a"):
        pass
    told.setup("t::b")
    told.call("t::b")
    told.hang_up()
    run.told.clear()
    cases = run.finish().cases
    assert [(c.id, c.outcome) for c in cases] == [("t::a", Outcome.PASSED), ("t::b", Outcome.UNFINISHED)]
    assert run.observation.processes[0].exit_status is None


def test_a_worker_that_dies_is_reported_by_the_controller_and_replaced(run):
    main = run.begin().hello()
    first = run.hello("gw0")
    first.setup("t::a")
    first.call("t::a")
    first.hang_up()
    main.report("t::a", "???", "failed")
    second = run.hello("gw1")
    assert second.api != first.api
    with second.case("t::b"):
        pass
    main.bye(1)
    run.told = [second]
    cases = run.finish().cases
    assert [(c.id, c.outcome, c.worker) for c in cases] == [
        ("t::a", Outcome.FAILED, "gw0"),
        ("t::b", Outcome.PASSED, "gw1"),
    ]


def test_a_retried_case_is_one_case(run):
    told = run.begin().hello()
    for outcome in ("rerun", "passed"):
        told.setup("t::a")
        told.report("t::a", "setup")
        told.call("t::a")
        told.teardown("t::a")
        told.end("t::a", "failed" if outcome == "rerun" else "passed")
        told.report("t::a", "call", outcome)
        if outcome == "passed":
            told.report("t::a", "teardown")
    (case,) = run.finish().cases
    assert (case.outcome, case.retried, case.executed) == (Outcome.PASSED, True, Outcome.PASSED)
    assert len(run.finished) == 1


def test_collection_and_processes(run):
    told = run.begin().hello()
    workers = [run.hello(f"gw{n}") for n in range(2)]
    for worker in workers:
        worker.tell("collected", ids=["t::a", "t::b"], deselected=["t::c"], errors=[["broken.py", "SyntaxError"]])
        worker.tell("collected", ids=["t::d"], deselected=[], errors=[])
        worker.bye()
    told.bye(2)
    run.told.clear()
    seen = run.finish()
    assert (seen.collected, seen.deselected) == (("t::a", "t::b", "t::d"), ("t::c",))
    assert seen.collection_errors == (("broken.py", "SyntaxError"),)
    assert [(p.role, p.worker, p.exit_status) for p in seen.processes] == [
        ("main", None, 2),
        ("worker", "gw0", 0),
        ("worker", "gw1", 0),
    ]
    assert (seen.exit_code, seen.timed_out, seen.duration_s) == (0, False, 1.0)


def test_a_case_is_told_as_it_finishes(run):
    told = run.begin().hello()
    with told.case("t::a"):
        pass
    told.setup("t::b")
    deadline = time.monotonic() + 5
    while not run.finished and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [c.id for c in run.finished] == ["t::a"]


def dial(witness) -> socket.socket:
    ip, port, _ = witness.control.split(":", 2)
    return socket.create_connection((ip, int(port)), 5)


@pytest.mark.parametrize(
    "line",
    [
        b'{"m": "hello", "n": 1, "token": "wrong"}\n',
        b'{"m": "hello", "n": 1, "token": null}\n',
        b'{"m": "setup", "n": 1, "case": "t::a"}\n',
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"x" * (2 << 20) + b"\n",
    ],
)
def test_a_stranger_is_dropped_and_changes_nothing(run, witness, line):
    run.begin()
    with dial(witness) as stranger:
        try:
            stranger.sendall(line)
            assert stranger.recv(100) == b""
        except (ConnectionResetError, BrokenPipeError):
            pass
    seen = run.finish()
    assert (seen.processes, seen.cases, seen.hook_errors) == ((), (), ())


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        b"[]\n",
        b'{"m": "call", "n": 2, "case": "never::started", "ns": 1}\n',
        b'{"m": "setup", "n": 2, "case": 5}\n',
        b'{"m": "collected", "ids": "all"}\n',
        b'{"m": "source", "n": 2, "ip": "127.0.0.1", "port": "x"}\n',
        b'{"m": "end", "case": "t::a"}\n',
        b"y" * (2 << 20) + b"\n",
    ],
)
def test_nonsense_from_a_plugin_makes_the_run_inconclusive(run, witness, line):
    told = run.begin().hello()
    try:
        told.socket.sendall(line)
        assert told.socket.recv(100) == b""
    except (ConnectionResetError, BrokenPipeError):
        pass
    told.hang_up()
    seen = witness.finish(exit_code=0, timed_out=False, duration_s=0)
    assert len(seen.hook_errors) == 1
    run.observation = seen


def test_an_unknown_message_is_answered(run):
    told = run.begin().hello()
    assert told.ask("from-a-later-version", x=1) == {"n": 2}


def test_half_a_line_is_no_message(run):
    told = run.begin().hello()
    told.socket.sendall(json.dumps({"m": "setup", "case": "t::a"}).encode())
    told.hang_up()
    run.told.clear()
    assert run.finish().cases == ()
