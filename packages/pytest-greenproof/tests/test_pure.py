"""Properties of the parts that touch nothing."""

from __future__ import annotations

import ast
import builtins

from hypothesis import given
from hypothesis import strategies as st

from pytest_greenproof import asserts, checks, failures, texts
from pytest_greenproof.control import Address
from pytest_greenproof.tree import SuiteTree

anything = st.text(st.characters())


@given(st.dictionaries(anything, anything | st.integers() | st.lists(anything)))
def test_messages_survive(message):
    line = texts.encode(message)
    assert line.count(b"\n") == 1
    assert texts.decode(line) == message


@given(anything, st.integers(2, 50))
def test_texts_are_cut(text, limit):
    for cut in (texts.head(text, limit), texts.tail(text, limit)):
        assert len(cut) <= limit
        assert cut == text or len(text) > limit
    assert text.startswith(texts.head(text, limit).rstrip("…")[: limit - 1])


@given(st.lists(anything | st.lists(anything, max_size=2), max_size=30), st.integers(1, 60))
def test_parts_are_the_whole(entries, limit):
    cut = list(texts.parts(entries, limit))
    assert [entry for part in cut for entry in part] == entries
    assert all(len(part) == 1 or texts.size(part) <= limit for part in cut)


@given(
    st.dictionaries(
        st.sampled_from(["setup", "call", "teardown"]),
        st.sampled_from(["passed", "failed", "skipped", "xfailed", "xpassed"]),
    )
)
def test_outcomes_combine(outcomes):
    combined = failures.combine(outcomes)
    if "failed" in outcomes.values() and outcomes.get("setup", "passed") in ("passed", "failed"):
        assert combined in ("failed", "error")
    if combined == "passed":
        assert set(outcomes.values()) <= {"passed", "skipped", "xfailed", "xpassed"}


@given(st.text("abc.", min_size=1), st.integers(1, 65535), st.text(min_size=1))
def test_addresses(host, port, token):
    assert Address.parse(f"{host}:{port}:{token}") == (host, port, token)


@given(st.lists(st.booleans(), max_size=8))
def test_plain_counting_changes_nothing_but_the_count(values):
    source = "\n".join(
        f"try:\n    assert {value}, 'no'\n    seen.append(True)\nexcept AssertionError:\n    seen.append(False)"
        for value in values
    )
    tree = ast.parse(source)
    asserts.count_plainly(tree)
    counted, seen = [], []
    names = {
        "seen": seen,
        "__builtins__": {**vars(builtins), checks.NAME: lambda: counted.append(1)},
    }
    exec(compile(tree, "t", "exec"), names)
    assert seen == values
    assert len(counted) == len(values)


def test_the_tree(tmp_path):
    tree = SuiteTree([str(tmp_path)])
    for inside in ("test_a.py", "tests/deep/helper.py"):
        assert tree.holds(str(tmp_path / inside))
    for outside in ("venv/lib/site-packages/x.py", "../other.py"):
        assert not tree.holds(str(tmp_path / outside))
    assert not tree.holds(str(tmp_path) + "2/x.py")
    assert not tree.holds(ast.__file__)
    assert not SuiteTree(["/"]).holds(texts.__file__)
    assert not SuiteTree(["/"]).holds(ast.__file__)
