"""Checks that are gone or accept more are found; those that only look different, or are stronger, are not."""

import pytest
from measures import body, changes, weakenings

ANSWER = "answer = client.get('/orders/1')"
STATUS = "assert answer.status_code == 200"
TOTAL = "assert answer.json()['total'] == 10"

WEAKER = {
    "removed": ((STATUS, TOTAL), (STATUS,), "assertion-removed"),
    "the last one removed": ((STATUS,), ("pass",), "assertion-removed"),
    "one of two alike": (
        (STATUS, "other = client.get('/b')", "assert other.status_code == 200"),
        (STATUS, "other = client.get('/b')"),
        "assertion-removed",
    ),
    "two statuses": ((STATUS,), ("assert answer.status_code in (200, 503)",), "statuses-widened"),
    "two statuses by or": (
        (STATUS,),
        ("assert answer.status_code == 200 or answer.status_code == 503",),
        "statuses-widened",
    ),
    "a wider set": (
        ("assert answer.status_code in {200, 201}",),
        ("assert answer.status_code in {200, 201, 500}",),
        "statuses-widened",
    ),
    "below 500": ((STATUS,), ("assert answer.status_code < 500",), "statuses-widened"),
    "a range": ((STATUS,), ("assert 200 <= answer.status_code < 600",), "statuses-widened"),
    "a wider range": (
        ("assert answer.status_code in range(200, 300)",),
        ("assert answer.status_code in range(200, 600)",),
        "statuses-widened",
    ),
    "not 500": ((STATUS,), ("assert answer.status_code != 500",), "assertion-weakened"),
    "the error is expected": ((STATUS,), ("assert answer.status_code == 503",), "failure-expected"),
    "is not None": ((TOTAL,), ("assert answer.json()['total'] is not None",), "assertion-weakened"),
    "truth": ((TOTAL,), ("assert answer.json()['total']",), "assertion-weakened"),
    "at least": ((TOTAL,), ("assert answer.json()['total'] >= 0",), "assertion-weakened"),
    "isinstance": ((TOTAL,), ("assert isinstance(answer.json()['total'], int)",), "assertion-weakened"),
    "or something": (
        (TOTAL,),
        ("assert answer.json()['total'] == 10 or answer.json()['error']",),
        "assertion-weakened",
    ),
    "or True": ((TOTAL,), (f"{TOTAL} or True",), "assertion-always-true"),
    "True": ((TOTAL,), ("assert True",), "assertion-always-true"),
    "compared with itself": ((TOTAL,), ("total = 10", "assert total == 10"), "measurement-hard-coded"),
    "a limit": (
        ("assert answer.elapsed.total_seconds() < 2",),
        ("assert answer.elapsed.total_seconds() < 20",),
        "bound-loosened",
    ),
    "a lower limit": (("assert answer.json()['n'] >= 5",), ("assert answer.json()['n'] >= 1",), "bound-loosened"),
    "a health word more": (
        ("assert answer.json()['status'] == 'healthy'",),
        ("assert answer.json()['status'] in ('healthy', 'degraded')",),
        "health-status-widened",
    ),
    "another health word": (
        ("assert answer.json()['status'] == 'healthy'",),
        ("assert answer.json()['status'] == 'degraded'",),
        "health-status-widened",
    ),
    "under a condition": ((STATUS, TOTAL), (STATUS, "if answer.ok:", f"    {TOTAL}"), "assertion-conditional"),
    "in a handler": (
        (STATUS, TOTAL),
        (STATUS, "try:", "    answer.json()", "except KeyError:", f"    {TOTAL}"),
        "assertion-conditional",
    ),
    "raise_for_status": (("answer.raise_for_status()",), ("pass",), "assertion-removed"),
    "a broader exception": (
        ("with pytest.raises(ValueError, match='no stock'):", "    client.order()"),
        ("with pytest.raises(Exception):", "    client.order()"),
        "assertion-weakened",
    ),
    "any of them": (
        ("assert all(o['id'] for o in answer.json())",),
        ("assert any(o['id'] for o in answer.json())",),
        "assertion-removed",
    ),
    "an approximation": (
        (TOTAL,),
        ("assert answer.json()['total'] == pytest.approx(10, abs=5)",),
        "assertion-weakened",
    ),
    "a part of the text": (
        ("assert answer.text == 'order 1 is paid'",),
        ("assert 'order' in answer.text",),
        "assertion-weakened",
    ),
    "a part of and": (
        ("assert answer.ok and answer.json()['id'] == 1",),
        ("assert answer.ok",),
        "assertion-removed",
    ),
}


@pytest.mark.parametrize("name", WEAKER)
def test_a_weaker_check_is_found(name: str) -> None:
    before, after, code = WEAKER[name]
    assert code in weakenings(body(ANSWER, *before), body(ANSWER, *after))


SAME = {
    "other names": ((ANSWER, STATUS, TOTAL), ("r = client.get('/orders/1')", "assert r.status_code == 200", "assert r.json()['total'] == 10")),
    "a name more": ((ANSWER, STATUS, TOTAL), (ANSWER, STATUS, "held = answer.json()", "assert held['total'] == 10")),
    "no name": ((ANSWER, STATUS), ("assert client.get('/orders/1').status_code == 200",)),
    "turned around": ((ANSWER, STATUS), (ANSWER, "assert 200 == answer.status_code")),
    "in one": ((ANSWER, STATUS, TOTAL), (ANSWER, f"{STATUS} and answer.json()['total'] == 10")),
    "with a message": ((ANSWER, STATUS), (ANSWER, f"{STATUS}, answer.text")),
    "in other order": ((ANSWER, STATUS, TOTAL), (ANSWER, TOTAL, STATUS)),
    "one more": ((ANSWER, STATUS), (ANSWER, STATUS, TOTAL)),
    "stricter: of two one": ((ANSWER, "assert answer.status_code in (200, 201)"), (ANSWER, STATUS)),
    "stricter: no range": ((ANSWER, "assert answer.status_code < 500"), (ANSWER, STATUS)),
    "stricter: exact": ((ANSWER, "assert answer.json()['total']"), (ANSWER, TOTAL)),
    "stricter: limit": ((ANSWER, "assert answer.elapsed < 10"), (ANSWER, "assert answer.elapsed < 2")),
    "stricter: no or": ((ANSWER, f"{STATUS} or answer.status_code == 404"), (ANSWER, STATUS)),
    "another request": ((ANSWER, STATUS), ("answer = client.get('/orders/2', timeout=5)", STATUS)),
    "not, said otherwise": ((ANSWER, "assert not answer.status_code != 200"), (ANSWER, STATUS)),
    "a comment": ((ANSWER, STATUS), (ANSWER, "# the order is there", STATUS)),
    "a text on top": ((ANSWER, STATUS), ("'''The order.'''", ANSWER, STATUS)),
    "a literal loop": ((ANSWER, "assert answer.json()['a'] == 1"), (ANSWER, "for _ in range(3):", "    assert answer.json()['a'] == 1")),
    "with around it": ((ANSWER, STATUS), ("with client:", f"    {ANSWER}", f"    {STATUS}")),
    "another formatting": ((ANSWER, TOTAL), (ANSWER, 'assert (answer.json()["total"]\n        == 10\n    )')),
    "unittest to assert": ((ANSWER, "self.assertEqual(answer.status_code, 200)"), (ANSWER, STATUS)),
    "fail to assert": ((ANSWER, "if answer.status_code != 200:", "    pytest.fail('no')"), (ANSWER, STATUS)),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_what_checks_the_same_or_more_is_none(name: str) -> None:
    before, after = SAME[name]
    assert weakenings(body(*before), body(*after)) == []


def test_a_check_that_moved_into_a_helper_is_none() -> None:
    before = body(ANSWER, STATUS, TOTAL)
    helper = "def check(answer, total):\n    assert answer.status_code == 200\n    assert answer.json()['total'] == total\n\n"
    assert weakenings(before, helper + body(ANSWER, "check(answer, 10)")) in ([], ["assertion-removed"])
    helper = "def fine(answer):\n    assert answer.status_code == 200\n\n"
    assert weakenings(before, helper + body(ANSWER, "fine(answer)", TOTAL)) == []
    assert weakenings(helper + body(ANSWER, "fine(answer)", TOTAL), before) == []


def test_a_check_that_is_gone_from_a_helper_is_told_once_with_the_number_of_tests() -> None:
    helper = "def fine(answer):\n    {}\n    return answer\n\n"
    tests = "".join(f"def test_{n}():\n    fine(client.get('/{n}'))\n\n" for n in range(3))
    found = changes(helper.format(STATUS) + tests, helper.format("pass") + tests)
    assert [(f.code, f.tests, f.subject) for f in found] == [("assertion-removed", 3, "tests/test_shop.py::fine")]


def test_a_constant_that_a_check_names_is_followed() -> None:
    test = body(ANSWER, "assert answer.status_code in GOOD")
    found = changes("GOOD = (200,)\n" + test, "GOOD = (200, 503)\n" + test)
    assert [f.code for f in found] == ["statuses-widened"]
    assert "503" in found[0].now


def test_another_expectation_is_a_note() -> None:
    found = changes(body(ANSWER, TOTAL), body(ANSWER, TOTAL.replace("10", "12")))
    assert [(f.code, f.weight) for f in found] == [("expectation-changed", "note")]


def test_an_id_stays_when_lines_move() -> None:
    before, after = body(ANSWER, TOTAL), body(ANSWER, "assert answer.json()['total']")
    (first,) = changes(before, after)
    (second,) = changes(before, "import os\n\n\ndef helper():\n    return os\n\n\n" + after)
    assert first.id == second.id
    assert first.place.line != second.place.line
