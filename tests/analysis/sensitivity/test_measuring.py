"""From answers that were seen to faults, and from what cases did under them to what is told."""

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.sensitivity import Fitting, cases_of, fields_of, pack, trials_of, writes
from greenproof.analysis.sensitivity.shape import kind, read, rewrite, shape, write
from greenproof.model.facts import (
    AnswerSeen,
    CaseRecord,
    Exchange,
    Failure,
    FaultKind,
    Join,
    LostTarget,
    Outcome,
    Phase,
    RunObservation,
)
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Disturbance, Means

CLAIMS = Claims((), (Route("*", "/health"), Route("POST", "/login")))
THINGS = (("", "object"), ("/items", "array"), ("/items/*", "object"), ("/items/*/price", "integer"))


def exchange(number: int, case: str, method: str = "GET", path: str = "/things", **fields: object) -> Exchange:
    known: dict[str, object] = {
        "target": "shop", "protocol": "http/1.1", "status": 200, "phase": Phase.CALL, "worker": None,
        "join": Join.PORT, "start_ns": number, "head_ns": number, "end_ns": number,
    }  # fmt: skip
    return Exchange(id=str(number), method=method, path=path, case=case, **{**known, **fields})


def observed(exchanges, answers=(), outcomes=None, **fields) -> RunObservation:
    ids = dict.fromkeys(x.case for x in exchanges)
    cases = tuple(CaseRecord(one, (outcomes or {}).get(one, Outcome.PASSED)) for one in ids)
    known = {
        "fault": FaultKind.SENSITIVITY, "exit_code": 0, "timed_out": False, "processes": (), "collected": (),
        "deselected": (), "collection_errors": (),
    }  # fmt: skip
    return RunObservation(**known, cases=cases, exchanges=tuple(exchanges), answers=tuple(answers), **fields)


def fitting(exchanges, answers=()) -> dict[str, set[str]]:
    found = Fitting(observed(exchanges, answers), CLAIMS, 0).of()
    return {case: {fault.operator for fault in faults} for case, faults in found.items()}


def test_what_fits_follows_from_what_was_seen():
    found = fitting(
        [exchange(1, "json"), exchange(2, "page", path="/page"), exchange(3, "stream", path="/events"),
         exchange(4, "socket", "WS", "/ws", received=2, sent=1), exchange(5, "call", "GRPC", "/s/m"),
         exchange(6, "none", path="/none"), exchange(7, "plumbing", path="/health")],
        [AnswerSeen("1", ("content-type", "charset"), 90, THINGS), AnswerSeen("2", ("content-type",), 90),
         AnswerSeen("3", ("content-type",), -1, events=1, burst=1), AnswerSeen("4", events=2, burst=2),
         AnswerSeen("6"), AnswerSeen("7", (), 90, THINGS)],
    )  # fmt: skip
    assert {"number-replaced", "elements-swapped", "charset-removed", "hang", "body-truncated"} <= found["json"]
    assert not {"location-changed", "boolean-reversed", "stale-answer", "event-doubled"} & found["json"]
    assert "media-type-removed" in found["page"]
    assert not {"property-removed", "null-set", "charset-removed"} & found["page"]
    assert {"event-changed", "event-doubled", "events-late"} <= found["stream"]
    assert "events-reordered" not in found["stream"]
    assert "body-emptied" not in found["stream"]
    assert found["socket"] == {"event-changed", "event-doubled", "events-reordered", "events-late"}
    assert found["call"] == {"connection-closed", "connection-reset", "hang"}
    assert "body-emptied" not in found["none"]
    assert found["plumbing"] == set()


def test_another_answer_of_the_same_route_is_needed_to_be_given_again():
    def given(*answers: AnswerSeen) -> dict[str, set[str]]:
        exchanges = [exchange(n, case, path=f"/orders/{n}00000000000") for n, case in enumerate("abc", 1)]
        found = fitting(exchanges, answers)
        return {case: names & {"stale-answer", "other-users-answer"} for case, names in found.items()}

    same = [AnswerSeen(str(n), size=9, digest="x") for n in (1, 2, 3)]
    assert given(*same) == {"a": set(), "b": set(), "c": set()}
    other = [AnswerSeen("1", size=9, digest="x", user="u"), AnswerSeen("2", size=9, digest="y", user="u"), same[2]]
    found = given(*other)
    assert found["a"] == {"stale-answer"}
    assert found["b"] == {"stale-answer", "other-users-answer"}
    assert found["c"] == {"stale-answer", "other-users-answer"}


def test_only_what_may_write_is_unsafe_and_logging_in_is_not():
    from greenproof.analysis.authenticity.contact import Contacts

    exchanges = [
        exchange(1, "reads"), exchange(2, "logs in", "POST", "/login"), exchange(3, "writes", "POST"),
        exchange(4, "listens", "WS", "/ws", received=3), exchange(5, "speaks", "WS", "/ws", sent=1),
        exchange(6, "sets up", "PUT", phase=Phase.SETUP), exchange(7, "calls", "GRPC", "/s/m"),
    ]  # fmt: skip
    run = observed(exchanges)
    contacts = Contacts(run, CLAIMS)
    found = {case.id: writes(contacts.of(case), CLAIMS) for case in run.cases}
    assert found == {
        "reads": None, "logs in": None, "listens": None, "writes": "shop: POST /things", "speaks": "shop: WS /ws",
        "sets up": "shop: PUT /things", "calls": "shop: GRPC /s/m",
    }  # fmt: skip


FAULT = Disturbance("null-set", Means.BODY, Route("GET", "/things", "shop"), "/a")


def test_only_delivered_faults_count_and_only_red_in_the_call_is_noticed():
    exchanges = [exchange(n, case, fault=FaultKind.SENSITIVITY) for n, case in enumerate(("red", "green", "cut"))]
    exchanges.append(exchange(9, "spared"))
    outcomes = {"red": Outcome.FAILED, "cut": Outcome.UNFINISHED, "spared": Outcome.FAILED}
    run = observed(exchanges, outcomes=outcomes)
    faults = dict.fromkeys(("red", "green", "cut", "spared", "gone"), FAULT)
    trials = trials_of(3, faults, run, CLAIMS)
    assert [trial.noticed for trial in trials] == [True, False, None, None, None]
    told = {case.id: case for case in cases_of(trials, {"kept": "it may write"}, {"red": 7}, (*faults, "kept"))}
    assert (told["red"].delivered, told["red"].noticed, told["red"].left_out) == (1, 1, 7)
    assert (told["green"].delivered, told["green"].noticed, len(told["green"].survived)) == (1, 0, 1)
    assert (told["cut"].delivered, told["cut"].undecided) == (0, 1)
    assert (told["spared"].delivered, told["spared"].not_delivered) == (0, 1)
    assert told["kept"].unsafe == "it may write"
    found = fields_of(trials)
    assert found.unnoticed == ()
    (field,) = found.noticed
    assert (found.changed, field.pointer, field.trials) == (1, "/a", 2)
    assert (field.cases, field.noticed_by) == (("green", "red"), ("red",))
    survived = fields_of([trial for trial in trials if trial.case != "red"])
    assert [(field.route, field.pointer, field.trials) for field in survived.unnoticed] == [
        ("shop: GET /things", "/a", 1)
    ]


def test_red_while_a_target_is_lost_is_not_noticed():
    lost = (LostTarget("shop", 1, "refused"),)
    run = observed([exchange(1, "a", fault=FaultKind.SENSITIVITY)], outcomes={"a": Outcome.FAILED}, lost_targets=lost)
    assert [trial.noticed for trial in trials_of(1, {"a": FAULT}, run, CLAIMS)] == [None]


def test_the_failure_is_told():
    run = observed([exchange(1, "a", fault=FaultKind.SENSITIVITY)])
    failure = Failure(Phase.CALL, "check", "AssertionError", "no")
    record = CaseRecord("a", Outcome.FAILED, failure=failure)
    from dataclasses import replace

    (trial,) = trials_of(1, {"a": FAULT}, replace(run, cases=(record,)), CLAIMS)
    assert trial.failure == "check: AssertionError"


@given(st.permutations(["a", "b", "c"]))
def test_the_order_in_which_cases_ran_changes_nothing(order):
    faults = [Disturbance(name, Means.HEAD, FAULT.route) for name in ("one", "two", "three", "four")]
    assert [dict(run) for run in pack(dict.fromkeys(order, faults), 2).runs] == [
        dict(run) for run in pack(dict.fromkeys("abc", faults), 2).runs
    ]


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(documents)
def test_every_place_of_a_shape_is_found_again_with_its_kind(document):
    for pointer, named in shape(document):
        met: list[str] = []
        same = rewrite(document, pointer, lambda value, met=met: met.append(kind(value)) or value)
        assert named in met
        assert same == document


@given(documents)
def test_a_document_that_is_written_again_says_the_same(document):
    for text in (b"{}", b'{"a": 1}', '{"ä": 1}'.encode()):
        assert read(write(document, text)) == document


def test_identifiers_as_keys_and_hostile_documents():
    assert ("/{id}/x", "integer") in shape({"3f2504e0-4f89-11d3-9a0c-0305e82c3301": {"x": 1}})
    deep: object = 1
    for _ in range(900):
        deep = [deep]
    assert len(shape(deep)) < 100
    assert len(shape({f"k{n}": {"a": n} for n in range(5_000)})) <= 500
