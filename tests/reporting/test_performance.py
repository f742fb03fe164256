"""Promises about time as they are told."""

from greenproof.model.performance import Measure, Met, Performance, PerformanceTarget, Statistic
from greenproof.model.routes import Route
from greenproof.reporting.performance import performance_document, performance_lines, performance_rows

ROUTES = (Route.parse("api: WS /ws"),)
MET = Performance(PerformanceTarget("API response", ROUTES, 100.0), Met.MET, 30, 8.25, 4.0, 8.25, 20.5, 2, "x7")
MISSED = Performance(
    PerformanceTarget("start|\x1b[31m", ROUTES, 50.0, Measure.EVENT, Statistic.MAX, "agent_started"),
    Met.MISSED, 3, 61.0, 40.0, 61.0, 61.0, 0, "x9",
)  # fmt: skip
NOTHING = Performance(
    PerformanceTarget("pause", ROUTES, 5.0, Measure.REPLY, minimum=4), Met.NOT_MEASURED, 1, None, None, None, None, 6
)


def test_what_is_well_is_one_line_and_the_rest_one_each() -> None:
    assert list(performance_lines((MET, MISSED, NOTHING))) == [
        "performance: 1 of 3 targets met, measured at the relay",
        "  missed: start|?[31m: max 61.0 ms of 3 samples, limit 50 ms",
        "  not-measured: pause: 1 samples, at least 4 are needed (6 exchanges left out)",
    ]
    assert list(performance_lines(())) == []


def test_the_rows_of_the_worklog() -> None:
    assert list(performance_rows((MET, MISSED, NOTHING))) == [
        ("API response", "request to head of answer", "p95 100 ms", "8.2 ms", "4.0 ms", "8.2 ms", "20.5 ms",
         "30 (2 left out)", "met"),
        ("start|\x1b[31m", "client message to agent_started", "max 50 ms", "61.0 ms", "40.0 ms", "61.0 ms", "61.0 ms",
         "3", "missed"),
        ("pause", "client's message to the server's next", "p95 5 ms", "-", "-", "-", "-", "1 (6 left out)",
         "not-measured"),
    ]  # fmt: skip


def test_the_document_has_milliseconds_or_nothing() -> None:
    document = performance_document(NOTHING)
    assert (document["met"], document["value_ms"], document["n"], document["routes"]) == (
        "not-measured", None, 1, ["api: WS /ws"],
    )  # fmt: skip
