"""The matrix and the value at risk."""

from greenproof.analysis.value import features_at_risk, matrix
from greenproof.model.plan import Category, Feature, Priority
from greenproof.model.verdicts import CaseVerdict, Verdict


def case(name: str, verdict: Verdict) -> CaseVerdict:
    return CaseVerdict(name, None, verdict, ())


CASES = [
    case("auth::a", Verdict.PROVEN),
    case("auth::b", Verdict.HOLLOW),
    case("chat::c", Verdict.PROVEN),
    case("x::d", Verdict.NOT_RUN),
]


def test_each_case_counts_once_and_targets_are_judged() -> None:
    categories = (Category("Auth", ("auth::*",), 2), Category("Chat", ("*",), 1))
    by_category, by_priority = matrix(categories, (Priority("P1", ("auth::*",)),), CASES)
    assert [(r.name, r.planned, r.counts["proven"], r.met) for r in by_category] == [
        ("Auth", 2, 1, False),
        ("Chat", 2, 1, True),
    ]
    assert [(r.name, r.planned, r.met) for r in by_priority] == [("P1", 2, False), ("other", 2, None)]


def test_no_case_is_no_success() -> None:
    _, by_priority = matrix((), (Priority("P1", ("none::*",)),), CASES)
    assert by_priority[0].met is None


def test_a_feature_is_at_risk_until_something_guards_it() -> None:
    features = (
        Feature("small", 1.0, "free", ("chat::*",)),
        Feature("big", 9.0, "enterprise", ("x::*",)),
    )
    states = features_at_risk(features, CASES)
    assert [(s.name, s.state, s.at_risk) for s in states] == [("big", "unguarded", 9.0), ("small", "guarded", 0.0)]
