"""Whatever stands in the files of a suite: the comparison answers, and says what it could not read."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measures import changes, measure_of

from greenproof.analysis.measure import compare, form_of, read_form
from greenproof.analysis.measure.comparing import named
from greenproof.analysis.measure.forms import decode, encode, parse
from greenproof.analysis.measure.suite import Suite
from greenproof.model.measure import MeasureFiles
from greenproof.model.redaction import redact

HERE = Path(__file__).parent
OURS = sorted(Path("tests/analysis").rglob("*.py")) + sorted(Path("src/greenproof/analysis").rglob("*.py"))
PATHS = st.sampled_from(
    ["tests/test_a.py", "conftest.py", "pytest.ini", "setup.cfg", "pyproject.toml", "greenproof.toml"]
)
LINES = st.sampled_from([
    "def test_a():", "    assert x", "    assert x == 1 or", "class TestB:", "[pytest]", "[tool.pytest.ini_options]",
    "python_files = check_*.py", "addopts = -k 'a", "testpaths = [", "x = 1", "import os", "\0", "    return", "\t", "é",
    "assert True", "@pytest.mark.parametrize('a', [1", "lambda: 0", "    try:", "    except:", "        pass", "=", "'''",
])  # fmt: skip
TREES = st.dictionaries(PATHS, st.lists(LINES, max_size=8).map("\n".join) | st.text(max_size=40), max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["*", "=", "Module", "body"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["code", "schema", "plan"]), inner),
    max_leaves=15,
)


@settings(max_examples=60, deadline=None)
@given(TREES, TREES)
def test_anything_is_compared(before: dict[str, str], after: dict[str, str]) -> None:
    found = compare(measure_of(before), measure_of(after))
    assert len({finding.id for finding in found}) == len(found)
    assert all(finding.place.path for finding in found)


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_nothing_has_changed_from_a_measure_to_itself(tree: dict[str, str]) -> None:
    assert compare(measure_of(tree), measure_of(tree)) == ()


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_what_is_no_form_is_refused(value: object) -> None:
    assert decode(value) is None or isinstance(value, list)
    assert read_form(value) is None


@pytest.mark.parametrize("path", [OURS[n] for n in range(0, len(OURS), 5)], ids=str)
def test_a_form_comes_back_as_it_was(path: Path) -> None:
    tree = parse(path.read_text("utf-8"))
    assert tree is not None
    form = encode(tree)
    again = decode(json.loads(json.dumps(form)))
    assert again is not None
    assert encode(again) == form
    assert compare(measure_of({"tests/test_a.py": path.read_text("utf-8")}), measure_of({})) is not None


def test_secrets_are_not_kept_and_do_not_break_the_syntax() -> None:
    text = "TOKEN = 'hunter2-hunter2'\ndef test_a():\n    log_in(password='s3cret-s3cret', headers={'Cookie': 'abc-abc-abc'})\n"
    text += "    assert answer.json()['token'] == 'eyJhbGciOiJIUzI1NiJ9.e30.abcdefghijk'\n"
    form = form_of(MeasureFiles({"tests/test_a.py": text}), redact)
    said = json.dumps(form)
    for secret in ("hunter2", "s3cret", "abc-abc", "abcdefghijk"):
        assert secret not in said
    held = read_form(json.loads(said))
    assert held is not None
    assert list(Suite.of(held).tests) == ["tests/test_a.py::test_a"]


def test_far_too_deep_code_is_named_and_survived() -> None:
    deep = "def test_a():\n    assert x == " + "(" * 60 + "1" + ")" * 60 + "\n"
    chain = "def test_b():\n    assert x == " + "+".join(["a"] * 3000) + "\n"
    found = changes({"tests/test_a.py": deep, "tests/test_b.py": chain}, {"tests/test_a.py": "def test_a(:\n"})
    assert {"id-lost"} <= {finding.code for finding in found}


def test_findings_that_are_alike_have_different_ids() -> None:
    before = "".join(f"def test_{n}():\n    helper()\n\n" for n in range(2))
    found = changes(before, "")
    assert len(found) == 2
    assert len({f.id for f in named([found[0], found[0]])}) == 2


@pytest.mark.parametrize("form", [["Name", 1, "nothing", "x"], ["Num", 1, "n", 1], ["Str", 1], ["parse", 1]])
def test_a_node_that_syntax_does_not_know_is_refused(form: list[object]) -> None:
    assert read_form(["Module", 1, "body", ["*", form]]) is None
