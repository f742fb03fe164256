"""One healthy case, and every single thing that can be missing from it."""

from dataclasses import replace

import healthy as facts
import pytest
from healthy import CASE, EXCHANGE, RECORD, RED, evidence, faulted, run

from greenproof.analysis.authenticity import judge_run, plan_faults
from greenproof.analysis.authenticity.claims import Claims
from greenproof.model.facts import (
    Depth,
    Failure,
    FaultKind,
    FixtureSpan,
    Join,
    LostTarget,
    Outcome,
    Phase,
    Receipt,
)
from greenproof.model.plan import DEFAULT_PLUMBING, Claim
from greenproof.model.routes import Route
from greenproof.model.verdicts import Verdict


def judged(**changes: object) -> tuple[str, list[str]]:
    """The verdict on the one case and its reason codes."""
    cases, _ = judge_run(evidence(**changes))
    return cases[0].verdict.value, [r.code for r in cases[0].reasons]


def test_all_four_conditions_hold() -> None:
    cases, findings = judge_run(evidence())
    assert (cases[0].verdict, cases[0].reasons, findings) == (Verdict.PROVEN, (), ())
    assert cases[0].sensitivity == 1.0
    assert cases[0].receipts == ("header:x1",)


def test_no_exchange_and_no_way_out_is_no_contact() -> None:
    plain = run(replace(RECORD, connections=0), exchanges=())
    assert judged(plain=plain, error=None, value=None) == ("hollow", ["no-contact"])


def test_no_exchange_but_mocks_were_called_is_mocked() -> None:
    plain = run(replace(RECORD, connections=0, mocks=3), exchanges=())
    assert judged(plain=plain, error=None, value=None) == ("hollow", ["mocked"])


@pytest.mark.parametrize("way", [{"children": 1}, {"evasions": ("pycurl",)}, {"foreign_connections": 2}])
def test_contact_that_the_relay_could_not_see_is_never_guessed(way: dict[str, object]) -> None:
    plain = run(replace(RECORD, **way), exchanges=())
    assert judged(plain=plain, error=None, value=None) == ("unproven", ["unseen-contact"])


def test_only_health_was_asked() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, method="GET", path="/health"),))
    assert judged(plain=plain, error=None, value=None) == ("hollow", ["wrong-route"])


def test_only_a_log_in_is_no_feature_unless_a_claim_says_so() -> None:
    login = replace(EXCHANGE, method="POST", path="/login")
    plain = run(RECORD, exchanges=(login,))
    assert judged(plain=plain, error=None, value=None) == ("unproven", ["plumbing-only"])
    other = Claims((Claim(("test_orders.py::*",), (Route.parse("GET /orders/{id}"),)),), DEFAULT_PLUMBING)
    assert judged(plain=plain, claims=other, error=None, value=None) == ("hollow", ["wrong-route"])


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(Depth.UNKNOWN, ("unproven", ["server-error-only"])), (Depth.CORE, ("proven", []))],
)
def test_a_server_error_shows_no_feature_unless_its_handler_made_it(
    depth: Depth, expected: tuple[str, list[str]]
) -> None:
    seen = replace(EXCHANGE, status=503, depth=depth)
    changes = {
        "plain": run(RECORD, exchanges=(seen,)),
        "error": faulted(FaultKind.ERROR, RED, exchanges=(replace(seen, fault=FaultKind.ERROR),)),
        "value": faulted(FaultKind.VALUE, RED, exchanges=(replace(seen, fault=FaultKind.VALUE),)),
    }
    assert judged(**changes) == expected


def test_a_claim_names_another_route() -> None:
    claims = Claims((Claim(("test_orders.py::*",), (Route.parse("GET /orders/{id}"),)),), DEFAULT_PLUMBING)
    assert judged(claims=claims, error=None, value=None) == ("hollow", ["wrong-route"])


def test_the_answer_was_made_by_the_relay() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, synthetic=True, status=502, identity=None),))
    assert judged(plain=plain, error=None, value=None) == ("hollow", ["fallback-after-failure"])


def test_another_revision_answered() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, identity="api-0"),))
    verdict, codes = judged(plain=plain)
    assert (verdict, codes) == ("hollow", ["stale-revision"])


def test_nobody_names_the_revision() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, identity=None),))
    assert judged(plain=plain) == ("unproven", ["no-receipt"])


def test_a_log_line_names_the_revision_that_no_header_names() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, identity=None, path="/orders/7", depth=Depth.UNKNOWN),))
    receipt = Receipt("api", "api-1", "POST", "/orders/{id}", "a" * 32, Depth.CORE, "log")
    assert judged(plain=plain, receipts=(receipt,)) == ("proven", [])


def test_an_unnamed_release_can_be_judged_with_a_remark() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, identity=None),))
    cases, _ = judge_run(evidence(plain=plain, expected={"api": None}))
    assert cases[0].verdict is Verdict.PROVEN
    assert "release unnamed" in cases[0].remarks


@pytest.mark.parametrize(("depth", "code"), [(Depth.CANNED, "bypass"), (Depth.CACHE, "cached")])
def test_a_shallow_answer_did_not_arrive(depth: Depth, code: str) -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, depth=depth),))
    assert judged(plain=plain) == ("hollow", [code])


def test_checks_before_the_first_answer_check_nothing() -> None:
    blind = replace(RED, failure=Failure(Phase.CALL, "error", "KeyError", "'id'"))
    plain = run(replace(RECORD, last_check_ns=115))
    runs = {"error": faulted(FaultKind.ERROR, blind), "value": faulted(FaultKind.VALUE, RECORD)}
    assert judged(plain=plain, **runs) == ("hollow", ["unchecked"])


def test_a_failure_raised_under_a_fault_is_a_check() -> None:
    plain = run(replace(RECORD, checks=0, last_check_ns=None))
    assert judged(plain=plain) == ("proven", [])


def test_it_survives_the_error() -> None:
    assert judged(error=faulted(FaultKind.ERROR, RECORD)) == ("hollow", ["survives-fault"])


def test_red_under_the_value_fault_alone_is_not_enough() -> None:
    verdict, codes = judged(error=faulted(FaultKind.ERROR, RECORD), value=faulted(FaultKind.VALUE, RED))
    assert (verdict, codes) == ("hollow", ["survives-fault"])


def test_it_skips_itself_under_the_error() -> None:
    skipped = replace(RECORD, outcome=Outcome.SKIPPED)
    assert judged(error=faulted(FaultKind.ERROR, skipped)) == ("hollow", ["skips-on-failure"])


def test_red_without_a_delivered_fault_says_nothing() -> None:
    quiet = faulted(FaultKind.ERROR, RED, exchanges=(EXCHANGE,))
    assert judged(error=quiet) == ("unproven", ["fault-not-delivered"])


def test_red_in_set_up_says_nothing() -> None:
    broken = replace(RED, outcome=Outcome.ERROR, failure=Failure(Phase.SETUP, "error", "KeyError", ""))
    assert judged(error=faulted(FaultKind.ERROR, broken)) == ("unproven", ["red-outside-call"])


def test_no_fault_run_reaches_unproven_at_best() -> None:
    assert judged(error=None, value=None) == ("unproven", ["no-fault-run"])


def test_a_hook_flipped_the_report() -> None:
    assert judged(plain=run(replace(RECORD, executed=Outcome.FAILED))) == ("hollow", ["report-flipped"])


def test_an_answer_that_a_fixture_fetched_is_decided_by_the_value_fault() -> None:
    key = "test_orders.py::order"
    record = replace(RECORD, fixtures=(key,))
    fetched = replace(EXCHANGE, phase=Phase.SETUP, start_ns=95, head_ns=97)
    spans = (FixtureSpan(key, None, CASE, 92, 99),)
    plain = run(record, exchanges=(fetched,), fixtures=spans)
    value = run(
        replace(RED, fixtures=(key,)),
        exchanges=(replace(fetched, fault=FaultKind.VALUE),),
        fixtures=spans,
        fault=FaultKind.VALUE,
    )
    plan = plan_faults(plain, evidence().claims)
    assert plan.ids == (CASE,)
    assert [str(r) for r in plan.value.fixture_routes] == ["api: POST /orders"]
    assert plan.error.fixture_routes == plan.value.fixture_routes
    error = faulted(FaultKind.ERROR, record, exchanges=())
    assert judged(plain=plain, error=error, value=value) == ("proven", [])
    survived = replace(value, cases=(record,))
    assert judged(plain=plain, error=error, value=survived) == ("unproven", ["survives-values"])
    through = replace(value, fault=FaultKind.ERROR, exchanges=(replace(fetched, fault=FaultKind.ERROR),))
    assert judged(plain=plain, error=through, value=survived) == ("proven", [])
    swallowed = replace(through, cases=(record,))
    assert judged(plain=plain, error=swallowed, value=value) == ("hollow", ["survives-fault"])


def test_an_error_in_a_fixture_never_breaks_the_set_up_of_others() -> None:
    key = "test_orders.py::order"
    resting = replace(RECORD, fixtures=(key,))
    other = replace(RECORD, id="test_orders.py::test_other", fixtures=(key,))
    fetched = replace(EXCHANGE, phase=Phase.SETUP, start_ns=95, head_ns=97)
    own = replace(EXCHANGE, id="x2", case=other.id, path="/orders/1")
    spans = (FixtureSpan(key, None, CASE, 92, 99),)
    plan = plan_faults(run(resting, other, exchanges=(fetched, own), fixtures=spans), evidence().claims)
    assert len(plan.value.fixture_routes) == 1
    assert plan.error.fixture_routes == ()


def test_only_the_set_up_that_others_look_at_is_changed() -> None:
    key = "test_orders.py::order"
    resting = replace(RECORD, fixtures=(key,))
    other = replace(RECORD, id="test_orders.py::test_other", fixtures=(key,))
    fetched = replace(EXCHANGE, phase=Phase.SETUP, start_ns=95, head_ns=97)
    own = replace(EXCHANGE, id="x2", case=other.id, path="/orders/1")
    for builder, spared in ((CASE, True), (other.id, False)):
        spans = (FixtureSpan(key, None, builder, 92, 99),)
        built = replace(fetched, case=builder)
        plan = plan_faults(run(resting, other, exchanges=(built, own), fixtures=spans), evidence().claims)
        assert (plan.value.cases[CASE].spared, plan.value.cases[other.id].spared) == (False, spared)


@pytest.mark.parametrize(("others", "routes"), [(1, 1), (2, 0)])
def test_what_serves_mostly_others_is_not_changed_for_one_case(others: int, routes: int) -> None:
    key = "conftest.py::token"
    acting = [replace(RECORD, id=f"test_orders.py::test_{n}", fixtures=(key,)) for n in range(others)]
    resting = replace(RECORD, fixtures=(key,))
    own = [replace(EXCHANGE, id=f"o{n}", case=case.id) for n, case in enumerate(acting)]
    fetched = replace(EXCHANGE, id="x0", case=acting[0].id, phase=Phase.SETUP, path="/tokens", start_ns=95, head_ns=97)
    spans = (FixtureSpan(key, None, acting[0].id, 92, 99),)
    # Who acts claims nothing of the route, and needs it all the same.
    claimed = Claims((Claim(("*::test_0", "*::test_1"), (Route.parse("POST /orders"),)),), DEFAULT_PLUMBING)
    plan = plan_faults(run(*acting, resting, exchanges=(fetched, *own), fixtures=spans), claimed)
    assert len(plan.value.fixture_routes) == routes
    assert plan.value.cases[acting[0].id].spared is not bool(routes)


@pytest.mark.parametrize(
    ("first", "again", "delivered", "expected"),
    [
        # Nothing was replaced, and it is red at the same place.
        (Failure(Phase.CALL, "check", "AssertionError", "", 7), {}, False, "not-repeatable"),
        (Failure(Phase.CALL, "error", "FileExistsError", "", 7, None, True), {}, False, "not-repeatable"),
        (Failure(Phase.CALL, "check", "AssertionError", "", 7), {"line": 8}, False, None),
        (Failure(Phase.CALL, "check", "AssertionError", ""), {}, False, None),
        # A library refused the error; other answers were let through, and a file was in the way.
        (Failure(Phase.CALL, "error", "HTTPError", "", 6), {"line": 7, "apart": True}, True, "not-repeatable"),
        (Failure(Phase.CALL, "error", "HTTPError", "", 6), {"line": 7, "kind": "check"}, True, None),
        (Failure(Phase.CALL, "check", "ApiError", "", 6, "call"), {"line": 7, "apart": True}, True, "not-repeatable"),
        (Failure(Phase.CALL, "check", "AssertionError", "", 6), {"line": 7, "apart": True}, True, None),
    ],
)
def test_a_red_that_comes_from_no_answer(
    first: Failure, again: dict[str, object], delivered: bool, expected: str | None
) -> None:
    second = replace(RED, failure=replace(first, **{"apart": False, "helper": None, **again}))  # type: ignore[arg-type]
    answer = replace(EXCHANGE, fault=FaultKind.VALUE if delivered else None)
    error = faulted(FaultKind.ERROR, replace(RED, failure=first))
    value = faulted(FaultKind.VALUE, second, exchanges=(answer,))
    codes = [expected] if expected else []
    assert judged(error=error, value=value) == ("unproven" if expected else "proven", codes)


@pytest.mark.parametrize(("depth", "code"), [(Depth.CANNED, "bypass"), (Depth.CACHE, "cached")])
def test_a_fixture_does_not_make_up_for_what_the_test_itself_got_from_a_stub(depth: Depth, code: str) -> None:
    key = "test_orders.py::order"
    fetched = replace(EXCHANGE, id="x0", phase=Phase.SETUP, start_ns=95, head_ns=97)
    plain = run(
        replace(RECORD, fixtures=(key,)),
        exchanges=(fetched, replace(EXCHANGE, depth=depth)),
        fixtures=(FixtureSpan(key, None, CASE, 92, 99),),
    )
    assert judged(plain=plain)[1][0] == code
    mixed = replace(plain, exchanges=(*plain.exchanges, replace(EXCHANGE, id="x2")))
    assert judged(plain=mixed) == ("proven", [])


def test_what_a_fixture_of_another_case_fetched_is_no_evidence() -> None:
    key = "test_orders.py::order"
    first = replace(RECORD, id="test_orders.py::test_first", fixtures=(key,), setup_start_ns=10, end_ns=50)
    second = replace(RECORD, fixtures=(key,))
    fetched = replace(EXCHANGE, id="x0", case=first.id, phase=Phase.SETUP, start_ns=15, head_ns=16)
    canned = replace(EXCHANGE, phase=Phase.SETUP, start_ns=95, head_ns=97, depth=Depth.CANNED)
    spans = (FixtureSpan(key, None, first.id, 12, 20), FixtureSpan(key, None, CASE, 92, 99))
    cases, _ = judge_run(evidence(plain=run(first, second, exchanges=(fetched, canned), fixtures=spans)))
    assert [r.code for r in cases[1].reasons][:1] == ["bypass"]
    assert cases[1].exchanges == ("x1",)
    shared = (FixtureSpan(key, None, first.id, 12, 20),)
    cases, _ = judge_run(evidence(plain=run(first, second, exchanges=(fetched,), fixtures=shared)))
    assert cases[1].exchanges == ("x0",)


def stumbled(kind: str, type_: str) -> object:
    return replace(RED, failure=Failure(Phase.CALL, kind, type_, ""))


def test_a_stumble_over_the_shape_of_an_error_is_no_proof() -> None:
    error = faulted(FaultKind.ERROR, stumbled("error", "KeyError"))
    assert judged(error=error, value=faulted(FaultKind.VALUE, RECORD)) == ("unproven", ["red-by-accident"])
    assert judged(error=error) == ("proven", [])
    second = replace(EXCHANGE, id="x2", start_ns=130, head_ns=140)
    two = run(RECORD, exchanges=(EXCHANGE, second))
    assert judged(plain=two, error=error, value=faulted(FaultKind.VALUE, RECORD)) == ("proven", [])


def test_a_validator_that_notices_values_is_a_check_and_an_error_of_a_library_is_not() -> None:
    plain = run(replace(RECORD, checks=0, last_check_ns=None))
    error = faulted(FaultKind.ERROR, stumbled("error", "ValidationError"))
    noticed = faulted(FaultKind.VALUE, stumbled("error", "ValidationError"))
    green = faulted(FaultKind.VALUE, replace(RECORD, checks=0, last_check_ns=None))
    assert judged(plain=plain, error=error, value=noticed) == ("proven", [])
    assert judged(plain=plain, error=error, value=green) == ("unproven", ["no-own-check"])
    mute = faulted(FaultKind.ERROR, stumbled("error", "KeyError"))
    assert judged(plain=plain, error=mute, value=green)[0] == "hollow"


def test_a_case_whose_worker_died_is_killed() -> None:
    died = replace(RECORD, outcome=Outcome.FAILED, executed=None, failure=None, end_ns=None)
    assert judged(plain=run(died)) == ("failed", ["killed"])


def test_a_status_that_no_report_explains_and_files_that_could_not_be_collected_are_findings() -> None:
    _, findings = judge_run(evidence(plain=run(RECORD, exit_code=1)))
    assert [f.code for f in findings] == ["exit-status-unexplained"]
    _, findings = judge_run(evidence(plain=run(RECORD, exit_code=1, collection_errors=(("t_b.py", "SyntaxError"),))))
    assert [f.code for f in findings] == ["files-not-collected"]


def test_a_fixture_that_the_case_does_not_use_is_set_up_only() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, phase=Phase.SETUP, start_ns=95, head_ns=97),))
    assert judged(plain=plain, error=None, value=None) == ("hollow", ["set-up-only"])


def test_an_exchange_of_a_thread_that_outlived_its_test_is_no_proof() -> None:
    plain = run(RECORD, exchanges=(replace(EXCHANGE, join=Join.AMBIGUOUS),))
    assert judged(plain=plain, error=None, value=None) == ("unproven", ["ambiguous"])


@pytest.mark.parametrize(
    ("outcome", "verdict", "code"),
    [
        (Outcome.FAILED, "failed", "check-failed"),
        (Outcome.ERROR, "failed", "set-up-failed"),
        (Outcome.UNFINISHED, "failed", "killed"),
        (Outcome.XPASSED, "failed", "xpassed"),
        (Outcome.XFAILED, "not-run", "xfailed"),
        (Outcome.SKIPPED, "not-run", "skipped"),
    ],
)
def test_every_other_outcome(outcome: Outcome, verdict: str, code: str) -> None:
    assert judged(plain=run(replace(RECORD, outcome=outcome))) == (verdict, [code])


def test_a_target_that_died_is_told_once_and_the_rest_is_not_run() -> None:
    here = replace(RED, end_ns=210)
    later = replace(RED, id="test_orders.py::test_later", setup_start_ns=300, end_ns=310)
    plain = run(
        here, later, lost_targets=(LostTarget("api", 205, "connection refused"),), collected=(CASE, later.id, "t::x")
    )
    cases, findings = judge_run(evidence(plain=plain, error=None, value=None))
    assert [(c.verdict.value, c.reasons[0].code) for c in cases] == [
        ("failed", "target-died-here"),
        ("not-run", "target-lost"),
        ("not-run", "target-lost"),
    ]
    assert [f.code for f in findings].count("target-died") == 1


def test_planned_but_never_collected_dropped_and_not_importable() -> None:
    plain = run(
        RECORD,
        deselected=("test_orders.py::test_dropped[1]",),
        collection_errors=(("test_broken.py", "SyntaxError"),),
        skipped_files=(("test_away.py", "no backend"),),
    )
    planned = (
        "test_orders.py::test_renamed",
        "test_broken.py::test_a",
        "test_away.py::test_b",
        "test_orders.py::test_order",
    )
    cases, _ = judge_run(evidence(plain=plain, planned=planned))
    assert {c.id: c.reasons[0].code for c in cases[1:]} == {
        "test_orders.py::test_dropped[1]": "deselected",
        "test_orders.py::test_renamed": "never-collected",
        "test_broken.py::test_a": "import-error",
        "test_away.py::test_b": "skipped",
    }


def test_a_process_that_left_without_a_word_is_a_finding() -> None:
    silent = (replace(facts.PROCESS, exit_status=None),)
    _, findings = judge_run(evidence(plain=run(RECORD, processes=silent)))
    assert [f.code for f in findings] == ["process-ended-early"]


def test_an_exit_status_that_hides_failures_is_a_finding() -> None:
    _, findings = judge_run(evidence(plain=run(RED, exit_code=0)))
    assert [f.code for f in findings] == ["exit-status-disagrees"]


def test_a_failure_of_the_relay_leaves_nothing_proven() -> None:
    plain = run(RECORD, hook_errors=("response: KeyError",))
    assert judged(plain=plain) == ("unproven", ["witness-missing"])


def _faulted_as(kind: FaultKind, name: str, *cases: object) -> object:
    return faulted(kind, *cases, exchanges=(replace(EXCHANGE, id=name, fault=kind),))  # type: ignore[arg-type]


def _reason(**changes: object) -> tuple[str, tuple[str, ...]]:
    cases, _ = judge_run(evidence(**changes))
    (reason,) = cases[0].reasons
    return reason.code, reason.evidence


def test_reasons_of_the_fault_runs_name_the_answers_that_were_replaced() -> None:
    error, value = _faulted_as(FaultKind.ERROR, "e1", RECORD), _faulted_as(FaultKind.VALUE, "v1", RED)
    assert _reason(error=error, value=value) == ("survives-fault", ("e1",))
    skipped = _faulted_as(FaultKind.ERROR, "e1", replace(RECORD, outcome=Outcome.SKIPPED, executed=Outcome.SKIPPED))
    assert _reason(error=skipped, value=value) == ("skips-on-failure", ("e1",))
    noticed = _faulted_as(FaultKind.ERROR, "e1", RED)
    for kind, code in (
        (FaultKind.TAILORED, "tolerates-failure"),
        (FaultKind.LATER, "later-unchecked"),
        (FaultKind.EMPTIED, "content-unchecked"),
    ):
        second = faulted(FaultKind.VALUE, RECORD, exchanges=(replace(EXCHANGE, id="v1", fault=kind),))
        assert _reason(error=noticed, value=second) == (code, ("v1",))


def test_reasons_without_a_replaced_answer_name_what_was_seen() -> None:
    nothing = faulted(FaultKind.ERROR, RECORD, exchanges=(replace(EXCHANGE, id="e1"),))
    untold = faulted(FaultKind.VALUE, RED, exchanges=())
    assert _reason(error=nothing, value=untold) == ("fault-not-delivered", ("x1",))
    assert _reason(error=None, value=None) == ("no-fault-run", ("x1",))


def test_what_is_unchecked_is_named() -> None:
    plain = run(replace(RECORD, checks=0, last_check_ns=None))
    blind = replace(RED, failure=Failure(Phase.CALL, "error", "KeyError", "'id'"))
    error, value = _faulted_as(FaultKind.ERROR, "e1", blind), _faulted_as(FaultKind.VALUE, "v1", RECORD)
    assert _reason(plain=plain, error=error, value=value) == ("unchecked", ("x1",))
    assert _reason(error=error, value=value) == ("red-by-accident", ("e1", "v1"))


def test_asserts_that_pytest_rewrote_do_run_without_asserts() -> None:
    _, findings = judge_run(evidence(plain=run(RECORD, processes=(replace(facts.PROCESS, optimised=True),))))
    (finding,) = findings
    assert finding.code == "asserts-off"
    assert "-O" in finding.text
    assert "did not rewrite" in finding.text
