"""Which statements of a test depend on no answer."""

from dataclasses import replace

import pytest
from healthy import RED, run
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.authenticity.apart import Apart, told_apart
from greenproof.model.facts import Failure, Phase

HEAD = """import os, sqlite3, tempfile, json
from pathlib import Path
import pytest, requests
from book import first_time, asked, LIST
OUT = Path(tempfile.gettempdir()) / "out"
URL = os.environ["URL"]
"""
BOOK = """import requests
from pathlib import Path
LIST = Path("list")
def first_time(what):
    mark = LIST / what
    new = not mark.exists()
    mark.touch()
    return new
def asked(what):
    return requests.get(what).json()
def round_and_round(what):
    return round_and_round(what)
"""
CONFTEST = """import pytest, requests
@pytest.fixture
def notes(tmp_path):
    return tmp_path / "notes"
@pytest.fixture
def order():
    return requests.post("/orders").json()
"""


def apart(body: str, arguments: str = "self, tmp_path, notes, order, client", check: bool = True) -> bool:
    """Whether the last line of a test with this body depends on no answer."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    text = f"{HEAD}async def test_a({arguments}):\n{lines}"
    files = {"tests/test_a.py": text, "tests/book.py": BOOK, "tests/conftest.py": CONFTEST}
    return Apart(files).at("tests/test_a.py::test_a[1]", len(text.splitlines()), check)


@pytest.mark.parametrize(
    "body",
    [
        "answer = client.get('/')\nassert not OUT.exists()",
        "client.get('/')\ncount = tmp_path / 'count'\nseen = int(count.read_text()) if count.exists() else 0\nassert seen == 0",
        "client.get('/', headers={'n': str(len(URL))})\n(notes / 'photos').mkdir()",
        "async with client.get('/'):\n    seen = os.path.exists(OUT)\nassert seen is False",
        "with sqlite3.connect(OUT) as book:\n    client.get('/')\n    book.execute('insert into a values (1)')",
        "if OUT.exists():\n    pytest.fail('again')",
        "data = json.loads(client.get('/').text)\nassert json.loads('1') == 2",
        "client.get('/')\nself.assertTrue(first_time('a'))",
        "client.get('/')\nassert LIST.exists()",
        "import random\nassert random.random() > 2",
        "client.get('/')\nif OUT.exists():\n    return\nassert OUT.exists()",
        "assert sorted(range(3), key=lambda n: -n) == [n for n in range(3)]",
    ],
)
def test_what_stays_on_this_machine(body: str) -> None:
    assert apart(body)


@pytest.mark.parametrize(
    "body",
    [
        "answer = client.get('/')\nassert answer.status_code == 200",
        "OUT.write_text(client.get('/').text)\nassert OUT.stat().st_size > 1",
        "answer = requests.get(URL)\nassert answer",
        "assert order['id']",
        "assert self.total == 5",
        "assert asked('/') == 5",
        "seen = []\nclient.on_message(seen.append)\nassert seen",
        "seen = []\ndef heard(message):\n    seen.append(message)\nclient.listen(heard)\nassert seen",
        "seen = []\ncollect(client, seen)\nassert seen",
        "try:\n    client.get('/')\nexcept OSError:\n    pytest.fail('down')",
        "if client.get('/'):\n    pytest.fail('up')",
        "seen = 0\nfor one in client.get('/').json():\n    assert seen == 0; seen = one",
        "from book import round_and_round\nassert round_and_round(1)",
        "with client.stream('/') as talk:\n    assert talk",
        "assert unknown",
        "for _ in range(9):\n    if client.get('/').ok:\n        return\nraise AssertionError('never done')",
        "try:\n    client.get('/')\n    return\nexcept OSError:\n    pass\npytest.fail('down')",
    ],
)
def test_what_may_come_from_a_service(body: str) -> None:
    assert not apart(body)


def test_what_is_not_known_is_not_apart() -> None:
    files = {"a.py": "def test_a():\n    assert 1 == 2\n", "b.py": "def (", "c.py": "assert 1"}
    told = Apart(files)
    assert told.at("a.py::test_a", 2)
    assert not any(
        told.at(*place) for place in [("a.py::test_a", None), ("a.py::t", 9), ("b.py::t", 1), ("c.py::t", 1)]
    )
    assert not told.at("d.py::test_a", 1)


@pytest.mark.parametrize(
    ("line", "check", "expected"),
    [
        ("client.get('/'); seen = OUT.exists(); OUT.touch(); assert not seen", True, True),
        ("client.get('/'); seen = OUT.exists(); OUT.touch(); assert not seen", False, False),
        ("seen = client.get('/'); assert not seen", True, False),
        ("assert client.get('/'); assert not OUT.exists()", True, False),
        ("import time; client.get('/').json()['id']", False, False),
        ("if OUT.exists(): pytest.fail('again')", False, True),
        ("with client.stream('/') as talk: assert OUT.exists()", True, False),
    ],
)
def test_several_statements_at_one_line(line: str, check: bool, expected: bool) -> None:
    assert apart(line, check=check) is expected


def test_a_function_without_end_is_survived() -> None:
    chain = "".join(f"    elif x == {n}:\n        pass\n" for n in range(3000))
    text = f"def test_a(x):\n    if x:\n        pass\n{chain}    assert 1 == 2\n"
    assert not Apart({"a.py": text}).at("a.py::test_a", len(text.splitlines()))


def test_the_failures_of_a_run_are_marked() -> None:
    failures = [Failure(phase, "check", "AssertionError", "", 2) for phase in (Phase.CALL, Phase.TEARDOWN)]
    red = [replace(RED, id=f"a.py::test_a[{n}]", failure=failure) for n, failure in enumerate(failures)]
    marked = told_apart(run(*red), Apart({"a.py": "def test_a():\n    assert 1 == 2\n"}))
    assert [case.failure.apart for case in marked.cases if case.failure] == [True, False]
    untouched = run(*red)
    assert told_apart(untouched, Apart({})) is untouched


@given(st.text(max_size=80), st.integers(-1, 9))
def test_any_source_is_read(text: str, line: int) -> None:
    assert Apart({"a.py": f"def test_a(x):\n    {text}"}).at("a.py::test_a", line) in (True, False)
