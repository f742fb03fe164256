"""Values of options: what no case can match is refused, what one can match is not."""

import click
import pytest

from greenproof.analysis.authenticity.claims import matches_any
from greenproof.cli.values import CaseGlob, Finite


@pytest.mark.parametrize("glob", ["", "  ", "[", "test_a.py::test_b[1", "/suite/test_a.py", "test_\na.py"])
def test_a_glob_that_matches_nothing_is_refused(glob: str) -> None:
    with pytest.raises(click.BadParameter, match="can match no case"):
        CaseGlob().convert(glob, None, None)


@pytest.mark.parametrize("glob", ["*", "test_a.py::*", "test_a.py::test_b[1]", "test_a.py::test_b[*", "*test_b[1?"])
def test_a_glob_that_matches_a_case_is_taken(glob: str) -> None:
    assert CaseGlob().convert(glob, None, None) == glob
    assert matches_any("suite/test_a.py::test_b[1]", [glob])


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "0.5", "11", "ten"])
def test_a_number_is_finite_and_in_its_range(number: str) -> None:
    with pytest.raises(click.BadParameter):
        Finite(1, 10).convert(number, None, None)
    assert Finite(1, 10).convert("1e1", None, None) == 10.0
