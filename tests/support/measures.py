"""Measures made of texts, and what changed between two of them."""

from collections.abc import Mapping
from textwrap import dedent

from greenproof.analysis.measure import Measure, compare, form_of, read_form
from greenproof.model.measure import MeasureFiles, MeasureFinding, Weight

HEAD = "import pytest\nfrom shop import client\n\n"


def measure_of(files: Mapping[str, str]) -> Measure:
    """The measure of these files, as a ledger would give it back."""
    found = read_form(form_of(MeasureFiles({path: dedent(text) for path, text in files.items()})))
    assert found is not None
    return found


def changes(before: Mapping[str, str] | str, after: Mapping[str, str] | str) -> tuple[MeasureFinding, ...]:
    """All findings; a text alone is one file of tests."""
    sides = [{"tests/test_shop.py": HEAD + dedent(s)} if isinstance(s, str) else s for s in (before, after)]
    return compare(measure_of(sides[0]), measure_of(sides[1]))


def weakenings(before: Mapping[str, str] | str, after: Mapping[str, str] | str) -> list[str]:
    """The codes of what gates."""
    return [finding.code for finding in changes(before, after) if finding.weight is Weight.WEAKENED]


def body(*lines: str) -> str:
    """A test of these lines."""
    return "def test_it():\n" + "".join(f"    {line}\n" for line in lines)
