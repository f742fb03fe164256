"""A comparison as people and programs read it."""

import json
from dataclasses import replace

import jsonschema
from pasts import AFTER, component, past, record, summary
from proofs import HOSTILE
from syrupy.assertion import SnapshotAssertion

from greenproof.analysis.comparison import Others, compare
from greenproof.model.comparison import STATES, Comparison
from greenproof.model.history import PerformancePast
from greenproof.model.verdicts import Verdict
from greenproof.reporting.comparison import SCHEMA, comparison_document, comparison_lines, schema


def comparison() -> Comparison:
    before = record(
        summary(),
        past("t.py::test_same", Verdict.PROVEN),
        past(HOSTILE, Verdict.PROVEN),
        past("t.py::test_mended", Verdict.HOLLOW, "unchecked"),
        past("t.py::test_blind", Verdict.HOLLOW, "no-contact"),
        past("t.py::test_other", Verdict.UNPROVEN, "no-receipt"),
        past("t.py::test_gone", Verdict.PROVEN),
        past("t.py::test_old_name", Verdict.PROVEN),
        components=[component("api", "ready", "api-1"), component("redis", latency_ms=1.0)],
        bodies={"t.py::test_old_name": "f00d"},
    )
    after = record(
        summary(AFTER, release="r-2", environment="local", faults=None, verdict="inconclusive", exit_code=6),
        past("t.py::test_same", Verdict.PROVEN, duration_s=2.0),
        past(HOSTILE, Verdict.FAILED, "failed"),
        past("t.py::test_mended", Verdict.PROVEN),
        past("t.py::test_blind", Verdict.HOLLOW, "no-contact"),
        past("t.py::test_other", Verdict.UNPROVEN, "stale-log"),
        past("t.py::test_new_name", Verdict.PROVEN),
        components=[component("api", "ready", "api-2"), component("redis", "refused")],
        bodies={"t.py::test_new_name": "f00d"},
    )
    promise = PerformancePast("answer \x07", "met", "response", "p95", 100.0, 90.0)
    slower = replace(promise, met="missed", value_ms=190.0, limit_ms=120.0)
    before, after = replace(before, performance={"p": promise}), replace(after, performance={"p": slower})
    return compare(before, after, Others({"t.py::test_same": [0.5, 0.51, 0.49, 0.5, 0.52]}, {}, {"p": [90.0] * 5}))


def test_the_comparison_as_it_is_printed(snapshot: SnapshotAssertion) -> None:
    assert "\n".join(comparison_lines(comparison())) == snapshot


def test_two_equal_runs_as_they_are_printed(snapshot: SnapshotAssertion) -> None:
    one = record(summary(), past("t.py::test_same", Verdict.PROVEN))
    assert "\n".join(comparison_lines(compare(one, one))) == snapshot


def test_the_document_fits_its_schema() -> None:
    document = json.loads(json.dumps(comparison_document(comparison())))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema())
    assert document["schema"] == SCHEMA == schema()["properties"]["schema"]["const"]
    assert sum(one["cases"] for one in document["transitions"]) == document["denominator"]["cases"] == 8
    states = schema()["properties"]["counts"]["items"]["properties"]["state"]["enum"]
    assert sorted(states) == sorted(STATES)
    document["worse"][0]["after"] = "broken"
    errors = jsonschema.Draft202012Validator(schema()).iter_errors(document)
    assert [error.json_path for error in errors] == ["$.worse[0].after"]


def test_long_lists_are_cut_unless_all_is_wanted() -> None:
    one = record(summary(), *(past(f"t.py::test_{n}", Verdict.HOLLOW) for n in range(50)))
    short, long = list(comparison_lines(compare(one, one))), list(comparison_lines(compare(one, one), verbose=True))
    assert "  and 30 more (-v shows them)" in short
    assert "  t.py::test_49" in long


def test_nothing_from_outside_drives_the_terminal() -> None:
    assert all(line.isprintable() for line in comparison_lines(comparison(), verbose=True))
