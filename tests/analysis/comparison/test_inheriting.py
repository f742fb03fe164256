"""What the last good run planned is planned again; what is gone is missed, unless it is explained."""

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.comparison import take_over
from greenproof.analysis.comparison.renames import bare, renames
from greenproof.model.inheritance import Baseline

NAMES = st.lists(st.sampled_from([f"t.py::test_{n}{p}" for n in range(6) for p in ("", "[1]", "[2]")]), unique=True)


def baseline(*cases: str, **bodies: str) -> Baseline:
    known = {case: bodies.get(case.rsplit("_", 1)[-1], "") for case in cases}
    return Baseline("run-1", "2026-01-01T00:00:00Z", cases, "r-1", known)


def test_the_first_run_inherits_nothing() -> None:
    assert take_over(None, ("t.py::test_a",), {}).cases == ()
    assert take_over(None, (), {}).inherited == ()


def test_a_case_that_is_gone_stays_planned_and_its_origin_is_told() -> None:
    plan = take_over(baseline("t.py::test_a", "t.py::test_b"), ("t.py::test_a[1]",), {})
    assert plan.cases == ("t.py::test_b",)
    (told,) = plan.inherited
    assert (told.what, told.run, told.at, told.release) == ("plan", "run-1", "2026-01-01T00:00:00Z", "r-1")
    assert told.cases == plan.cases
    assert told.text == "2 cases were planned in the last good run; 1 of them are missing now and stay planned."


def test_a_case_that_was_renamed_or_taken_away_on_purpose_is_explained() -> None:
    old = baseline("t.py::test_a", "t.py::test_b", "t.py::test_c", a="f00d")
    plan = take_over(old, ("u.py::test_z",), {"u.py::test_z": "f00d"}, ("*test_b",))
    assert plan.cases == ("t.py::test_c",)
    text = plan.inherited[0].text
    assert "1 have another name (t.py::test_a is now u.py::test_z)" in text
    assert "1 were taken away on purpose" in text


def test_copies_are_not_matched() -> None:
    old = baseline("t.py::test_a", "t.py::test_b", a="f00d", b="f00d")
    assert take_over(old, ("t.py::test_c",), {"t.py::test_c": "f00d"}).cases == ("t.py::test_a", "t.py::test_b")
    one = baseline("t.py::test_a", a="f00d")
    both = {"t.py::test_c": "f00d", "t.py::test_d": "f00d"}
    assert take_over(one, tuple(both), both).cases == ("t.py::test_a",)


def test_an_old_case_can_not_stand_for_one_that_is_gone() -> None:
    old = baseline("t.py::test_a", "t.py::test_b", a="f00d", b="beef")
    assert take_over(old, ("t.py::test_b",), {"t.py::test_b": "f00d"}).cases == ("t.py::test_a",)


@given(NAMES, NAMES)
def test_nothing_is_dropped_silently(before: list[str], now: list[str]) -> None:
    plan = take_over(Baseline("r", "t", tuple(before)), tuple(now), {})
    assert {bare(case) for case in plan.cases} == {bare(c) for c in before} - {bare(c) for c in now}
    assert not set(plan.cases) & set(now)


@given(NAMES, NAMES, st.dictionaries(st.sampled_from([f"t.py::test_{n}" for n in range(6)]), st.sampled_from("abc")))
def test_a_rename_leads_from_one_to_one(lost: list[str], new: list[str], bodies: dict[str, str]) -> None:
    found = renames(lost, new, bodies, bodies)
    assert len(set(found.values())) == len(found)
    assert set(found) <= set(lost)
    assert set(found.values()) <= set(new)
    assert {v: k for k, v in found.items()} == dict(renames(new, lost, bodies, bodies))
