"""A history as people and programs read it."""

import json
from dataclasses import replace

import jsonschema
import pytest
from pasts import AFTER, BEFORE, component, past, summary
from proofs import HOSTILE
from syrupy.assertion import SnapshotAssertion

from greenproof.model.verdicts import Verdict
from greenproof.reporting.history import (
    SCHEMA,
    CaseHistory,
    ComponentHistory,
    History,
    history_document,
    history_lines,
    schema,
)

RUNS = {
    BEFORE: summary(revisions=(("api", "api-1"),)),
    AFTER: summary(AFTER, release=None, revisions=(("api", "api\x1b2"),)),
}
CASES = (
    CaseHistory(
        HOSTILE,
        (
            replace(past(HOSTILE, Verdict.HOLLOW, "unchecked", run=AFTER), release=None, cycle=2),
            past(HOSTILE, Verdict.PROVEN),
            replace(past(HOSTILE, None, run="run-nobody-knows"), sensitivity=None, evidence=(), release=None),
        ),
        more=True,
    ),
    CaseHistory("t.py::test_other", (past("t.py::test_other", Verdict.NOT_RUN, "lost", duration_s=None),)),
)
COMPONENTS = (
    ComponentHistory(
        "api", (component("api", revision="api-1"), replace(component("api", "refused"), ready_s=None, detail="no\x07"))
    ),
)


def text(found: History, matched: int, *, verbose: bool = False) -> str:
    return "\n".join(history_lines(found, RUNS, matched, verbose=verbose))


def test_a_case_as_it_is_printed(snapshot: SnapshotAssertion) -> None:
    assert text(CASES[:1], 1) == snapshot


def test_several_cases_as_they_are_printed(snapshot: SnapshotAssertion) -> None:
    assert text(CASES, 7) == snapshot


def test_a_component_as_it_is_printed(snapshot: SnapshotAssertion) -> None:
    assert text(COMPONENTS, 1) == snapshot


def test_every_piece_of_evidence_is_named_if_that_is_wanted() -> None:
    assert "evidence: x1" in text(CASES[:1], 1, verbose=True)
    assert "evidence: 1" in text(CASES[:1], 1)


@pytest.mark.parametrize(("kind", "found"), [("case", CASES), ("service", COMPONENTS)])
def test_the_document_fits_its_schema(kind: str, found: History) -> None:
    document = json.loads(json.dumps(history_document(kind, "*", found, RUNS, 7)))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema())
    assert document["schema"] == SCHEMA == schema()["properties"]["schema"]["const"]
    other = {**document, "kind": "case" if kind == "service" else "service"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(other, schema())


def test_nothing_from_outside_drives_the_terminal() -> None:
    for found in (CASES, CASES[:1], COMPONENTS):
        assert all(line.isprintable() for line in history_lines(found, RUNS, len(found), verbose=True))
