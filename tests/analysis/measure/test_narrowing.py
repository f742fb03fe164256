"""A part of two measures tells the same as the whole of them, and what is taken over is what would be made again."""

import json
import random

import pytest
from measures import HEAD

from greenproof.analysis.measure import compare, compare_forms, count_tests, form_of, read_form
from greenproof.analysis.measure.narrowing import narrowed
from greenproof.analysis.measure.suite import Suite
from greenproof.model.measure import MeasureFiles

HELPER = """
import requests
LIMIT = 5
def ask(path):
    answer = requests.get(path, timeout=LIMIT)
    assert answer.status_code == 200
    return answer.json()
def order():
    return ask('/orders')
"""
CONFTEST = """
import pytest
from helping import ask
@pytest.fixture(autouse=True)
def up():
    assert ask('/health')['status'] == 'healthy'
@pytest.fixture
def item():
    return ask('/item')
"""
TESTS = """
from helping import ask, order
import settings
WORD = 'paid'
def fetch(n):
    return ask(f'/{{n}}')
def test_a_{0}(item):
    assert item['id'] == {0}
    assert fetch({0})['state'] == WORD
def test_b_{0}():
    assert order()['total'] == {0}
    for _ in range(settings.TRIES):
        if ask('/x'):
            break
class TestMore:
    def test_c(self):
        assert other_{1}(3) == 9
def other_{0}(n):
    return ask('/n')['n'] * n
"""
FILES = {
    "greenproof.toml": "schema = 1\n",
    "tests/helping.py": HELPER,
    "tests/settings.py": "TRIES = 3\nWORD = 'new'\n",
    "tests/a/conftest.py": CONFTEST,
    **{f"tests/{'ab'[n % 2]}/test_{n}.py": HEAD + TESTS.format(n, (n + 1) % 8) for n in range(8)},
    "tests/test_alone.py": HEAD + "def test_alone():\n    assert client.get('/alone').status_code == 200\n",
}
EDITS = (
    ("== 200", "in (200, 503)"), ("timeout=LIMIT", "timeout=60"), ("timeout=LIMIT", ""), ("LIMIT = 5", "LIMIT = 50"), ("TRIES = 3", "TRIES = 30"),
    ("WORD = 'paid'", "WORD = 'open'"), ("assert item['id'] == ", "assert item['id'] >= "), ("def test_a_", "def _test_a_"), ("'healthy'", "'degraded'"),
    ("return ask('/item')", "return {'id': 1}"), ("(autouse=True)", ""), ("def fetch(n)", "def fetch_it(n)"), ("* n", "* 3"),
    ("def order():", "def order():\n    return {'total': 1}\ndef made():"), ("import settings", "import settings, responses"), ("ask('/x')", "ask('/y')"),
    ("def ask(", "@responses.activate\ndef ask("), ("class TestMore", "def ask(p): return p\nclass TestMore"), ("schema = 1", "schema = 1 # one"),
)  # fmt: skip


def edited(files: dict[str, str], chance: random.Random) -> dict[str, str]:
    found = dict(files)
    for _ in range(chance.randint(1, 3)):
        was, now = chance.choice(EDITS)
        holding = sorted(path for path, text in found.items() if was in text)
        if holding:
            path = chance.choice(holding)
            found[path] = found[path].replace(was, now, 1)
    deed = chance.randint(0, 9)
    path = chance.choice([path for path in sorted(found) if "/test_" in path])
    if deed == 0:
        del found[path]
    elif deed == 1:
        found["tests/b/test_moved.py"] = found.pop(path)
    elif deed == 2:
        found["tests/b/conftest.py"] = CONFTEST
    elif deed == 3:
        found["tests/a/test_new.py"] = HEAD + TESTS.format(99, 1)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_a_part_tells_the_same_as_the_whole(seed: int) -> None:
    chance = random.Random(seed)
    past = edited(FILES, chance) if seed % 3 == 0 else FILES
    present = edited(past, chance)
    before = json.loads(json.dumps(form_of(MeasureFiles(past))))
    after = form_of(MeasureFiles(present), known=before)
    assert after == form_of(MeasureFiles(present))
    old, new = read_form(before), read_form(after)
    assert old is not None
    assert new is not None
    assert compare_forms(before, after) == compare(old, new)
    assert (count_tests(before), count_tests(after)) == (len(Suite.of(old).tests), len(Suite.of(new).tests))


def test_a_file_that_nothing_hangs_on_is_compared_alone() -> None:
    present = {**FILES, "tests/test_alone.py": FILES["tests/test_alone.py"].replace("200", "503")}
    before = form_of(MeasureFiles(FILES))
    after = form_of(MeasureFiles(present), known=before)
    part = narrowed(before, after)
    assert part is not None
    assert part.paths == {"tests/test_alone.py"}
    assert [f.code for f in compare_forms(before, after) or ()] == ["failure-expected"]


def test_what_was_masked_or_made_by_other_rules_is_read_as_a_whole() -> None:
    before = form_of(MeasureFiles(FILES))
    assert narrowed(before, before) is not None
    assert narrowed({**before, "rules": "0"}, before) is None
    masked = json.loads(json.dumps(before).replace("test_alone", "(redacted)"))
    assert narrowed(masked, before) is None
    assert compare_forms({"schema": "none"}, before) is None
