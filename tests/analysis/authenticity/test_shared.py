"""Which statements of a test function a helper stands in."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.authenticity.shared import Statements

FILE = """import kit

def helper():
    kit.opened()

async def test_one(topic):
    made = await create(topic)
    for _ in range(2):
        async with kit.opened(
            topic,
        ) as talk: await talk.say()
        kit.opened(topic).close()
    try:
        first = kit.hear(talk)
    except kit.opened:
        raise
    def inner():
        return kit.opened(topic)
    match first:
        case 1:
            kit.opened(first)
    if kit.opened(first): pass
"""


def of(line: int, helper: str, case: str = "t.py::test_one[a::b]") -> tuple[tuple[int, int], ...]:
    return Statements({"t.py": FILE, "broken.py": "def test_one(:"}).of_helper(case, line, helper)


def test_the_statement_itself_comes_first_and_then_all_that_name_the_helper():
    assert of(7, "create") == ((7, 7),)
    assert of(10, "opened") == ((9, 10), (12, 12), (21, 21), (22, 22))
    assert of(12, "opened") == ((12, 12), (9, 10), (21, 21), (22, 22))
    assert of(14, "hear") == ((14, 14),)


def test_a_function_within_is_one_of_its_own():
    assert of(18, "opened") == ((18, 18),)


def test_what_is_not_known_names_nothing():
    assert (
        of(1, "kit") == of(99, "opened") == of(7, "create", "broken.py::test_one") == of(7, "create", "x.py::t") == ()
    )


STATEMENTS = st.recursive(
    st.sampled_from(["opened(1)", "say(2)", "x = opened(\n3)"]).map(lambda text: [text]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: [
            "with opened() as y:",
            *[f" {line}" for part in parts for one in part for line in one.split("\n")],
        ]
    ),
    max_leaves=8,
)


@given(st.lists(STATEMENTS, min_size=1, max_size=4), st.data())
def test_every_line_is_covered_once(parts, data):
    body = [f" {line}" for part in parts for one in part for line in one.split("\n")]
    text = "\n".join(["def test_one():", *body])
    ast.parse(text)
    line = data.draw(st.integers(2, len(body) + 1))
    first, *others = Statements({"t.py": text}).of_helper("t.py::test_one", line, "opened")
    assert first[0] <= line <= first[1] <= len(body) + 1
    covered = [n for low, high in (first, *others) for n in range(low, high + 1)]
    assert len(covered) == len(set(covered))
    told = [n for n, one in enumerate(body, 2) if "opened" in one]
    assert set(told) <= set(covered)
