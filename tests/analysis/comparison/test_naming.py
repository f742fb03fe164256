"""Which run is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pasts import summary

from greenproof.analysis.comparison import named_run, nearest
from greenproof.model.errors import UsageError

RUNS = (
    summary("20260101T000000Z-aaaaaa", verdict="verified"),
    summary("20260101T000000Z-ab0000", verdict=None, command="deploy"),
    summary("20260102T000000Z-bbbbbb", verdict="verified"),
    summary("20260103T000000Z-cccccc", verdict="failed"),
    summary("20260104T000000Z-dddddd", verdict=None),
)


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("last", 3),
        ("previous", 2),
        ("-1", 2),
        ("-2", 0),
        ("last-good", 2),
        ("20260104", 4),
        ("20260101T000000Z-a", None),
        ("20260101T000000Z-ab", 1),
        ("20260103T000000Z-cccccc", 3),
        ("-3", None),
        ("", None),
        ("-0", None),
        ("cccccc", None),
    ],
)
def test_a_run_is_named_by_its_id_a_beginning_or_its_place(reference: str, number: int | None) -> None:
    if number is not None:
        assert named_run(reference, RUNS) == RUNS[number]
        return
    with pytest.raises(UsageError) as caught:
        named_run(reference, RUNS)
    assert caught.value.code in ("unknown-run", "ambiguous-run")
    assert caught.value.expected
    assert caught.value.hint


def test_an_id_that_begins_another_is_meant_itself() -> None:
    runs = (summary("run"), summary("run-2"))
    assert named_run("run", runs).run == "run"


@given(st.text(max_size=300))
def test_anything_else_is_one_clear_error(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        named_run(f"{reference}~", RUNS)
    assert len(caught.value.message) < 1_000


def test_near_names_begin_with_the_same_test_elsewhere() -> None:
    known = ["a.py::test_total_of_two", "b.py::test_totals", "c.py::test_total", "d.py::test_other"]
    assert nearest("a.py::test_total", known)[0] == "c.py::test_total"
    assert "b.py::test_totals" in nearest("b.py::test_totls", known)
    assert nearest("zzzzzzzz", known) == ()
    assert nearest("x" * 10_000, known) == ()
