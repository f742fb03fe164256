"""Promises about time against exchanges whose times are known."""

from dataclasses import replace

import pytest
from healthy import EXCHANGE, RECORD, run
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.performance import measured, missed, percentile
from greenproof.model.facts import Join, MessageSeen, Outcome
from greenproof.model.performance import Measure, Met, PerformanceTarget, Statistic
from greenproof.model.routes import Route

MS = 1_000_000
ORDERS = PerformanceTarget("orders", (Route.parse("POST /orders"),), 100.0)
EVENTS = (
    MessageSeen(0, False, "welcome"),
    MessageSeen(10 * MS, True, "message"),
    MessageSeen(14 * MS, False, "agent_started"),
    MessageSeen(20 * MS, False, "agent_completed"),
    MessageSeen(30 * MS, True, "message"),
    MessageSeen(37 * MS, False, "agent_started"),
)
SOCKET = replace(EXCHANGE, method="WS", path="/ws", messages=EVENTS)


def timed(*milliseconds: float, **changes: object) -> tuple[object, ...]:
    return tuple(
        replace(EXCHANGE, id=f"x{n}", start_ns=0, head_ns=round(ms * MS), end_ns=round(ms * MS) + MS, **changes)
        for n, ms in enumerate(milliseconds)
    )


def test_the_95th_percentile_of_the_responses() -> None:
    exchanges = timed(*range(1, 21))
    (found,) = measured((replace(ORDERS, limit_ms=19.0),), run(RECORD, exchanges=exchanges))
    assert (found.met, found.n, found.value_ms, found.median_ms, found.max_ms) == (Met.MET, 20, 19.0, 10.0, 20.0)
    assert found.slowest == "x19"
    (worst,) = measured((replace(ORDERS, limit_ms=19.0, statistic=Statistic.MAX),), run(RECORD, exchanges=exchanges))
    assert (worst.met, worst.value_ms) == (Met.MISSED, 20.0)


def test_to_the_end_of_the_answer() -> None:
    (found,) = measured((replace(ORDERS, measure=Measure.COMPLETE),), run(RECORD, exchanges=timed(4)))
    assert found.value_ms == 5.0


@pytest.mark.parametrize(
    ("changes", "samples"),
    [
        ({"measure": Measure.REPLY}, [4.0, 7.0]),
        ({"measure": Measure.EVENT, "event": "agent_started"}, [4.0, 7.0]),
        ({"measure": Measure.EVENT, "event": "agent_completed"}, [10.0]),
        ({"measure": Measure.EVENT, "event": "agent_completed", "after": "agent_started"}, [6.0]),
        ({"measure": Measure.EVENT, "event": "never"}, []),
        ({"measure": Measure.RESPONSE}, []),
    ],
)
def test_messages_of_a_conversation(changes: dict[str, object], samples: list[float]) -> None:
    target = replace(ORDERS, routes=(Route.parse("WS /ws"),), **changes)
    (found,) = measured((target,), run(RECORD, exchanges=(SOCKET,)))
    assert (found.n, found.max_ms) == (len(samples), max(samples, default=None))


@pytest.mark.parametrize(
    "exchange",
    [
        replace(EXCHANGE, join=Join.AMBIGUOUS),
        replace(EXCHANGE, synthetic=True),
        replace(EXCHANGE, head_ns=None),
        replace(EXCHANGE, case=None),
        replace(EXCHANGE, error="server closed connection"),
    ],
)
def test_what_is_not_sure_is_left_out_and_told(exchange: object) -> None:
    (found,) = measured((ORDERS,), run(RECORD, exchanges=(exchange,)))
    assert (found.met, found.n, found.left_out, found.value_ms) == (Met.NOT_MEASURED, 0, 1, None)


def test_cases_that_did_not_pass_are_left_out() -> None:
    (found,) = measured((ORDERS,), run(replace(RECORD, outcome=Outcome.FAILED)))
    assert (found.met, found.left_out) == (Met.NOT_MEASURED, 1)


def test_nothing_is_met_with_fewer_samples_than_asked_for() -> None:
    (found,) = measured((replace(ORDERS, minimum=3),), run(RECORD, exchanges=timed(1, 2)))
    assert (found.met, found.n) == (Met.NOT_MEASURED, 2)


def test_only_a_promise_that_gates_is_a_finding() -> None:
    targets = (replace(ORDERS, limit_ms=1.0), replace(ORDERS, name="gating", limit_ms=1.0, gates=True))
    found = measured(targets, run(RECORD, exchanges=timed(5)))
    assert [r.code for r in missed(found)] == ["performance-missed"]
    assert "gating" in missed(found)[0].text


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(0.001, 1))
def test_a_percentile_is_the_smallest_value_that_covers_its_share(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(v <= found for v in ordered) >= share * len(ordered) - 1e-9
    smaller = [v for v in ordered if v < found]
    assert len(smaller) < share * len(ordered) + 1e-9


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_an_error(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, share)
