"""Names of side releases and of variables: parts of paths, host names and environments."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.model.encoding import fields_of, read
from greenproof.model.events import SideStarted, from_record, to_record
from greenproof.model.facts import Release, Revision
from greenproof.model.sides import LONGEST_NAME, SideRelease, is_side_name, is_variable


@given(st.text())
def test_a_name_can_be_part_of_a_path_and_of_a_host_name(text: str) -> None:
    if is_side_name(text):
        assert 1 <= len(text) <= LONGEST_NAME
        assert re.fullmatch(r"[a-z0-9-]+", text, re.ASCII)
        assert Path("folder", f"{text}.x").parent == Path("folder")
        assert text.encode("idna").decode() == text


@pytest.mark.parametrize("text", ["a", "try", "run-3f2a9c", "a" * LONGEST_NAME, "a-1"])
def test_names_that_will_do(text: str) -> None:
    assert is_side_name(text)


@pytest.mark.parametrize("text", ["", "-a", "a-", "1a", "A", "a.b", "a/b", "..", "a_b", "ä", "a\n", "a" * 31])
def test_names_that_will_not(text: str) -> None:
    assert not is_side_name(text)


@given(st.text())
def test_a_variable_can_stand_in_an_environment(text: str) -> None:
    if is_variable(text):
        assert not set(text) & set("=\0 \n")
        assert text.isascii()


def test_it_can_be_written_down_and_read_again() -> None:
    release = Release("r-0", (Revision("api", "api-0", "0"),), "now")
    side = SideRelease("try", release, None, {"api": "http://x"}, settings={"api": ("A", "B")}, notes=("so",))
    assert read(SideRelease, fields_of(side)) == side
    event = SideStarted(1, "local", side, "why")
    assert from_record(*to_record(event)) == event
