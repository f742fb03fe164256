"""Promises about time against exchanges whose times are known."""

from dataclasses import replace

import pytest
from healthy import EXCHANGE, RECORD, run

from greenproof.analysis.performance import measured, missed
from greenproof.model.facts import FaultKind, Join, Outcome
from greenproof.model.performance import LeftOut, Measure, Met, PerformanceTarget, Statistic
from greenproof.model.routes import Route

MS = 1_000_000
ORDERS = PerformanceTarget("orders", (Route.parse("POST /orders"),), 100.0)


def timed(*milliseconds: float, **changes: object) -> tuple[object, ...]:
    """Requests that took 50 ms to send, and then so long to be answered."""
    return tuple(
        replace(
            EXCHANGE,
            id=f"x{n}",
            start_ns=0,
            asked_ns=50 * MS,
            head_ns=50 * MS + round(ms * MS),
            end_ns=51 * MS + round(ms * MS),
            **changes,
        )
        for n, ms in enumerate(milliseconds)
    )


def test_the_95th_percentile_of_the_responses() -> None:
    exchanges = timed(*range(1, 21))
    (found,) = measured((replace(ORDERS, limit_ms=19.0),), run(RECORD, exchanges=exchanges))
    assert (found.met, found.n, found.value_ms, found.median_ms, found.max_ms) == (Met.MET, 20, 19.0, 10.0, 20.0)
    assert [(t.ms, t.exchange) for t in found.slowest] == [(20 - n, f"x{19 - n}") for n in range(5)]
    assert {t.case for t in found.slowest} == {RECORD.id}
    assert found.components == ("api",)
    (worst,) = measured((replace(ORDERS, limit_ms=19.0, statistic=Statistic.MAX),), run(RECORD, exchanges=exchanges))
    assert (worst.met, worst.value_ms) == (Met.MISSED, 20.0)


def test_to_the_end_of_the_answer() -> None:
    (found,) = measured((replace(ORDERS, measure=Measure.COMPLETE),), run(RECORD, exchanges=timed(4)))
    assert found.value_ms == 5.0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"join": Join.AMBIGUOUS}, LeftOut.AMBIGUOUS),
        ({"join": Join.NONE, "case": None}, LeftOut.AMBIGUOUS),
        ({"synthetic": True}, LeftOut.UNANSWERED),
        ({"head_ns": None}, LeftOut.UNANSWERED),
        ({"case": None}, LeftOut.NOT_PASSED),
        ({"case": "another"}, LeftOut.NOT_PASSED),
        ({"asked_ns": None}, LeftOut.EARLY),
        ({"asked_ns": 60 * MS}, LeftOut.EARLY),
    ],
)
def test_what_is_not_sure_is_left_out_and_told(changes: dict[str, object], why: LeftOut) -> None:
    exchange = replace(timed(5)[0], **changes)  # type: ignore[type-var]
    (found,) = measured((ORDERS,), run(RECORD, exchanges=(exchange,)))
    assert (found.met, found.n, found.left_out, found.value_ms) == (Met.NOT_MEASURED, 0, {why: 1}, None)


def test_an_answer_that_broke_off_had_a_head_but_no_end() -> None:
    broken = run(RECORD, exchanges=timed(5, error="server closed connection"))
    head, end = measured((ORDERS, replace(ORDERS, measure=Measure.COMPLETE)), broken)
    assert (head.n, head.left_out) == (1, {})
    assert (end.n, end.left_out) == (0, {LeftOut.UNANSWERED: 1})


@pytest.mark.parametrize(
    "records",
    [
        (replace(RECORD, outcome=Outcome.FAILED),),
        (replace(RECORD, retried=True),),
        (replace(RECORD, outcome=Outcome.FAILED), RECORD),
    ],
    ids=["failed", "passed at a later try", "one of two tries failed"],
)
def test_only_cases_that_passed_at_once_count(records: tuple[object, ...]) -> None:
    (found,) = measured((ORDERS,), run(*records, exchanges=timed(5)))
    assert (found.met, found.left_out) == (Met.NOT_MEASURED, {LeftOut.NOT_PASSED: 1})


def test_exchanges_of_another_kind_are_neither_samples_nor_left_out() -> None:
    everything = (Route.parse("* /**"),)
    conversation = replace(EXCHANGE, method="WS", path="/ws", protocol="websocket", accepted_ns=EXCHANGE.start_ns + MS)
    opaque = replace(EXCHANGE, method="TCP", path="", protocol="tcp")
    targets = (replace(ORDERS, routes=everything), replace(ORDERS, routes=everything, measure=Measure.HANDSHAKE))
    of_http, of_sockets = measured(targets, run(RECORD, exchanges=(*timed(5), conversation, opaque)))
    assert (of_http.n, of_http.max_ms, of_http.left_out) == (1, 5.0, {})
    assert (of_sockets.n, of_sockets.max_ms, of_sockets.left_out) == (1, 1.0, {})


def test_nothing_is_met_with_fewer_samples_than_asked_for() -> None:
    (found,) = measured((replace(ORDERS, minimum=3),), run(RECORD, exchanges=timed(1, 2)))
    assert (found.met, found.n, found.value_ms, found.slowest) == (Met.NOT_MEASURED, 2, None, ())


@pytest.mark.parametrize("limit", [5.0, 4.999])
def test_a_time_of_just_the_limit_is_met(limit: float) -> None:
    (found,) = measured((replace(ORDERS, limit_ms=limit),), run(RECORD, exchanges=timed(5)))
    assert (found.met is Met.MET) is (limit == 5.0)


def test_only_a_promise_that_gates_is_a_finding() -> None:
    missing = replace(ORDERS, name="nobody asks", routes=(Route.parse("GET /never"),))
    targets = (
        replace(ORDERS, limit_ms=1.0),
        replace(ORDERS, name="gating", limit_ms=1.0, gates=True),
        missing,
        replace(missing, name="unknown", gates=True),
    )
    found = missed(measured(targets, run(RECORD, exchanges=timed(5, 6))))
    assert [(r.code, r.evidence) for r in found] == [
        ("performance-missed", ("x1", "x0")),
        ("performance-not-measured", ()),
    ]
    assert ["gating" in found[0].text, "unknown" in found[1].text] == [True, True]


def test_a_fault_run_is_no_measure_of_time() -> None:
    with pytest.raises(ValueError, match="plain run"):
        measured((ORDERS,), run(RECORD, exchanges=timed(5), fault=FaultKind.ERROR))
