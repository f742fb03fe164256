"""The JSON result fits its published schema, and says what was judged."""

import json
from dataclasses import replace

import jsonschema
import pytest
from proofs import HOSTILE, proof

from greenproof.model.inheritance import COMPONENTS, FAULTS, PERFORMANCE, PLAN, RELEASE, Inherited
from greenproof.reporting.result import SCHEMA, result, schema
from greenproof.reporting.summary import summary_lines


def test_the_result_fits_the_schema() -> None:
    document = json.loads(json.dumps(result(proof(), head="0" * 64)))
    jsonschema.validate(document, schema())
    assert document["schema"] == SCHEMA == schema()["properties"]["schema"]["const"]


def test_the_schema_is_strict_enough_to_refuse_another_document() -> None:
    document = result(proof())
    document["cases"][0]["verdict"] = "green"
    validator = jsonschema.Draft202012Validator(schema())
    assert [error.json_path for error in validator.iter_errors(document)] == ["$.cases[0].verdict"]


def test_every_case_is_told_with_its_reasons_and_evidence() -> None:
    cases = {case["id"]: case for case in result(proof())["cases"]}
    proven = cases["test_orders.py::test_order"]
    assert proven["verdict"] == "proven"
    assert proven["receipts"] == ["header:x1"]
    assert proven["exchanges"][0]["path"] == "/orders"
    assert [(f["kind"], f["noticed"]) for f in proven["faults"]] == [("error", True), ("value", True)]
    assert [r["code"] for r in cases["test_orders.py::test_blind"]["reasons"]] == ["no-contact"]
    assert cases[HOSTILE]["failure"]["text"] == "assert 500 == 201"


def test_the_counts_have_their_denominator() -> None:
    summary = result(proof())["summary"]
    assert sum(summary["verdicts"].values()) == summary["cases"] == 4
    assert summary["runner"]["passed"] == 2


@pytest.mark.parametrize("what", [PLAN, RELEASE, COMPONENTS, FAULTS, PERFORMANCE])
def test_what_was_inherited_is_told_with_where_it_comes_from(what: str) -> None:
    item = Inherited(what, "1 is missing.", "20251230T000000Z-000000", "2025-12-30T00:00:00Z", None, ("t::1",))
    inheriting = replace(proof(), inherited=(item,))
    document = json.loads(json.dumps(result(inheriting)))
    jsonschema.validate(document, schema())
    (told,) = document["inherited"]
    assert (told["run"], told["at"], told["release"], told["cases"]) == (item.run, item.at, None, ["t::1"])
    assert f"inherited from run {item.run} ({item.at}): 1 is missing." in list(summary_lines(inheriting))
    assert result(proof())["inherited"] == []
