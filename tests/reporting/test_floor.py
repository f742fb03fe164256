"""The floor as a person reads it, and as JSON."""

import json

import jsonschema
import pytest
from syrupy.assertion import SnapshotAssertion

from greenproof.analysis.floor import Plans, judge_floor
from greenproof.model.facts import CaseRecord, Outcome, RunObservation, TestProcess
from greenproof.model.floor import Backend, BackendRun, Floor
from greenproof.model.plan import Category
from greenproof.reporting.floor import SCHEMA, floor_document, floor_lines, schema

HOSTILE = "test_evil.py::test_x[\x1b[31m|\n\udc80]"
P, F, S = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED
OUTCOMES = {
    "test_orders.py::test_total": (F, F, F),
    "test_orders.py::test_down": (P, P, F),
    "test_orders.py::test_swallows": (P, P, P),
    "test_health.py::test_healthy": (F, F, P),
    "test_health.py::test_later": (S, S, S),
    HOSTILE: (P, P, P),
}


def floor(outcomes: dict[str, tuple[Outcome, ...]]) -> Floor:
    runs = []
    for index, backend in enumerate(Backend):
        cases = tuple(
            CaseRecord(i, found[index], connections=1, foreign_connections=1, skip_reason="later")
            for i, found in outcomes.items()
        )
        process = TestProcess(1, "main", None, "/suite", (), exit_status=1)
        observation = RunObservation(None, 1, False, (process,), tuple(outcomes), (), (), cases, (), duration_s=1.5)
        runs.append(BackendRun(backend, observation, cut_off=frozenset({"test_orders.py::test_total"}), tail=("no",)))
    plans = Plans("2026-01-01T00:00:00+00:00", ("pytest",), ("api",), categories=(Category("health", ("*health*",)),))
    return judge_floor(runs, plans)


def test_the_text(snapshot: SnapshotAssertion) -> None:
    assert "\n".join(floor_lines(floor(OUTCOMES))) == snapshot


def test_the_text_of_nothing(snapshot: SnapshotAssertion) -> None:
    assert "\n".join(floor_lines(floor({"t.py::later": (S, S, S)}))) == snapshot


def test_no_name_can_drive_the_terminal_or_make_the_output_long() -> None:
    many = {f"t.py::test_{i}": (P, P, P) for i in range(500)}
    lines = list(floor_lines(floor({HOSTILE: (P, P, P), **many})))
    assert all(line.isprintable() for line in lines)
    assert len(lines) < 130
    assert len(list(floor_lines(floor(many), verbose=True))) > 1_000


@pytest.mark.parametrize("outcomes", [OUTCOMES, {}])
def test_the_document_fits_its_schema(outcomes: dict[str, tuple[Outcome, ...]]) -> None:
    document = json.loads(json.dumps(floor_document(floor(outcomes))))
    jsonschema.validate(document, schema())
    assert document["schema"] == SCHEMA == schema()["properties"]["schema"]["const"]
    assert sum(document["summary"]["findings"].values()) == document["summary"]["cases"] == len(outcomes)


def test_the_schema_refuses_another_document() -> None:
    document = floor_document(floor(OUTCOMES))
    document["cases"][0]["finding"] = "green"
    validator = jsonschema.Draft202012Validator(schema())
    assert [error.json_path for error in validator.iter_errors(document)] == ["$.cases[0].finding"]
