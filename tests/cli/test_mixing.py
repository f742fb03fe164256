"""What the options of a mix mean."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.cli.mixing import Mixing
from greenproof.model.errors import UsageError


def test_nothing_is_asked_for() -> None:
    assert not Mixing().wanted
    assert Mixing().told == "the current release again"
    assert Mixing().request("try").data == "copied"


def test_a_folder_a_revision_and_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside").mkdir()
    # A folder can't be mistaken for a release, whatever it is called.
    (tmp_path / "r-0123456789ab").mkdir()
    given = ("a=beside", "b=./nowhere", "c=.", "d=d-0123456789ab", "e=r-0123456789ab", "f=nowhere")
    request = Mixing(given).request("try", "run-1")
    assert request.sources == {"a": Path("beside"), "b": Path("nowhere"), "c": Path()}
    assert request.revisions == {"d": "d-0123456789ab", "e": "r-0123456789ab", "f": "nowhere"}
    assert request.owner == "run-1"


def test_variables_may_hold_anything_and_may_be_empty() -> None:
    mixing = Mixing((), ("a.URL=http://x/?a=b", "a.EMPTY=", "b.X=="), ("a.GONE",), "r-0", "empty")
    request = mixing.request("try")
    assert request.configuration == {"a": {"URL": "http://x/?a=b", "EMPTY": "", "GONE": None}, "b": {"X": "="}}
    assert (request.base, request.data) == ("r-0", "empty")


def test_values_of_variables_are_not_told() -> None:
    told = Mixing(("a=./a",), ("a.KEY=hidden", "a.EMPTY="), ("b.GONE",), "r-0").told
    assert told == "the rest of r-0, a=./a, a.KEY, a.EMPTY, no b.GONE"


@pytest.mark.parametrize(
    ("mixing", "code"),
    [
        (Mixing(("a",)), "option-pair"),
        (Mixing(("a=",)), "option-pair"),
        (Mixing(("a=b", "a=c")), "option-twice"),
        (Mixing((), ("a.B",)), "option-pair"),
        (Mixing((), ("B=1",)), "option-pair"),
        (Mixing((), (".B=1",)), "option-pair"),
        (Mixing((), ("a.=1",)), "option-pair"),
        (Mixing((), ("a.B=1", "a.B=2")), "option-twice"),
        (Mixing((), ("a.B=1", "a.B=")), "option-twice"),
        (Mixing((), ("a.B=1",), ("a.B",)), "option-twice"),
        (Mixing((), (), ("a",)), "option-pair"),
    ],
)
def test_what_makes_no_sense_is_refused(mixing: Mixing, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        mixing.request("try")
    assert caught.value.code == code


@given(st.lists(st.text()), st.lists(st.text()), st.lists(st.text()))
def test_anything_is_read_or_refused(parts: list[str], settings: list[str], unset: list[str]) -> None:
    try:
        request = Mixing(tuple(parts), tuple(settings), tuple(unset)).request("try")
    except UsageError:
        return
    assert not request.revisions.keys() & request.sources.keys()
    assert sum(map(len, request.configuration.values())) == len(set(settings)) + len(set(unset))
