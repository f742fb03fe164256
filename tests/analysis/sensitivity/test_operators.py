"""Operators: each changes what it promises, keeps the rest, and does the same again for the same seed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.sensitivity import OPERATORS, pack
from greenproof.analysis.sensitivity.registry import changed, places
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Answer, Disturbance, Means

ROUTE = Route("GET", "/things", "shop")
HEADERS = (("Content-Type", "application/json; charset=utf-8"), ("Location", "https://example.org/things/1"))
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
BODY = [operator for operator in OPERATORS if operator.means is Means.BODY]
HEAD = [operator for operator in OPERATORS if operator.means is Means.HEAD]


def test_the_23_operators_of_httpmutator_are_there():
    sources = {operator.source for operator in OPERATORS if operator.source}
    assert sources == {
        "R2XX", "R4XX", "R5XX", "CTC", "CTD", "CPC", "CPD", "LHC", "LHD", "AEA", "AER", "AEE", "EAS", "OPA", "OPR",
        "OTPR", "PTC", "BPR", "NPS", "NPR", "SPR", "SCA", "SRE",
    }  # fmt: skip
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS)


def test_the_page_tells_every_operator_as_it_is():
    page = (Path(__file__).parents[3] / "docs" / "sensitivity.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{one.name}` | {one.source or ''} | {one.text} |" for one in OPERATORS]


@given(documents, st.integers(0, 99), st.sampled_from(BODY))
def test_a_changed_body_is_another_one_still_json_and_the_same_for_the_same_seed(document, seed, operator):
    body = json.dumps(document).encode()
    answer = Answer(200, HEADERS, body)
    for pointer, kind in places(body):
        if kind not in operator.kinds or (not pointer and not operator.root):
            continue
        fault = Disturbance(operator.name, operator.means, ROUTE, pointer, seed)
        made = changed(fault, answer)
        assert made == changed(fault, answer)
        if made is not None:
            assert repr(json.loads(made.body)) != repr(document)
            assert (made.status, made.headers) == (200, HEADERS)


@pytest.mark.parametrize("operator", HEAD, ids=lambda operator: operator.name)
def test_a_changed_head_keeps_the_body(operator):
    made = changed(Disturbance(operator.name, operator.means, ROUTE), Answer(200, HEADERS, b"{}"))
    assert made is not None
    assert made.body == b"{}"
    assert (made.status != 200) != (made.headers != HEADERS)


@given(st.integers(0, 20), st.integers(1, 9), st.integers(0, 9))
def test_packing_tries_no_fault_twice_and_counts_what_is_left(count, runs, seed):
    faults = tuple(Disturbance(one.name, one.means, ROUTE, "", seed) for one in OPERATORS[:count])
    packed = pack({"a": faults, "b": faults[:3]}, runs)
    for case, fitting in (("a", faults), ("b", faults[:3])):
        tried = [run[case] for run in packed.runs if case in run]
        assert len(tried) == len(set(tried)) == min(runs, len(fitting))
        assert packed.left_out[case] == len(fitting) - len(tried)


HOSTILE = (
    b'{"\\ud800": "\\udc00"}',
    '{"\\ud800": "ä"}'.encode(),
    b'{"a": NaN, "b": 1e999, "a/b~c": {"": []}}',
    b"[" * 800 + b"]" * 800,
    b"[" * 100_000,
    b'{"n": ' + b"9" * 5000 + b"}",
    b"\xff\xfe\x00",
    b"",
    b'{"' + b"k" * 5000 + b'": {"x": true}}',
    json.dumps({"*": 1, "x": {"*": [1, 2]}}).encode(),
)


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bodies_are_changed_or_left_alone_and_never_stop_the_relay(body):
    named = places(body)
    json.dumps(named).encode()
    assert all(len(pointer) < 5_000 for pointer, _ in named)
    for operator in BODY:
        for pointer in ("", *(pointer for pointer, _ in named[:40])):
            pointer.encode()
            made = changed(Disturbance(operator.name, operator.means, ROUTE, pointer), Answer(200, (), body))
            assert made is None or made.body != body
