"""Tests that are gone, renamed, moved, hidden or left out; and what pytest is told about them."""

import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measures import HEAD, body, changes, weakenings

FILE = "tests/test_shop.py"
TEST = (
    HEAD
    + "def test_a():\n    assert client.get('/a').json() == {'total': 10}\n\n\ndef test_b():\n    answer = client.get('/b')\n    assert answer.ok\n    assert answer.json()['id'] == 7\n"
)
INI = "[pytest]\ntestpaths = tests more\naddopts = -q\n"
BEFORE = {FILE: TEST, "pytest.ini": INI}


def codes(after: Mapping[str, str], before: Mapping[str, str] = BEFORE) -> list[str]:
    return weakenings(before, after)


LOST = {
    "deleted": TEST.partition("\n\n\ndef test_b")[0] + "\n",
    "another name": TEST.replace("def test_b", "def _test_b"),
    "a name that is none": TEST.replace("def test_b", "def check_b"),
    "nested": TEST.replace("def test_b():\n", "def outer():\n  def test_b():\n"),
    "a fixture": TEST.replace("def test_b", "@pytest.fixture\ndef test_b"),
    "switched off": TEST + "\n__test__ = False\n",
    "one switched off": TEST + "\ntest_b.__test__ = False\n",
    "a comment": "\n".join(f"# {line}" for line in TEST.splitlines()),
    "a string": f"x = '''{TEST}'''",
    "a syntax error": TEST + "\ndef (:\n",
    "a class that is none": "class Helper:\n" + "\n".join(f"    {line}" for line in TEST.splitlines()),
    "a class with a constructor": "class TestShop:\n    def __init__(self): pass\n" + "\n".join(f"    {line}" for line in TEST.splitlines()),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_a_lost_id_is_found(name: str) -> None:
    assert "id-lost" in codes({**BEFORE, FILE: LOST[name]})


def test_a_file_that_pytest_does_not_collect() -> None:
    assert "id-lost" in codes({"pytest.ini": INI, "tests/shop.py": TEST})
    assert "id-lost" in codes({"pytest.ini": INI, "build/nothing.py": "x = 1\n"})


def test_one_of_two_of_the_same_name_is_hidden() -> None:
    assert "id-shadowed" in codes(
        {**BEFORE, FILE: TEST + "\ndef test_a():\n    assert client.get('/a').json() == {'total': 10}\n"}
    )


def test_a_test_under_a_condition() -> None:
    found = codes({**BEFORE, FILE: TEST.replace("def test_b():\n", "if FULL:\n  def test_b():\n  ")})
    assert "id-guarded" in found or "id-lost" in found
    lines = "if FULL:\n    def test_b():\n        answer = client.get('/b')\n        assert answer.ok\n        assert answer.json()['id'] == 7\n"
    assert codes({**BEFORE, FILE: TEST.partition("def test_b")[0] + lines}) == ["id-guarded"]


def test_a_renamed_test_is_a_note_and_what_it_lost_is_told() -> None:
    renamed = TEST.replace("def test_b", "def test_paid")
    found = changes(BEFORE, {**BEFORE, FILE: renamed})
    assert [(f.code, f.weight, f.was) for f in found] == [("id-renamed", "note", f"{FILE}::test_b")]
    weaker = renamed.replace("    assert answer.json()['id'] == 7\n", "")
    assert codes({**BEFORE, FILE: weaker}) == ["assertion-removed"]


def test_a_test_in_another_file_is_the_same() -> None:
    assert changes(BEFORE, {"pytest.ini": INI, "tests/orders/test_all.py": TEST}) == ()
    first, _, second = TEST.partition("def test_b")
    assert changes(BEFORE, {**BEFORE, FILE: first, "tests/test_two.py": HEAD + "def test_b" + second}) == ()
    assert changes(BEFORE, {"pytest.ini": INI, "suite/test_shop.py": TEST}) == ()


def test_fewer_parameters_are_found_and_more_are_none() -> None:
    def test_of(values: str) -> str:
        return f"@pytest.mark.parametrize('n', {values})\ndef test_it(n):\n    assert client.get(n).ok\n"

    assert weakenings(test_of("[1, 2]"), test_of("[1]")) == ["parameters-removed"]
    assert weakenings(test_of("[1, 2]"), test_of("[1, 2, 3]")) == []
    assert weakenings(test_of("[1, 2]"), test_of("[1, pytest.param(2, id='two')]")) == []
    assert weakenings(test_of("[1, 2]"), test_of("[1, pytest.param(2, marks=pytest.mark.skip)]")) == ["skip-added"]


TOLD = {
    "python_files": (INI + "python_files = check_*.py\n", "collection-changed"),
    "python_functions": (INI + "python_functions = check\n", "collection-changed"),
    "testpaths": (INI.replace("tests more", "tests"), "collection-changed"),
    "norecursedirs": (INI + "norecursedirs = tests\n", "collection-changed"),
    "-k": (INI.replace("-q", "-q -k 'not slow'"), "option-added"),
    "-m": (INI.replace("-q", '-q -m "not slow"'), "option-added"),
    "--ignore": (INI.replace("-q", "--ignore=tests/test_shop.py"), "option-added"),
    "--deselect": (INI.replace("-q", "--deselect tests/test_shop.py::test_a"), "option-added"),
    "--lf": (INI.replace("-q", "-q --lf"), "option-added"),
    "-p": (INI.replace("-q", "-q -p no:cacheprovider"), "option-added"),
    "--reruns": (INI.replace("-q", "-q --reruns 3"), "option-added"),
    "-x": (INI.replace("-q", "-q -x"), "option-added"),
}


@pytest.mark.parametrize("name", TOLD)
def test_another_rule_of_collection_is_found(name: str) -> None:
    text, code = TOLD[name]
    assert code in codes({**BEFORE, "pytest.ini": text})


FINE = {
    "more files": INI + "python_files = test_*.py *_test.py check_*.py\n",
    "another place": None,
    "-v": INI.replace("-q", "-v"),
    "more folders": INI.replace("tests more", "tests more again"),
    "stricter": INI + "xfail_strict = true\n",
    "a marker": INI + "markers =\n    slow: slow ones\n",
    "formatting": "[pytest]\ntestpaths =\n    tests\n    more\naddopts =\n    -q\n",
}


@pytest.mark.parametrize("name", FINE)
def test_a_setting_that_leaves_nothing_out_is_none(name: str) -> None:
    if FINE[name] is None:
        toml = '[tool.pytest.ini_options]\ntestpaths = ["tests", "more"]\naddopts = "-q"\n'
        assert codes({FILE: TEST, "pyproject.toml": toml}) == []
    else:
        found = codes({**BEFORE, "pytest.ini": FINE[name]})
        assert found == [] or name == "more files"


def test_a_folder_of_new_tests_may_be_told_what_it_likes() -> None:
    new = {"more/pytest.ini": "[pytest]\naddopts = -k a -x\n", "more/test_new.py": TEST.replace("test_", "test_new_")}
    assert codes({**BEFORE, **new}) == []


HOOKS = {
    "collect_ignore": ("collect_ignore = ['test_shop.py']\n", "collect-ignore-added"),
    "append": ("collect_ignore = []\ncollect_ignore.append('test_shop.py')\n", "collect-ignore-added"),
    "items": ("def pytest_collection_modifyitems(items):\n    items[:] = items[:1]\n", "hook-changed"),
    "reports": (
        "@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item):\n    yield\n",
        "hook-changed",
    ),
    "exit": ("def pytest_sessionfinish(session):\n    session.exitstatus = 0\n", "hook-changed"),
    "an old name": ("@pytest.hookimpl(specname='pytest_runtest_makereport')\ndef other():\n    pass\n", "hook-changed"),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_conftest_file_that_decides_more_is_found(name: str) -> None:
    text, code = HOOKS[name]
    before = {**BEFORE, "tests/conftest.py": "import pytest\n"}
    after = {**before, "tests/conftest.py": "import pytest\n" + text}
    assert code in codes(after, before)
    assert code in codes(after, BEFORE)
    assert codes(after, after) == []


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_order_and_place_of_tests_never_matter(chance: random.Random, count: int) -> None:
    tests = [
        f"def test_{n}():\n    held = client.get('/{n}')\n    assert held.json()['n'] == {n}\n    assert held.ok\n\n"
        for n in range(count)
    ]
    files: dict[str, str] = {"tests/test_0.py": HEAD + "".join(tests)}
    moved: dict[str, str] = {}
    chance.shuffle(tests)
    for test in tests:
        path = chance.choice(["tests/test_0.py", "tests/test_1.py", "tests/deep/test_2.py"])
        renamed = test.replace("held", chance.choice(["held", "answer", "r"]))
        moved[path] = moved.get(path, HEAD) + renamed
    assert changes(files, moved) == ()


def test_body_helper_is_a_test() -> None:
    assert codes({FILE: HEAD + body("assert client.ok")}, {FILE: HEAD + body("assert client.ok")}) == []
