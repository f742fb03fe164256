"""Events survive the way to JSON and back; what a newer version wrote stays readable."""

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenproof.model import events
from greenproof.model.events import EVENTS, UnknownEvent, from_record, to_record
from greenproof.model.facts import CaseRecord, Outcome, Release, Revision
from greenproof.model.verdicts import CaseVerdict, Reason, Verdict


def _strategy_for(kind: type) -> st.SearchStrategy:
    return st.builds(kind)


def any_event() -> st.SearchStrategy:
    st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
    return st.one_of([_strategy_for(kind) for kind in EVENTS])


@settings(max_examples=150, deadline=None)
@given(any_event())
def test_an_event_survives_json(event):
    kind, record = to_record(event)
    again = from_record(kind, json.loads(json.dumps(record, allow_nan=False)))
    assert again == event
    assert to_record(again) == (kind, record)


@settings(max_examples=60, deadline=None)
@given(any_event(), st.dictionaries(st.from_regex(r"new_[a-z]{1,8}", fullmatch=True), st.integers()))
def test_unknown_fields_are_left_out(event, extra):
    kind, record = to_record(event)
    assert from_record(kind, {**record, **extra}) == event


@given(st.from_regex(r"[A-Z][a-z]{3,12}Zed", fullmatch=True), st.dictionaries(st.text(), st.integers()))
def test_an_unknown_kind_keeps_everything(kind, body):
    event = from_record(kind, body)
    assert event == UnknownEvent(kind, body)
    assert to_record(event) == (kind, body)


def test_a_value_of_a_newer_version_keeps_everything():
    kind, record = to_record(events.CaseFinished(1, "e2e", CaseRecord("a", Outcome.PASSED)))
    record["case"]["outcome"] = "teleported"
    assert from_record(kind, record) == UnknownEvent(kind, record)


def test_an_older_record_takes_the_defaults():
    assert from_record("StepFinished", {"cycle": 1, "step": "ready", "status": "done"}) == (
        events.StepFinished(1, "ready", "done")
    )


@pytest.mark.parametrize("wrong", ["text", None, [], True, {"a": 1}])
def test_a_field_of_another_type_is_not_believed(wrong):
    event = from_record("StepStarted", {"cycle": wrong, "step": "ready"})
    assert isinstance(event, UnknownEvent)


def test_numbers_that_json_does_not_know_are_refused():
    with pytest.raises(ValueError, match="finite"):
        to_record(events.RunFinished("verified", 0, duration_s=float("nan")))


def test_only_events_are_events():
    with pytest.raises(TypeError, match="not an event"):
        to_record(Reason("a", "b"))


def test_verdicts_and_releases_come_back_whole():
    verdict = CaseVerdict("t.py::a", Outcome.PASSED, Verdict.HOLLOW, (Reason("no-contact", "none", ("e1",)),))
    release = Release("r-1", (Revision("auth", "auth-1", "00"),), "2026-01-01T00:00:00Z")
    for event in (
        events.VerdictReached(1, "e2e", verdict, "r-1"),
        events.ReleaseDeployed(1, "local", release, changed=("auth",)),
    ):
        assert from_record(*to_record(event)) == event


def test_every_event_is_registered_and_frozen():
    declared = {
        value
        for name, value in vars(events).items()
        if isinstance(value, type) and value.__module__.startswith(events.__name__) and name != "UnknownEvent"
    }
    assert declared == set(EVENTS)
    for event in EVENTS:
        assert event.__dataclass_params__.frozen
        assert fields(event)
        assert event.__doc__
