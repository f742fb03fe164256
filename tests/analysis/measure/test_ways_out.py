"""Checks that are out of reach, tests that are taken away, parts that are replaced, limits that are gone."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measures import HEAD, body, changes, weakenings

from greenproof.analysis.measure.ending import truth

ASK = "a = client.get('/orders/1')"
LIMITED = "a = client.get('/orders/1', timeout=5)"
STATUS = "assert a.status_code == 200"
TOTAL = "assert a.json()['total'] == 10"
PLAIN = body(ASK, STATUS, TOTAL)
START, STOP, FAST = "start = time.monotonic()", "elapsed = time.monotonic() - start", "assert elapsed < 2"
FILE, CONFTEST = "tests/test_shop.py", "tests/conftest.py"

OUT_OF_REACH = {
    "return": ("return", TOTAL),
    "raise": ("raise unittest.SkipTest", TOTAL),
    "both ways": ("if a.ok:", "    return", "else:", "    return", TOTAL),
    "return in with": ("with open('x') as f:", "    return", TOTAL),
    "return in a handler, too": ("try:", "    return", "except OSError:", "    return", TOTAL),
    "if True": ("if True:", "    return", TOTAL),
    "if False": ("if False:", f"    {TOTAL}"),
    "if not 1": ("if not 1:", f"    {TOTAL}"),
    "else of what holds": ("if 1 == 1:", "    pass", "else:", f"    {TOTAL}"),
    "an empty loop": ("for _ in []:", f"    {TOTAL}"),
    "no turns": ("for _ in range(0):", f"    {TOTAL}"),
    "while 0": ("while 0:", f"    {TOTAL}"),
    "for ever": ("while True:", "    client.get('/x')", TOTAL),
    "_exit": ("os._exit(0)", TOTAL),
}


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_a_check_that_is_never_reached_is_gone(name: str) -> None:
    assert "assertion-removed" in weakenings(PLAIN, body(ASK, STATUS, *OUT_OF_REACH[name]))


REACHED = {
    "raise under raises": ("with pytest.raises(ValueError):", "    raise ValueError", TOTAL),
    "a handler": ("try:", "    return_it()", "except OSError:", "    raise", TOTAL),
    "a loop that ends": ("while True:", "    if client.get('/x').ok:", "        break", TOTAL),
    "a function": ("def inner():", "    return 1", TOTAL),
    "if True": ("if True:", f"    {TOTAL}"),
    "at the end": (TOTAL, "return"),
    "one turn": ("for _ in range(1):", f"    {TOTAL}"),
}


@pytest.mark.parametrize("name", REACHED)
def test_a_check_that_is_reached_stays(name: str) -> None:
    assert weakenings(PLAIN, body(ASK, STATUS, *REACHED[name])) == []


@given(st.recursive(
    st.sampled_from(["0", "1", "''", "'a'", "None", "True", "False", "()", "(0,)", "{}", "1 == 1", "1 == 2"]),
    lambda inner: st.one_of(
        inner.map(lambda a: f"(not {a})"), st.tuples(inner, inner).map(lambda t: f"({t[0]} and {t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} or {t[1]})"),
    ), max_leaves=6,
))  # fmt: skip
def test_what_is_known_of_a_condition_is_what_python_says(text: str) -> None:
    node = ast.parse(text, mode="eval").body
    assert truth(node) is bool(eval(compile(ast.Expression(node), "x", "eval")))


def test_a_turn_that_is_cut_short_before_its_checks() -> None:
    loop = ("for n in ids():", "    a = client.get(n)")
    before = body(*loop, "    assert a.ok")
    assert "early-return-added" in weakenings(
        before, body(*loop, "    if a.empty:", "        continue", "    assert a.ok")
    )
    after_it = body(*loop, "    assert a.ok", "    if a.last:", "        break")
    assert weakenings(before, after_it) == []


ITSELF = {
    "at once": (("assert a.json()['total'] == a.json()['total']",), "assertion-always-true"),
    "through a local": (("want = a.json()['total']", "assert a.json()['total'] == want"), "assertion-always-true"),
    "through two": (("b = a.json()", "w = b['total']", "assert b['total'] == w"), "assertion-always-true"),
    "written otherwise": (("w = a.json().get('total')", "assert a.json()['total'] == w"), "assertion-weakened"),
    "made of its parts": (
        ("assert a.json()['total'] == sum(i['n'] for i in a.json()['items'])",),
        "assertion-weakened",
    ),
}


@pytest.mark.parametrize("name", ITSELF)
def test_an_answer_beside_itself_checks_nothing(name: str) -> None:
    lines, code = ITSELF[name]
    assert code in weakenings(body(ASK, TOTAL), body(ASK, *lines))
    assert weakenings(body(ASK, *lines), body(ASK, *lines)) == []
    # Beside the exact value it is a check more.
    assert weakenings(body(ASK, TOTAL), body(ASK, TOTAL, *lines)) == []


def test_two_answers_may_be_compared() -> None:
    twice = body(ASK, "b = client.get('/orders/1')", "assert a.json() == b.json()")
    other = body("x = client.get('/orders/1')", "y = client.get('/orders/1')", "assert x.json() == y.json()")
    assert weakenings(twice, other) == weakenings(twice, body(ASK, f"b{ASK[1:]}", "assert b.json() == a.json()")) == []
    assert "assertion-always-true" in weakenings(twice, body(ASK, "b = a", "assert a.json() == b.json()"))
    found = changes(
        body(ASK, TOTAL), body(ASK, "b = client.get('/b')", "assert a.json()['total'] == b.json()['total']")
    )
    assert [f.code for f in found] == ["expectation-changed"]


SHIFTED = {
    "a later start": ("start = time.monotonic() + 100", ASK, STOP, FAST),
    "less": (START, ASK, f"{STOP} - 5", FAST),
    "at most": (START, ASK, STOP, "assert min(elapsed, 1) < 2"),
    "a part": (START, ASK, STOP, "assert elapsed / 10 < 2"),
}


@pytest.mark.parametrize("name", SHIFTED)
def test_what_was_observed_is_changed_before_it_is_checked(name: str) -> None:
    before = body(START, ASK, STOP, FAST)
    assert weakenings(before, body(*SHIFTED[name])) == ["measurement-shifted"]
    assert weakenings(body(*SHIFTED[name]), before) == []


def test_the_same_time_by_another_name_is_none() -> None:
    after = body("t = time.monotonic()", ASK, "took = time.monotonic() - t", "assert took < 2")
    assert weakenings(body(START, ASK, STOP, FAST), after) == []


GONE = (
    "del test_it", "test_it = None", "test_it.__test__ = False", "setattr(test_it, '__test__', False)", "test_it: object = 0",
    "globals().pop('test_it')", "del globals()['test_it']", "if True:\n    del test_it", "test_it, x = None, 1",
    "from shop import test_it",
)  # fmt: skip


@pytest.mark.parametrize("statement", GONE)
def test_a_test_that_is_taken_away_after_its_definition_is_lost(statement: str) -> None:
    assert weakenings(PLAIN, f"{PLAIN}{statement}\n") == ["id-lost"]


def test_a_method_that_is_taken_away_is_lost() -> None:
    held = "class TestShop:\n" + "".join(f"    {line}\n" for line in PLAIN.replace("()", "(self)", 1).splitlines())
    for statement in ("del TestShop", "TestShop.test_it = None", "delattr(TestShop, 'test_it')", "    test_it = None"):
        assert weakenings(held, f"{held}{statement}\n") == ["id-lost"], statement


def test_a_name_that_is_kept_or_given_before_is_none() -> None:
    for after in (
        f"{PLAIN}test_it = pytest.mark.slow(test_it)\n",
        f"test_it = None\n{PLAIN}",
        f"{PLAIN}test_data = 1\n",
    ):
        assert weakenings(PLAIN, after) == []


REPLACED = (
    "requests.get = lambda *a, **k: 1", "setattr(requests, 'get', fake)", "sys.modules['requests'] = fake",
    "requests.Session.send = fake", "requests.Response.ok = True", "vars(requests)['get'] = fake",
    "requests.__dict__['get'] = fake", "def go():\n    requests.get = fake\ngo()", "if True:\n    requests.get = fake",
    "object.__setattr__(requests, 'get', fake)",
)  # fmt: skip


@pytest.mark.parametrize("statement", REPLACED)
def test_a_part_of_a_library_that_is_replaced(statement: str) -> None:
    head = "import requests, sys\n"
    before = {FILE: HEAD + PLAIN}
    assert weakenings(before, {**before, CONFTEST: f"{head}{statement}\n"}) == ["part-replaced"]
    known, now = {**before, CONFTEST: head}, {**before, CONFTEST: f"{head}{statement}\n"}
    assert weakenings(known, now) == ["part-replaced"]
    # It was there, in a file of another name.
    assert weakenings(now, {**before, "tests/helping.py": now[CONFTEST]}) == []


@pytest.mark.parametrize(
    "statement",
    ["shop.api_key = os.environ['KEY']", "shop.key = os.getenv('K')", "shop.DEBUG = True", "sys.dont_write_bytecode = True",
     "shop.timeout = 5", "os.environ['A'] = 'b'", "held = {}\nheld['a'] = fake"],
)  # fmt: skip
def test_a_setting_is_no_replacement(statement: str) -> None:
    before = {FILE: HEAD + PLAIN}
    assert weakenings(before, {**before, CONFTEST: f"import os, sys, shop\n{statement}\n"}) == []


def test_a_limit_that_is_gone() -> None:
    found = changes(body(LIMITED, STATUS), body(ASK, STATUS))
    assert [(f.code, f.tests) for f in found] == [("timeout-removed", 1)]
    assert weakenings("@pytest.mark.timeout(5)\n" + PLAIN, PLAIN) == ["timeout-removed"]
    helper = "def ask():\n    return client.get('/orders/1', timeout=5)\n"
    tests = "".join(f"def test_{n}():\n    assert ask().status_code == 200\n" for n in range(3))
    (one,) = changes(helper + tests, helper.replace(", timeout=5", "") + tests)
    assert (one.code, one.tests, one.subject) == ("timeout-removed", 3, f"{FILE}::ask")


@pytest.mark.parametrize(
    "after",
    [
        body(LIMITED, STATUS),
        body(LIMITED, STATUS, "b = client.get('/b')"),
        "def ask():\n    return client.get('/orders/1', timeout=5)\n" + body("a = ask()", STATUS),
        body("c = httpx.Client(timeout=5)", "a = c.get('/orders/1')", STATUS),
        body("a = client.get('/orders/1', **limits)", STATUS),
        body("a = client.get('/orders/1', timeout=2)", STATUS),
    ],
)
def test_a_limit_that_stands_elsewhere_is_not_gone(after: str) -> None:
    assert weakenings(body(LIMITED, STATUS), after) == []


def test_a_helper_of_the_same_name_gives_no_limit_to_a_library() -> None:
    helper = "import requests\ndef get(path, timeout=5):\n    return requests.get(path, timeout=timeout)\n"
    before, after = (
        f"{helper}{body(line, STATUS)}" for line in ("a = requests.get('/a', timeout=5)", "a = requests.get('/a')")
    )
    assert weakenings(before, after) == ["timeout-removed"]
    # Its own limit stands in for what nobody gives it.
    assert weakenings(helper + body("a = get('/a', timeout=5)", STATUS), helper + body("a = get('/a')", STATUS)) == []
