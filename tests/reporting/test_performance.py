"""Promises about time as they are told."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from promises import ALL, MET, NOTHING, ROUTES

import greenproof.reporting.result
from greenproof.model.history import PerformancePast
from greenproof.model.performance import LeftOut, Measure, Performance, PerformanceTarget
from greenproof.reporting.performance import (
    performance_document,
    performance_lines,
    performance_notes,
    performance_rows,
    timed,
)


def test_what_is_well_is_one_line_and_the_rest_is_named() -> None:
    assert list(performance_lines(ALL)) == [
        "performance: 1 of 3 promises met, measured at the relay",
        "  missed: start|?[31m: max 61.0 ms of 3 samples, limit 50 ms",
        "  not measured, too few samples: pause (1 of 4)",
    ]
    assert list(performance_lines(())) == []


def test_the_rows_of_the_worklog() -> None:
    before = {"API response": PerformancePast("API response", "met", "response", "p95", 100.0, 7.0)}
    assert list(performance_rows(ALL, before)) == [
        ("API response", "api, auth", "end of request to head of answer", "p95 100 ms", "8.2 ms", "7.0 ms", "4.0 ms",
         "20.5 ms", "30", "met"),
        ("start|\x1b[31m (gates)", "api", "client's message to agent_started", "max 50 ms", "61.0 ms", "-", "40.0 ms",
         "61.0 ms", "3", "missed"),
        ("pause", "api", "server's message to its next", "p95 5 ms", "-", "-", "-", "-", "1 (needs 4)",
         "not measured"),
    ]  # fmt: skip


def test_what_was_left_out_and_what_was_slowest_is_named() -> None:
    left_out, slowest, too_much = performance_notes(ALL)
    assert left_out.startswith("API response: 30 samples, left out: 2 of cases that did not pass at once, 1 answered ")
    assert slowest == "start|\x1b[31m: slowest: 61.0 ms x9 (t::b|\x1b[31m), 40.0 ms x8 (no case)."
    assert too_much == "pause: 1 samples, left out: 6 past the relay's limits."


@pytest.mark.parametrize("measure", Measure)
def test_every_measure_is_told_in_words(measure: Measure) -> None:
    target = PerformanceTarget("x", ROUTES, 5.0, measure, event="done", sent="ask")
    assert timed(replace(NOTHING, target=target))
    assert str(measure.value) != timed(replace(NOTHING, target=target))


@pytest.mark.parametrize("found", ALL, ids=["met", "missed", "not measured"])
def test_the_document_is_as_the_schema_says(found: Performance) -> None:
    schema = json.loads(Path(greenproof.reporting.result.__file__).with_name("result.schema.json").read_text())
    document = json.loads(json.dumps(performance_document(found)))
    jsonschema.validate(document, schema["properties"]["performance"]["items"])
    assert (document["met"], document["value_ms"], document["n"]) == (found.met.value, found.value_ms, found.n)
    assert sum(document["left_out"].values()) == sum(found.left_out.values())


@pytest.mark.parametrize("reason", LeftOut)
def test_every_reason_is_in_the_schema_and_has_words(reason: LeftOut) -> None:
    test_the_document_is_as_the_schema_says(replace(MET, left_out={reason: 1}))
    (note,) = performance_notes((replace(MET, left_out={reason: 1}),))
    assert "left out: 1 " in note
