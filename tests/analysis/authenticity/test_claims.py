"""Globs over node ids, routes, plumbing."""

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.authenticity.claims import generalise, matches_any


def test_a_glob_names_the_parametrised_cases_of_a_test() -> None:
    assert matches_any("e2e/test_a.py::test_b[x-1]", ["e2e/test_a.py::test_b"])
    assert matches_any("e2e/test_a.py::test_b[x-1]", ["e2e/test_a.py::*"])
    assert not matches_any("e2e/test_a.py::test_bc", ["e2e/test_a.py::test_b"])


def test_a_glob_may_leave_out_leading_folders() -> None:
    for glob in ("suite/api/test_a.py::test_b", "api/test_a.py::*", "test_a.py::test_b", "test_a.py::test_b*"):
        assert matches_any("suite/api/test_a.py::test_b[x/y]", [glob])
    for glob in ("est_a.py::test_b", "pi/test_a.py::*", "y]", "test_b", "other/test_a.py::*"):
        assert not matches_any("suite/api/test_a.py::test_b[x/y]", [glob])


@given(st.text())
def test_brackets_in_ids_are_no_character_classes(parameter: str) -> None:
    case = f"t.py::test[{parameter}]"
    assert matches_any(case, [case]) or any(c in parameter for c in "*?")


def test_identifiers_in_paths_are_generalised() -> None:
    assert generalise("/threads/42/messages") == "/threads/{id}/messages"
    assert generalise("/u/0191d5a0-7c1e-7a3b-8f00-1234567890ab") == "/u/{id}"
    assert generalise("/threads/search") == "/threads/search"


@given(st.text(alphabet="abc/0123456789-"))
def test_generalising_twice_changes_nothing(path: str) -> None:
    assert generalise(generalise(path)) == generalise(path)
