"""The floor of a suite, and which cases are run again after it was ended."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.floor import Plans, judge_floor, remaining
from greenproof.analysis.floor.resuming import joined
from greenproof.model.facts import CaseRecord, Exchange, Join, Outcome, Phase, RunObservation, TestProcess
from greenproof.model.floor import Backend, BackendRun, Finding
from greenproof.model.plan import Category, Priority

PLANS = Plans(
    at="2026-01-01T00:00:00+00:00",
    command=("pytest",),
    targets=("api",),
    categories=(Category("orders", ("test_orders.py::*",)), Category("empty", ("nothing",))),
    priorities=(Priority("P1", ("*login*",)),),
)
SECOND = 1_000_000_000


def observed(*cases: CaseRecord, collected: tuple[str, ...] = (), ended: bool = True) -> RunObservation:
    process = TestProcess(1, "main", None, "/suite", (), exit_status=1 if ended else None)
    return RunObservation(
        fault=None,
        exit_code=1,
        timed_out=False,
        processes=(process,),
        collected=collected or tuple(c.id for c in cases),
        deselected=(),
        collection_errors=(),
        cases=cases,
        exchanges=(),
    )


def measured(*outcomes: dict[str, Outcome]) -> list[BackendRun]:
    runs = []
    for backend, of_backend in zip(Backend, outcomes, strict=False):
        runs.append(BackendRun(backend, observed(*(CaseRecord(i, o) for i, o in of_backend.items()))))
    return runs


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(list(Outcome))), max_size=3))
def test_shares_agree_with_the_cases(outcomes: list[dict[str, Outcome]]) -> None:
    floor = judge_floor(measured(*outcomes), PLANS)
    assert {case.id for case in floor.cases} == {i for of_backend in outcomes for i in of_backend}
    for backend in Backend:
        share = floor.total.shares[backend]
        assert share.passed == sum(case.outcomes[backend].value == "passed" for case in floor.cases)
        assert share.decided == sum(case.outcomes[backend].decided for case in floor.cases)
        assert sum(row.shares[backend].decided for row in floor.files) == share.decided
        assert sum(row.shares[backend].decided for row in floor.categories) == share.decided
    values = [share.value for share in floor.total.shares.values() if share.value is not None]
    assert floor.total.worst == (max(values) if values else None)
    assert floor.measured == bool(values)


def test_rows_by_file_category_and_priority() -> None:
    same = {"test_orders.py::a": Outcome.PASSED, "test_auth.py::login": Outcome.FAILED, "x.py::b": Outcome.SKIPPED}
    floor = judge_floor(measured(same, same, same), PLANS)
    assert [(r.name, r.cases, r.worst) for r in floor.files] == [
        ("test_orders.py", 1, 1.0),
        ("test_auth.py", 1, 0.0),
        ("x.py", 1, None),
    ]
    assert [(r.name, r.cases) for r in floor.categories] == [("orders", 1), ("empty", 0), ("other", 2)]
    assert [(r.name, r.worst) for r in floor.priorities] == [("P1", 0.0), ("other", 1.0)]


def test_what_was_never_collected_is_not_run_and_a_planned_id_has_no_parameters() -> None:
    same = {"t.py::a[1]": Outcome.PASSED}
    floor = judge_floor(measured(same, same, same), replace(PLANS, planned=("t.py::a", "t.py::hidden")))
    assert [(c.id, c.finding, c.reason) for c in floor.cases] == [
        ("t.py::a[1]", Finding.BLIND, None),
        ("t.py::hidden", Finding.NOT_RUN, "never collected"),
    ]


def test_a_case_that_talks_to_nobody_we_know_is_unreached() -> None:
    seen, elsewhere, alone = (
        CaseRecord("seen", Outcome.FAILED, connections=1),
        CaseRecord("elsewhere", Outcome.FAILED, connections=1, foreign_connections=1),
        CaseRecord("alone", Outcome.PASSED),
    )
    exchange = Exchange(
        "x1", "api", "http/1.1", "GET", "/", 503, "seen", Phase.CALL, None, Join.PORT, start_ns=1, head_ns=2, end_ns=3
    )
    observation = replace(observed(seen, elsewhere, alone), exchanges=(exchange,))
    runs = [BackendRun(Backend.UNAVAILABLE, observation)]
    found = {case.id: case.unreached for case in judge_floor(runs, PLANS).cases}
    assert found["seen"] is None
    assert "elsewhere" in (found["elsewhere"] or "")
    assert "no connection" in (found["alone"] or "")


def test_a_case_that_ran_too_long_is_cut_off_though_it_swallowed_that() -> None:
    long = CaseRecord("long", Outcome.PASSED, setup_start_ns=0, call_end_ns=31 * SECOND)
    short = replace(long, id="short", call_end_ns=29 * SECOND)
    floor = judge_floor([BackendRun(Backend.STATIC, observed(long, short))], PLANS)
    assert [(c.cut_off, c.finding) for c in floor.cases] == [
        ((Backend.STATIC,), Finding.RED),
        ((), Finding.PARTLY_BLIND),
    ]
    assert any("Cut off" in note for note in floor.notes)


def test_backends_that_were_not_measured_are_named() -> None:
    floor = judge_floor(measured({"a": Outcome.PASSED}), PLANS)
    assert any("unavailable, static" in note for note in floor.notes)
    assert floor.total.worst == 1.0


def test_after_a_stop_the_hung_case_is_done_and_its_neighbour_runs_again() -> None:
    passed = CaseRecord("a", Outcome.PASSED)
    hung = CaseRecord("b", Outcome.UNFINISHED, setup_start_ns=0)
    neighbour = CaseRecord("c", Outcome.UNFINISHED, setup_start_ns=25 * SECOND)
    run = observed(passed, hung, neighbour, collected=("a", "b", "c", "d"), ended=False)
    cut = remaining(run, stopped_at_ns=40 * SECOND, limit_s=30, timed_out=False)
    assert (cut.done, cut.hung, cut.left, cut.again) == ((passed, hung), {"b"}, ("c", "d"), True)


def test_a_process_that_dies_is_started_again_and_one_that_ends_itself_is_not() -> None:
    killer = CaseRecord("a", Outcome.UNFINISHED, setup_start_ns=0)
    died = observed(killer, collected=("a", "b"), ended=False)
    cut = remaining(died, stopped_at_ns=None, limit_s=30, timed_out=False)
    assert (cut.done, cut.hung, cut.left, cut.again) == ((killer,), frozenset(), ("b",), True)
    ended = observed(CaseRecord("a", Outcome.FAILED), collected=("a", "b"))
    assert not remaining(ended, stopped_at_ns=None, limit_s=30, timed_out=False).again


def test_without_progress_nothing_is_started_again() -> None:
    cut = remaining(observed(collected=("a",), ended=False), stopped_at_ns=SECOND, limit_s=30, timed_out=False)
    assert not cut.again


def test_when_the_time_is_over_what_ran_is_not_decided() -> None:
    run = observed(CaseRecord("a", Outcome.UNFINISHED, setup_start_ns=0), collected=("a", "b"), ended=False)
    cut = remaining(run, stopped_at_ns=None, limit_s=30, timed_out=True)
    assert (cut.done, cut.left, cut.again) == ((), ("a", "b"), False)


ENDS = st.lists(st.sampled_from([Outcome.PASSED, Outcome.FAILED, Outcome.UNFINISHED]), min_size=1, max_size=8)


@given(ENDS, st.booleans(), st.booleans(), st.integers(0, 60))
def test_every_case_is_done_or_left_and_never_both(ends: list[Outcome], stop: bool, ended: bool, at_s: int) -> None:
    cases = [CaseRecord(str(i), outcome, setup_start_ns=0) for i, outcome in enumerate(ends)]
    run = observed(*cases, collected=tuple(map(str, range(10))), ended=ended)
    cut = remaining(run, stopped_at_ns=at_s * SECOND if stop else None, limit_s=30, timed_out=False)
    done = {case.id for case in cut.done}
    assert sorted([*done, *cut.left]) == sorted(run.collected)
    assert cut.hung <= done
    whole = joined([run, run], [cut, cut])
    assert {case.id for case in whole.cases} == done
    assert whole.collected == run.collected
