"""What proven cases notice, as JSON and as lines: every number beside its denominator, nothing hostile in the text."""

import json
from dataclasses import replace

import jsonschema
from proofs import HOSTILE, proof

from greenproof.model.facts import Outcome
from greenproof.model.sensitivity import CaseSensitivity, FieldNoticed, FieldUnnoticed, Sensitivity, Trial
from greenproof.reporting.result import result, schema
from greenproof.reporting.sensitivity import sensitivity_document, sensitivity_lines
from greenproof.reporting.summary import summary_lines

SURVIVED = Trial(HOSTILE, 2, "null-set", "api: GET /things", "/a\x1b[2Jb", 1, Outcome.PASSED, False)
FOUND = Sensitivity(
    seed=7,
    runs=2,
    allowed=8,
    cases=(
        CaseSensitivity(HOSTILE, 2, 1, (SURVIVED,), not_delivered=1, undecided=1, left_out=5),
        CaseSensitivity("t::strict", 2, 2),
        CaseSensitivity("t::writes", unsafe="it may write: api: POST /things"),
    ),
    trials=(SURVIVED,),
    unnoticed=(FieldUnnoticed("api: GET /things", "/a\x1b[2Jb", 1, (HOSTILE,), ("null-set",)),),
    fields=3,
    left_out=5,
    notes=("a note\x07",),
    operators={"null-set": (0, 1)},
    duration_s=1.5,
    noticed=(
        FieldNoticed("api: GET /things", "/name", 3, (HOSTILE, "t::strict"), (HOSTILE, "t::strict")),
        FieldNoticed("api: GET /things", "/price", 2, (HOSTILE, "t::strict"), ("t::strict",)),
    ),
)


def test_the_document_fits_the_schema_and_is_null_when_nobody_asked() -> None:
    document = json.loads(json.dumps(result(replace(proof(), sensitivity=FOUND))))
    jsonschema.validate(document, schema())
    assert [case["share"] for case in document["sensitivity"]["cases"]] == [0.5, 1.0, None]
    assert result(proof())["sensitivity"] is None


def test_totals_are_sums_of_the_cases() -> None:
    document = sensitivity_document(FOUND)
    assert document is not None
    for name in ("delivered", "noticed", "not_delivered", "undecided", "left_out"):
        assert document[name] == sum(case[name] for case in document["cases"])


def test_the_lines_have_denominators_and_hide_what_noticed_everything() -> None:
    lines = list(sensitivity_lines(FOUND))
    assert lines[0] == "sensitivity: 3 of 4 delivered faults noticed, in 2 of at most 8 runs (seed 7)"
    assert "  unsafe: 1 of 3 proven cases may write, and were left out" in lines
    assert "  not told: 5 for want of runs, 1 not delivered, 1 undecided" in lines
    assert any("noticed 1 of 2; not: null-set" in line for line in lines)
    assert "  fields that were changed and that no test noticed: 1 of 3" in lines
    assert not any("t::strict: noticed" in line for line in lines)
    verbose = list(sensitivity_lines(FOUND, verbose=True))
    assert any("t::strict: noticed 2 of 2" in line for line in verbose)
    assert any("t::writes: unsafe, it may write" in line for line in verbose)
    assert list(sensitivity_lines(None)) == []


def test_who_noticed_which_field_is_told_and_what_one_test_alone_noticed_comes_first() -> None:
    lines = list(sensitivity_lines(FOUND))
    place = lines.index("  fields that some test noticed: 2 of 3, 1 of them one test alone")
    assert lines[place + 1] == "    api: GET /things /price: t::strict (1 of 2 cases)"
    assert lines[place + 2].startswith("    api: GET /things /name: ")
    assert lines[place + 2].endswith(" and 1 more (2 of 2 cases)")
    many = tuple(FieldNoticed("api: GET /things", f"/{n}", 1, ("t::a",), ("t::a",)) for n in range(9))
    found = replace(FOUND, fields=10, noticed=many)
    assert list(sensitivity_lines(found))[-1] == "    and 4 more (-v shows them)"
    assert sum("t::a (1 of 1 cases)" in line for line in sensitivity_lines(found, verbose=True)) == 9


def test_nothing_hostile_reaches_the_screen() -> None:
    for line in summary_lines(replace(proof(), sensitivity=FOUND), verbose=True):
        assert all(character.isprintable() for character in line), line


def test_verdicts_are_the_same_with_and_without() -> None:
    plain, sensed = result(proof()), result(replace(proof(), sensitivity=FOUND))
    sensed["sensitivity"] = None
    assert plain == sensed
