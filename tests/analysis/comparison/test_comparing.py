"""Two runs beside each other: every case is counted once, and no list says what another denies."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pasts import AFTER, component, past, record, summary

from greenproof.analysis.comparison import Others, compare, gate
from greenproof.analysis.comparison.comparing import is_worse
from greenproof.model.comparison import ABSENT, Change, Comparison
from greenproof.model.history import PerformancePast, RunRecord
from greenproof.model.verdicts import Verdict

IDS = [f"test_{n % 3}.py::test_{n}" for n in range(8)]
CODES = ["unchecked", "no-contact", "failed"]
VERDICTS = [*Verdict, None]


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    pasts = [past(case, draw(st.sampled_from(VERDICTS)), *draw(st.sets(st.sampled_from(CODES)))) for case in ids]
    planned = draw(st.lists(st.sampled_from(IDS), unique=True))
    bodies = {case: draw(st.sampled_from("ab")) for case in {*ids, *planned}}
    run = summary(
        draw(st.sampled_from(["r1", "r2"])),
        verdict=draw(st.sampled_from(["verified", "failed", None])),
        faults=draw(st.sampled_from([True, False, None])),
        suite=draw(st.sampled_from([None, "e2e"])),
        arguments=draw(st.sampled_from([("pytest",), ("pytest", "-k", "x")])),
        environment=draw(st.sampled_from(["local", "staging"])),
        release=draw(st.sampled_from([None, "r-1", "r-2"])),
    )
    parts = [component(name, draw(st.sampled_from(["ready", "refused"])), draw(st.sampled_from([None, "v1", "v2"])))
             for name in draw(st.sets(st.sampled_from(["api", "redis"])))]  # fmt: skip
    return record(run, *pasts, components=parts, bodies=bodies, planned=planned)


@given(records())
def test_a_run_does_not_differ_from_itself(one: RunRecord) -> None:
    found = compare(one, one)
    assert all(before == after for before, after, _ in found.transitions)
    assert found.denominator == found.shared == found.planned_before == found.planned_after
    for changes in (found.newly_proven, found.newly_failed, found.worse, found.lost, found.new, found.reasons):
        assert changes == ()
    assert (found.renamed, found.components, found.durations, found.latencies) == ((), (), (), ())
    assert (found.promises, found.speeds) == ((), ())
    assert {d.code for d in found.differences} <= {"unjudged", "revision-unknown"}


@given(records(), records())
def test_every_number_has_the_same_denominator(one: RunRecord, other: RunRecord) -> None:
    found = compare(one, other)
    assert found.denominator == len({*one.planned, *other.planned})
    assert sum(count for _, _, count in found.transitions) == found.denominator
    assert sum(before for _, before, _ in found.counts) == found.denominator
    assert sum(after for _, _, after in found.counts) == found.denominator
    assert found.shared + len(found.lost) + len(found.new) == found.denominator
    assert found.planned_before == found.shared + len(found.lost)
    assert found.planned_after == found.shared + len(found.new)


@given(records(), records())
def test_swapped_runs_give_the_mirror_image(one: RunRecord, other: RunRecord) -> None:
    found, mirror = compare(one, other), compare(other, one)
    assert sorted(found.transitions) == sorted((after, before, count) for before, after, count in mirror.transitions)
    assert ids(found.lost) == ids(mirror.new)
    assert ids(found.new) == ids(mirror.lost)
    assert {(r.before, r.after) for r in found.renamed} == {(r.after, r.before) for r in mirror.renamed}
    assert ids(found.hollow) == ids(mirror.hollow)
    assert ids(found.reasons) == ids(mirror.reasons)
    assert {c.name for c in found.components} == {c.name for c in mirror.components}
    assert found.same_kind == mirror.same_kind
    assert [d.code for d in found.differences] == [d.code for d in mirror.differences]


@given(records(), records())
def test_no_list_says_what_another_denies(one: RunRecord, other: RunRecord) -> None:
    found = compare(one, other)
    assert not ids(found.worse) & ids(found.newly_proven)
    assert not ids(found.worse) & ids(found.new)
    assert not ids(found.newly_proven) & ids(found.newly_failed)
    assert {r.before for r in found.renamed} <= ids(found.lost)
    assert {r.after for r in found.renamed} <= ids(found.new)
    assert not ids(found.worse) & {r.before for r in found.renamed}
    assert int(gate(found)) == (1 if found.worse else 0 if found.same_kind else 6)


@given(st.sampled_from(Verdict), st.sampled_from(Verdict))
def test_what_is_worse_one_way_is_not_worse_the_other_way(before: Verdict, after: Verdict) -> None:
    assert not (is_worse(Change("t", before, after)) and is_worse(Change("t", after, before)))


def ids(changes: tuple[Change, ...]) -> set[str]:
    return {change.id for change in changes}


def compared(before: Mapping[str, Verdict], after: Mapping[str, Verdict], **changes: object) -> Comparison:
    return compare(
        record(summary(), *(past(case, verdict) for case, verdict in before.items())),
        record(summary(AFTER, **changes), *(past(case, verdict) for case, verdict in after.items())),
    )


def test_every_kind_of_change_is_in_its_list() -> None:
    P, H, F, U, N = Verdict.PROVEN, Verdict.HOLLOW, Verdict.FAILED, Verdict.UNPROVEN, Verdict.NOT_RUN
    before = {"a": P, "b": P, "c": H, "d": H, "e": F, "f": U, "g": P, "h": F, "i": H, "j": P}
    after = {"a": P, "b": F, "c": P, "d": H, "e": H, "f": H, "h": F, "i": F, "j": N, "k": P}
    found = compared(before, after)
    assert found.denominator == 11
    assert ids(found.newly_proven) == {"c"}
    assert ids(found.newly_failed) == {"b", "i"}
    assert ids(found.lost) == {"g"}
    assert ids(found.new) == {"k"}
    assert ids(found.hollow) == {"d"}
    assert ids(found.worse) == {"b", "f", "g", "i", "j"}
    assert gate(found) == 1


def test_a_lost_case_is_no_change_for_the_worse_when_the_command_may_have_left_it_out() -> None:
    found = compared({"a": Verdict.PROVEN, "b": Verdict.PROVEN}, {"a": Verdict.PROVEN}, arguments=("pytest", "-k", "a"))
    assert ids(found.lost) == {"b"}
    assert found.worse == ()
    assert gate(found) == 6
    assert [d.code for d in found.differences] == ["command"]


def test_without_faults_only_a_failure_is_worse() -> None:
    before = {"a": Verdict.PROVEN, "b": Verdict.PROVEN}
    found = compared(before, {"a": Verdict.UNPROVEN, "b": Verdict.FAILED}, faults=False)
    assert ids(found.worse) == {"b"}
    assert gate(compared(before, {"a": Verdict.UNPROVEN, "b": Verdict.UNPROVEN}, faults=False)) == 6


def test_a_new_release_is_said_and_does_not_keep_from_a_clean_answer() -> None:
    found = compared({"a": Verdict.PROVEN}, {"a": Verdict.PROVEN}, release="r-2")
    assert [(d.code, d.before, d.after, d.gates) for d in found.differences] == [("release", "r-1", "r-2", False)]
    assert gate(found) == 0
    assert not found.identical


def test_a_run_that_was_cut_off_proves_nothing_for_or_against() -> None:
    old = record(summary(), past("a", Verdict.PROVEN), past("b", Verdict.PROVEN))
    cut = record(summary(AFTER, verdict=None, exit_code=None), past("a", None), planned=["a", "b"])
    found = compare(old, cut)
    assert found.transitions == (("proven", "not-judged", 2),)
    assert found.worse == ()
    assert gate(found) == 6
    assert gate(compare(cut, old)) == 6


def test_a_renamed_case_is_not_lost_for_the_gate() -> None:
    old = record(summary(), past("t.py::test_a[1]", Verdict.PROVEN), bodies={"t.py::test_a": "f00d"})
    new = record(summary(AFTER), past("u.py::test_b[1]", Verdict.PROVEN), bodies={"u.py::test_b": "f00d"})
    found = compare(old, new)
    assert [(r.before, r.after) for r in found.renamed] == [("t.py::test_a[1]", "u.py::test_b[1]")]
    assert found.transitions == (("proven", ABSENT, 1), (ABSENT, "proven", 1))
    assert gate(found) == 0


def test_components_are_told_when_both_runs_looked_and_something_changed() -> None:
    old = record(
        summary(revisions=(("api", "api-1"), ("web", "web-1"))),
        components=[component("api", "ready", "api-1"), component("redis"), component("old")],
    )
    new = record(
        summary(AFTER, revisions=(("api", "api-2"), ("web", "web-1"))),
        components=[component("api", "ready", "api-2"), component("redis", "refused"), component("more")],
    )
    found = compare(old, new).components
    assert [(c.name, c.state_before, c.state_after, c.revision_before, c.revision_after) for c in found] == [
        ("api", "ready", "ready", "api-1", "api-2"),
        ("redis", "ready", "refused", None, None),
    ]


def test_durations_are_compared_only_where_the_spread_is_known() -> None:
    def at(seconds: float, verdict: Verdict = Verdict.PROVEN) -> RunRecord:
        return record(summary(), past("a", verdict, duration_s=seconds), past("b", verdict, duration_s=seconds))

    others = Others({"a": [0.50, 0.51, 0.49, 0.52, 0.50], "b": [0.5] * 4})
    found = compare(at(0.50), at(0.90), others)
    assert [(s.name, s.before, s.after, s.samples) for s in found.durations] == [("a", 0.5, 0.9, 5)]
    assert found.unmeasured is None
    assert compare(at(0.50), at(0.53), others).durations == ()
    assert compare(at(0.50), at(0.90, Verdict.FAILED), others).durations == ()
    unknown = compare(at(0.50), at(0.90), Others({"a": [0.5]}))
    assert unknown.durations == ()
    assert unknown.unmeasured is not None
    assert "1 other runs" in unknown.unmeasured


def promising(value: float | None, met: str, limit: float = 100.0) -> RunRecord:
    one = PerformancePast("first answer", met, "response", "p95", limit, value)
    return replace(record(summary(), past("a", Verdict.PROVEN)), performance={one.name: one})


def test_a_missed_promise_is_worse_only_if_it_is_no_noise() -> None:
    steady = Others(promises={"first answer": [90.0, 92.0, 88.0, 91.0, 90.0]})
    found = compare(promising(90.0, "met"), promising(180.0, "missed"), steady)
    assert [(p.before, p.after, p.beyond_spread) for p in found.promises] == [("met", "missed", True)]
    assert [(s.before, s.after, s.unit) for s in found.speeds] == [(90.0, 180.0, "ms")]
    assert gate(found) == 1
    noisy = Others(promises={"first answer": [60.0, 130.0, 90.0, 150.0, 70.0]})
    for others in (noisy, Others()):
        unsure = compare(promising(90.0, "met"), promising(110.0, "missed"), others)
        assert [p.beyond_spread for p in unsure.promises] == [False]
        assert unsure.speeds == ()
        assert gate(unsure) == 0


def test_a_promise_that_promises_less_is_told() -> None:
    (found,) = compare(promising(90.0, "met"), promising(90.0, "met", limit=500.0)).promises
    assert (found.promise_before, found.promise_after) == (
        "p95 of response at most 100 ms",
        "p95 of response at most 500 ms",
    )
    assert compare(promising(90.0, "met"), promising(None, "not-measured")).promises[0].after == "not-measured"
