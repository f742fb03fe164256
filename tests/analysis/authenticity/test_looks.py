"""What the checks of a test look at, read from its source."""

import ast
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.authenticity.looks import Look, Looks, looks_of
from greenproof.analysis.authenticity.tolerance import Sources
from greenproof.model.faults import Blank, Substitute


def looks(body: str) -> Looks:
    return looks_of([ast.parse(body)])


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("assert True", set()),
        ("assert data == data", set()),
        ("assert answer.ok", set()),
        ("assert answer.status_code < 400", set()),
        ("assert answer.request.method == 'POST'", set()),
        ("assert answer.json()['name'] == name", {Look.VALUE}),
        ("assert 'Ada' in answer.text", {Look.VALUE}),
        ("assert names == sorted(names)", {Look.VALUE}),
        ("assert order['id'].startswith('o_')", {Look.VALUE}),
        ("assert order.status == 'paid'", {Look.VALUE}),
        ("assert answer.status_code == 201", {Look.STATUS}),
        ("assert answer.status_code in (200, 201)", {Look.STATUS}),
        ("assert answer.status_code == codes.CREATED", {Look.STATUS}),
        ("assert answer.headers['etag'] == tag", {Look.BESIDE}),
        ("assert http.get('/', headers=person.headers).json() == order", {Look.VALUE}),
        ("assert all(one['state'] == 'free' for one in items)", {Look.EACH, Look.VALUE}),
        ("assert not [one for one in items if one['state'] != 'free']", {Look.EACH, Look.VALUE}),
        ("assert answer.elapsed.total_seconds() < 5", set()),
        ("assert len(items) >= 0", set()),
        ("assert one['number'] < other['number']", {Look.OPEN}),
        ("for one in items:\n    assert one", {Look.EACH, Look.SIZE}),
        ("assert items", {Look.SIZE}),
        ("assert len(items) == 3", {Look.SIZE}),
        ("assert [len(page) for page in pages] == [2, 1]", {Look.SIZE}),
        ("assert total > 0", {Look.SIZE}),
        ("assert items == []", {Look.NONE}),
        ("assert order['member'] is None", {Look.NONE}),
        ("assert not items", {Look.NONE}),
        ("assert isinstance(order, dict)", {Look.KIND}),
        ("assert order['id'] is not None", {Look.KIND}),
        ("assert 'id' in order", {Look.KEY}),
        ("assert order['id'] not in ids", {Look.ABSENT}),
        ("assert before != after", {Look.OPEN}),
        ("self.assertEqual(order['total'], 5)", {Look.VALUE}),
        ("self.assertTrue(items)", {Look.SIZE}),
        ("self.assertGreater(total, 0)", {Look.SIZE}),
        ("self.assertFalse(items)", {Look.NONE}),
        ("self.assertIsNotNone(order)", {Look.KIND}),
        ("self.assertRegex(order['id'], 'o_')", {Look.VALUE}),
        ("self.assertEqual(answer.status_code, 200)", {Look.STATUS}),
        ("assert ready and total == 5", {Look.SIZE, Look.VALUE}),
    ],
)
def test_what_a_check_looks_at(body: str, found: set[Look]) -> None:
    assert looks(body).found == found


@pytest.mark.parametrize(
    ("body", "blank", "without"),
    [
        ("assert True", Blank.OTHER, ()),
        ("assert order['total'] == 5", Blank.OTHER, ()),
        ("assert items\nassert all(one['free'] for one in items)", Blank.NOTHING, ()),
        ("for one in order.values():\n    assert isinstance(one, int)", Blank.NULL, ()),
        ("assert items", Blank.NOTHING, ()),
        ("assert items == []", Blank.NOTHING, ()),
        ("assert isinstance(order['id'], str)", Blank.NULL, ()),
        ("assert isinstance(items, list) and len(items) > 1", Blank.NOTHING, ()),
        ("assert 'id' in order and 'total' in order", Blank.NOTHING, ("id", "total")),
        ("for field in ('id', 'total'):\n    assert field in order", Blank.NOTHING, ("id", "total")),
        ("assert all(field in order for field in ['id'])", Blank.NOTHING, ("id",)),
        ("assert order.keys() == {'id', 'id'}", Blank.NOTHING, ("id",)),
        ("assert {'id'} <= set(order)", Blank.NOTHING, ("id",)),
    ],
)
def test_what_is_taken_out_of_the_answers(body: str, blank: Blank, without: tuple[str, ...]) -> None:
    found = looks(body).emptied(3, 1)
    assert replace(found, lists=False) == Substitute(
        None, emptied=True, after=1, whole_from=3, blank=blank, without=without
    )


@pytest.mark.parametrize(
    ("body", "lists"),
    [
        ("assert True", True),
        ("assert order['total'] == 5", True),
        ("assert all(one['free'] for one in items)", True),
        ("assert items", False),
        ("assert items == []", False),
        ("assert order == {'lines': [], 'total': 5}", False),
        ("assert order == {'lines': []}", False),
    ],
)
def test_lists_stay_for_who_goes_through_them(body: str, lists: bool) -> None:
    assert looks(body).emptied(1).lists is lists


@pytest.mark.parametrize(
    ("body", "beyond"),
    [
        ("assert order['id'] not in ids", True),
        ("assert answer.status_code == 204", True),
        ("assert answer.headers['etag']", True),
        ("assert answer.status_code == 200\nassert order['total'] == 5", True),
        ("assert order['total'] == 5", False),
        ("assert 1 < total < 5", True),
        ("assert len(answer.text) > 20", True),
        ("assert total > 0", False),
    ],
)
def test_what_no_emptied_answer_shows(body: str, beyond: bool) -> None:
    assert looks(body).beyond_content is beyond


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert 'id' in order", Substitute(None, emptied=True, after=1, whole_from=2)),
        ("assert order['id']", Substitute(None, emptied=True, after=1, whole_from=2)),
        ("assert items == []", Substitute(None, emptied=True, after=1, whole_from=2, blank=Blank.NOTHING)),
        ("assert order['total'] == 5", Substitute(None, emptied=True, after=1, whole_from=2, lists=True)),
        ("assert data is None or data['order'] != made", Substitute(None, emptied=True, after=1, whole_from=2)),
    ],
)
def test_what_a_helper_lets_through_is_seen_by_a_value(body: str, expected: Substitute) -> None:
    assert looks(body).let_through(2, 1) == expected


def test_where_a_test_has_no_check_those_of_its_helpers_count() -> None:
    files = {
        "test_a.py": "def test_a():\n    looked(get())\ndef test_b():\n    looked(get())\n    assert total == 5\n",
        "help.py": "def looked(order):\n    assert order['id']\n    assert order not in orders\n",
    }
    sources = Sources.read(files)
    assert sources.looks("test_a.py::test_a").found == {Look.SIZE, Look.OPEN}
    assert not sources.looks("test_a.py::test_a").absence
    assert sources.looks("test_a.py::test_b[1]").found == {Look.VALUE}
    assert sources.looks("test_a.py::test_c").found == set()


@pytest.mark.parametrize(
    ("mark", "found", "keys"),
    [
        ("'field', ['id', 'name']", {Look.KEY}, ["id", "name"]),
        ("'field', FIELDS", {Look.OPEN}, []),
        ("'field, other', [('id', 1)]", {Look.OPEN}, []),
        ("'other', [1]", {Look.VALUE}, []),
    ],
)
def test_a_parameter_stands_for_what_is_written_there(mark: str, found: set[Look], keys: list[str]) -> None:
    told = looks_of(ast.parse(f"@pytest.mark.parametrize({mark})\ndef test_a(field):\n    assert field in order").body)
    assert (told.found, told.keys) == (found, keys)


@given(st.text(max_size=60))
def test_any_source_is_read(text: str) -> None:
    assert isinstance(Sources.read({"a.py": f"def test_a():\n    assert {text}"}).looks("a.py::test_a"), Looks)
