"""Value faults: the same shape, other values, the same ones every time."""

import json
import uuid
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.adapters.relay import mutation
from greenproof.model.faults import Blank

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return None


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@given(JSON)
def test_every_leaf_differs_and_the_shape_stays(value: Any) -> None:
    changed = mutation.mutate_json(value)
    assert shape(changed) == shape(value)
    assert all(
        new != old or type(new) is not type(old) for new, old in zip(leaves(changed), leaves(value), strict=True)
    )
    assert mutation.mutate_json(value) == changed


@given(JSON)
def test_a_document_stays_json_and_differs_when_it_has_a_leaf(value: Any) -> None:
    text = json.dumps(value)
    changed = mutation.mutate_text(text)
    assert shape(json.loads(changed)) == shape(value)
    assert (changed != text) == bool(leaves(value))


@given(st.text(min_size=1))
def test_a_string_keeps_its_length(text: str) -> None:
    changed = mutation.mutate_string(text)
    assert changed != text
    assert len(changed) == len(text)


@given(st.uuids())
def test_a_uuid_stays_a_uuid(value: uuid.UUID) -> None:
    changed = uuid.UUID(mutation.mutate_string(str(value)))
    assert changed != value
    assert changed.version == value.version


@given(st.datetimes())
def test_a_timestamp_stays_a_timestamp(value: datetime) -> None:
    assert datetime.fromisoformat(mutation.mutate_string(value.isoformat())) != value


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_moves_further_than_rounding(value: float) -> None:
    changed = mutation.mutate_number(value)
    assert type(changed) is type(value)
    assert abs(changed - value) > 5 or abs(value) > 1e300


@given(st.binary(min_size=1, max_size=3000))
def test_bytes_keep_their_length_and_differ(data: bytes) -> None:
    changed = mutation.mutate_bytes(data)
    assert changed != data
    assert len(changed) == len(data)
    assert mutation.other_bytes(data) != data


@given(JSON, st.integers(0, 200))
def test_a_document_cut_off_anywhere_keeps_its_length(value: Any, cut: int) -> None:
    text = json.dumps(value, ensure_ascii=False)[:cut]
    assert len(mutation.mutate_same_length(text)) == len(text)


def test_a_document_changed_in_place_keeps_its_keys() -> None:
    text = '{"name": "Ada \\u00e9", "n": 199, "big": -1.5e3, "in": [{"name": "x"}]}'
    changed = mutation.mutate_same_length(text)
    assert shape(json.loads(changed)) == shape(json.loads(text))
    assert all(new != old for new, old in zip(leaves(json.loads(changed)), leaves(json.loads(text)), strict=True))


def test_mark_up_is_kept() -> None:
    text = "<p class='a'>Tom &amp; <b>Eve</b></p>"
    changed = mutation.mutate_text(text)
    assert changed != text
    assert changed.startswith("<p class='a'>")
    assert "&amp; <b>" in changed


def test_an_address_stays_an_address() -> None:
    assert mutation.mutate_string("https://example.test/next?p=2").startswith("https://example.test/")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"a": []}', "<br/>", "  "])
def test_where_nothing_can_differ_nothing_does(text: str) -> None:
    assert mutation.mutate_text(text) == text


@pytest.mark.parametrize("line", [b"\n", b": comment\n", b"event: tick\n", b"id: 7\n", b"retry: 10\n"])
def test_only_data_of_an_event_changes(line: bytes) -> None:
    assert mutation.mutate_line(line) == line
    assert mutation.mutate_line(b'data: {"n": 1}\n') == b'data: {"n": 9}\n'
    assert mutation.mutate_line(b"data:tick\r\n") != b"data:tick\r\n"


def test_nesting_without_end_is_survived() -> None:
    text = "[" * 100_000 + "1" + "]" * 100_000
    assert len(mutation.mutate_text(text)) == len(text)


def test_text_in_another_charset_and_broken_text() -> None:
    assert len(mutation.mutate_body("größe".encode("latin-1"), "latin-1", True)) == 5
    assert mutation.mutate_body(b"\xff\xfe\xfd", "utf-8", True) != b"\xff\xfe\xfd"
    assert mutation.mutate_body(b"abc", "no-such-charset", True) != b"abc"


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
))  # fmt: skip
def test_nothing_is_left_but_the_keys(value):
    left = mutation.empty_json(value)
    assert type(left) is type(value) or value is None
    if isinstance(value, dict):
        assert left.keys() == value.keys()
    if isinstance(value, list):
        assert left == []


def test_what_later_requests_need_may_stay():
    order = {"id": 7, "orderId": "o-7", "links": {"self_url": "/orders/7"}, "total": 5, "paid": "no", "valid": True}
    left = mutation.empty_json(order, mutation.Emptying(whole=False))
    assert {key for key in order if left[key] == order[key]} == {"id", "orderId", "links"}
    assert all(value != order[key] for key, value in mutation.empty_json(order).items())


@given(st.text(max_size=30) | st.uuids().map(str) | st.dates().map(str) | st.integers() | st.booleans())
def test_what_is_changed_twice_is_changed(value):
    again = mutation.empty_json(value, mutation.Emptying(again=True))
    assert again != value
    assert type(again) is type(value)


def test_what_is_left_of_an_answer():
    order = {"id": "o1", "lines": [{"price": 5, "note": ""}], "tags": [], "paid": True, "by": None}

    def left(blank, **others):
        return mutation.empty_json(order, mutation.Emptying(blank, **others))

    values = left(Blank.OTHER, lists=True)
    assert values["lines"][0]["price"] != 5
    assert (values["tags"], values["by"], values["paid"]) == ([], None, False)
    assert left(Blank.OTHER, again=True)["id"] not in ("o1", values["id"])
    assert (left(Blank.OTHER)["lines"], left(Blank.OTHER)["tags"]) == ([], [])
    nothing = {"id": "", "lines": [], "tags": ["changed"], "paid": False, "by": "changed"}
    assert left(Blank.NOTHING) == nothing
    assert left(Blank.NOTHING, lists=True) == {**nothing, "lines": [{"price": 0, "note": "x"}], "tags": []}
    assert left(Blank.NULL) == {**nothing, "id": None, "lines": None, "paid": None}
    assert mutation.empty_json([1], mutation.Emptying(Blank.NULL)) == []
    assert left(Blank.NOTHING, without=("id", "lines")).keys() == {"tags", "paid", "by"}
    assert left(Blank.NOTHING, whole=False)["id"] == "o1"


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("data", [b"id;name\n1;Ada", b"\x89PNG\r\n"])
def test_a_body_that_is_no_json_has_no_word_of_it(lists, data):
    emptying = mutation.Emptying(lists=lists)
    left = mutation.empty(data, None, emptying, textual=True)
    assert left != data
    assert (left == b"") is not lists
    assert mutation.empty(data, None, emptying, textual=False) == b""


@pytest.mark.parametrize(
    ("data", "blank"),
    [(b"[]", True), (b'{"items": [], "next": null}', True), (b'{"total": 0}', False), (b"[0]", False), (b"", False)],
)
def test_what_holds_nothing_from_the_start(data, blank):
    assert mutation.is_blank(data, None) is blank


def test_where_there_is_nothing_there_is_something():
    assert json.loads(mutation.empty(b'{"items": [], "next": null}', None)) == {"items": ["changed"], "next": None}
    assert json.loads(mutation.empty(b'{"items": [], "total": 0}', None)) == {"items": [], "total": 7}


def test_the_version_of_a_protocol_is_no_value():
    assert mutation.mutate_json({"jsonrpc": "2.0", "result": "2.0"})["jsonrpc"] == "2.0"
    assert mutation.mutate_json({"jsonrpc": "1.0"})["jsonrpc"] != "1.0"


@given(st.binary(max_size=200))
def test_what_is_no_document_has_no_word_left(data):
    emptied = mutation.empty(data, None)
    assert emptied == b"" or json.loads(emptied) is not None or json.loads(data) is not None
