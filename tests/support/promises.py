"""Promises about time, one of each verdict, with hostile names, for the tests of what is reported."""

from greenproof.model.performance import LeftOut, Measure, Met, Performance, PerformanceTarget, Statistic, Timed
from greenproof.model.routes import Route

ROUTES = (Route.parse("api: WS /ws"),)
MET = Performance(
    PerformanceTarget("API response", (Route.parse("GET /orders"),), 100.0), Met.MET, 30, 8.25, 4.0, 8.25, 20.5,
    {LeftOut.NOT_PASSED: 2, LeftOut.EARLY: 1}, (Timed(20.5, "x7", "t::a"),), ("api", "auth"),
)  # fmt: skip
MISSED = Performance(
    PerformanceTarget("start|\x1b[31m", ROUTES, 50.0, Measure.EVENT, Statistic.MAX, "agent_started", gates=True),
    Met.MISSED, 3, 61.0, 40.0, 61.0, 61.0, {}, (Timed(61.0, "x9", "t::b|\x1b[31m"), Timed(40.0, "x8")), ("api",),
)  # fmt: skip
NOTHING = Performance(
    PerformanceTarget("pause", ROUTES, 5.0, Measure.PAUSE, minimum=4), Met.NOT_MEASURED, 1,
    left_out={LeftOut.NOT_KEPT: 6}, components=("api",),
)  # fmt: skip
ALL = (MET, MISSED, NOTHING)
