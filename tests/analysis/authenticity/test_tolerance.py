"""What a test's source names, and which second fault follows from it."""

from dataclasses import replace

import pytest
from healthy import CASE, EXCHANGE, RECORD, RED, evidence, faulted, run
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.authenticity import judge_run, plan_faults
from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.contact import Contact
from greenproof.analysis.authenticity.looks import Look, Looks
from greenproof.analysis.authenticity.shared import Statements
from greenproof.analysis.authenticity.tailoring import substitute, tailored
from greenproof.analysis.authenticity.tolerance import Sources, Tolerance
from greenproof.model.facts import CaseRecord, Failure, FaultKind, Outcome, Phase, RunObservation
from greenproof.model.faults import Blank, Substitute
from greenproof.model.plan import DEFAULT_PLUMBING

CLAIMS = Claims((), DEFAULT_PLUMBING)


def tolerance(body: str, **others: str) -> Tolerance:
    """Of a test with this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    texts = {"test_orders.py": f"def test_order(client):\n{lines}\n"}
    return Sources.read(
        {**texts, **{name.replace("__", "/") + ".py": text for name, text in others.items()}}
    ).tolerance(CASE)


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ("assert get().status_code in (200, 503)", (503,)),
        ("if get().status_code == 429:\n    return", (429,)),
        ("if get().status == HTTPStatus.BAD_GATEWAY: return", (502,)),
        ("assert r.status_code in {codes.ok, status.HTTP_504_GATEWAY_TIMEOUT}", (504,)),
        ("assert r.status_code < 500", (404,)),
        ("match r.status_code:\n    case 503: return", (503,)),
        ("assert r.status_code == 200", ()),
        ("assert r.status_code in (200, 500)", ()),
        ("assert r.status_code != 500", (503,)),
        ("assert r.status_code not in (500, 503)", (404,)),
        ("assert r.json()['amount'] == 450.0", ()),
    ],
)
def test_statuses_that_something_is_compared_with(body: str, statuses: tuple[int, ...]) -> None:
    assert tolerance(body).statuses == statuses


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        ("try:\n    get()\nexcept requests.ConnectionError:\n    return", True),
        ("try:\n    get()\nexcept (KeyError, httpx.TransportError) as error:\n    data = {}", True),
        ("try:\n    get()\nexcept:\n    pass", True),
        ("with contextlib.suppress(OSError):\n    get()", True),
        ("try:\n    get()\nexcept requests.ConnectionError:\n    pytest.fail('down')", False),
        ("try:\n    get()\nexcept Exception as error:\n    raise RuntimeError from error", False),
        ("try:\n    get()\nexcept KeyError:\n    pass", False),
        ("with pytest.raises(ConnectionError):\n    get()", False),
    ],
)
def test_a_broken_connection_that_is_caught(body: str, broken: bool) -> None:
    assert tolerance(body).broken_connection is broken


def test_helpers_and_fixtures_are_followed_wherever_they_are() -> None:
    helper = "def fetch(x):\n    return deeper(x)\ndef deeper(x):\n    assert x.status_code in OKAY\n"
    found = tolerance(
        "fetch(1)",
        helpers=helper + "OKAY = (200, 502)\n",
        conftest="@pytest.fixture\ndef client(base):\n    def get():\n        try:\n            return C()\n"
        "        except OSError:\n            pass\n    return get\n",
    )
    assert found == Tolerance((502,), True, False)


def test_a_function_of_a_library_is_no_helper_of_that_name() -> None:
    helper = "def post(x):\n    try:\n        get()\n    except OSError:\n        pass\n"
    foreign = "import requests, helpers\n"
    assert not tolerance("requests.post(1)", helpers=helper, conftest=foreign).broken_connection
    assert tolerance("helpers.post(1)", helpers=helper, conftest=foreign).broken_connection


def test_the_body_of_a_fixture_runs_where_no_substitute_is_sent() -> None:
    body = "    try:\n        made = C()\n    except OSError:\n        made = reach()\n    yield made\n"
    reached = "def reach():\n    return get().status_code in (200, 503)\n"
    found = tolerance("client.get()", conftest=f"@pytest.fixture(scope='module')\ndef client():\n{body}{reached}")
    assert (found.statuses, found.broken_connection) == ((), False)


@pytest.mark.parametrize(
    ("body", "blind"),
    [
        ("assert 'error' not in get().text", True),
        ("assert get().json() == {}", True),
        ("get().raise_for_status()", False),
        ("assert get().ok", False),
        ("assert get().status_code == 200", False),
        ("subprocess.run(['curl'], check=True)", False),
    ],
)
def test_who_never_looks_at_a_status(body: str, blind: bool) -> None:
    assert tolerance(body).blind_to_status is blind


def test_a_function_that_is_not_named_says_nothing() -> None:
    assert tolerance("get()", helpers="def other():\n    return x == 503\n").statuses == ()


def test_what_is_no_source_is_left_out() -> None:
    sources = Sources.read({"a.py": "def (", "b.py": "\0", "c.py": "x" * 10})
    assert sources.tolerance("a.py::test_a[1]") == Tolerance()


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=200), max_size=3), st.text(max_size=40))
def test_any_text_is_read(texts: dict[str, str], case: str) -> None:
    assert isinstance(Sources.read(texts).tolerance(case), Tolerance)


def contact(*statuses: int, method: str = "POST") -> Contact:
    return Contact(call=tuple(replace(EXCHANGE, status=s, method=method) for s in statuses))


@pytest.mark.parametrize(
    ("seen", "named", "expected"),
    [
        (contact(201), Tolerance(), None),
        (contact(201), Tolerance((404, 503)), Substitute(503)),
        (contact(201), Tolerance((403, 404)), Substitute(403)),
        (contact(201, 404, 200), Tolerance((404,)), None),
        (contact(201), Tolerance((), True), Substitute(None)),
        (contact(201), Tolerance((), False, True), Substitute(503)),
        (contact(404), Tolerance((404,)), Substitute(500, only_errors=True)),
        (contact(201, 409), Tolerance((), True), Substitute(500, only_errors=True)),
        (contact(101, method="WS"), Tolerance((503,), True), None),
        (Contact(), Tolerance((503,)), None),
    ],
)
def test_the_substitute(seen: Contact, named: Tolerance, expected: Substitute | None) -> None:
    assert substitute(seen, named) == expected


@pytest.mark.parametrize(
    ("answers", "reached", "named", "expected"),
    [
        (3, 1, (), Substitute(500, after=1)),
        (3, 2, (503,), Substitute(503, after=2)),
        (2, 2, (503,), Substitute(503)),
        (2, 2, (), None),
        (3, 0, (), None),
    ],
)
def test_answers_that_the_error_did_not_reach_get_one_in_the_second_run(
    answers: int, reached: int, named: tuple[int, ...], expected: Substitute | None
) -> None:
    assert substitute(contact(*[200] * answers), Tolerance(named), True, reached) == expected


def by_helper(outcome: Outcome = Outcome.FAILED) -> CaseRecord:
    """A case that a `raise` of a helper turned red."""
    failure = Failure(Phase.CALL, "check", "ApiError", "500") if outcome is Outcome.FAILED else None
    return replace(RED, outcome=outcome, executed=outcome, failure=failure)


def test_who_was_turned_red_by_a_helper_alone_gets_answers_with_nothing_in_them() -> None:
    plan = tailored(
        plan_faults(run(RECORD), CLAIMS).value,
        run(RECORD),
        faulted(FaultKind.ERROR, by_helper()),
        CLAIMS,
        lambda _: Tolerance((503,)),
        Statements({}),
    )
    assert plan.cases[CASE].instead == Substitute(None, emptied=True, whole_from=1, lists=True)


LIBRARY = Failure(Phase.CALL, "error", "HTTPError", "500", 3)


@pytest.mark.parametrize(
    ("failure", "looks", "seen", "expected"),
    [
        (LIBRARY, {Look.VALUE}, (200,), Substitute(None, emptied=True, whole_from=1, lists=True)),
        (LIBRARY, {Look.SIZE}, (201, 200), Substitute(None, emptied=True, whole_from=2, blank=Blank.NOTHING)),
        (LIBRARY, {Look.VALUE}, (302, 200), Substitute(None, emptied=True, whole_from=2, lists=True)),
        # What a status or the lack of something says, no emptied answer shows.
        (LIBRARY, {Look.STATUS}, (200,), Substitute(None, bare=True)),
        (LIBRARY, {Look.OPEN}, (204, 200), Substitute(500, after=1)),
        (LIBRARY, {Look.VALUE}, (304,), Substitute(None, bare=True)),
        (LIBRARY, {Look.VALUE}, (200, 409), Substitute(500, only_errors=True)),
        (LIBRARY, {Look.VALUE}, (409,), Substitute(None, bare=True)),
        (replace(LIBRARY, type="KeyError"), {Look.VALUE}, (200,), Substitute(None, bare=True)),
        (replace(LIBRARY, apart=True), {Look.VALUE}, (200, 200), Substitute(None, untouched=True)),
        (replace(RED.failure, apart=True), {Look.VALUE}, (200,), Substitute(None, untouched=True)),
    ],
)
def test_where_a_library_refused_the_error(
    failure: Failure, looks: set[Look], seen: tuple[int, ...], expected: Substitute | None
) -> None:
    made = tuple(replace(EXCHANGE, id=f"x{n}", status=status) for n, status in enumerate(seen))
    plain = replace(run(RECORD), exchanges=made)
    error = faulted(FaultKind.ERROR, replace(RED, failure=failure))
    error = replace(error, exchanges=(replace(made[0], fault=FaultKind.ERROR),))
    faults = plan_faults(plain, CLAIMS).value

    def instead(plain: RunObservation) -> Substitute | None:
        asked = lambda _: Tolerance()  # noqa: E731 - beside its only use
        plan = tailored(faults, plain, error, CLAIMS, asked, Statements({}), lambda _: Looks(looks))
        return plan.cases[CASE].instead

    assert instead(plain) == expected
    if expected is not None and expected.emptied:
        # What it wrote is perhaps looked at in a database.
        elsewhere = replace(plain, cases=(replace(RECORD, foreign_connections=1),))
        told = instead(elsewhere)
        assert told is None or not told.emptied


@pytest.mark.parametrize(("statuses", "spared"), [((200, 200), 1), ((200, 204), 0), ((200, 204, 200), 1)])
def test_what_is_emptied_last_has_a_body(statuses: tuple[int, ...], spared: int) -> None:
    made = tuple(replace(EXCHANGE, id=f"x{n}", path=f"/{n}", status=s) for n, s in enumerate(statuses))
    plain = replace(run(RECORD), exchanges=made)
    error = faulted(FaultKind.ERROR, replace(RED, failure=replace(LIBRARY, helper="call")))
    error = replace(error, exchanges=(replace(made[0], fault=FaultKind.ERROR),))
    faults = plan_faults(plain, CLAIMS).value
    plan = tailored(faults, plain, error, CLAIMS, lambda _: Tolerance(), Statements({}))
    told = plan.cases[CASE].instead
    assert told is not None
    assert (told.emptied, told.after) == (True, spared)


SOURCE = """async def test_order(topic):
    async with (
        opened(topic) as talk,
    ):
        await say(talk)
        event = await hear(talk)
    assert event == 1
    opened(topic)
"""


@pytest.mark.parametrize(
    ("answers", "line", "expected"),
    [
        ([200], 2, Substitute(None, emptied=True, whole_from=1, lists=True)),
        ([201, 200, 200], 2, Substitute(None, emptied=True, after=1, whole_from=3, lists=True)),
        ([201, 404], 2, Substitute(503, after=1, only_errors=False)),
        (["WS"], 3, Substitute(500, past=((2, 4), (8, 8)))),
        (["WS"], 6, Substitute(500, past=((6, 6),))),
        (["WS"], 99, Substitute(500, greeted=True)),
        (["WS", 200], None, Substitute(500, greeted=True)),
        (["GRPC"], 3, None),
    ],
)
def test_what_a_helper_refused_is_tried_past_it(
    answers: list[int | str], line: int | None, expected: Substitute | None
) -> None:
    made = [
        replace(EXCHANGE, id=f"x{n}", status=a)
        if isinstance(a, int)
        else replace(EXCHANGE, id=f"x{n}", method=a, status=101, sent=1, received=2, greeted=True)
        for n, a in enumerate(answers)
    ]
    plain = replace(run(RECORD), exchanges=tuple(made))
    helper = "opened" if line != 6 else "hear"
    failure = Failure(Phase.CALL, "check", "AssertionError", "500", line, helper if line else None)
    error = faulted(FaultKind.ERROR, replace(RED, failure=failure))
    error = replace(error, exchanges=(replace(made[0], fault=FaultKind.ERROR),))
    texts = Statements({CASE.partition("::")[0]: SOURCE})
    plan = tailored(plan_faults(plain, CLAIMS).value, plain, error, CLAIMS, lambda _: Tolerance((503,)), texts)
    if answers[-1] == 404:
        assert plan.cases[CASE].instead == Substitute(500, only_errors=True)
    else:
        assert plan.cases[CASE].instead == expected


@pytest.mark.parametrize(
    ("asked", "spared"),
    [
        ([("GET", "/a"), ("GET", "/a")], 0),
        ([("GET", "/a"), ("GET", "/b")], 1),
        ([("POST", "/a"), ("GET", "/a")], 1),
        ([("GET", "/a"), ("POST", "/a")], 1),
    ],
)
def test_what_is_asked_again_is_not_spared(asked: list[tuple[str, str]], spared: int) -> None:
    made = tuple(replace(EXCHANGE, id=f"x{n}", method=m, path=p) for n, (m, p) in enumerate(asked))
    plain = replace(run(RECORD), exchanges=made)
    failure = Failure(Phase.CALL, "check", "AssertionError", "500", 2, "opened")
    error = replace(faulted(FaultKind.ERROR, replace(RED, failure=failure)))
    error = replace(error, exchanges=(replace(made[0], fault=FaultKind.ERROR),))
    plan = tailored(plan_faults(plain, CLAIMS).value, plain, error, CLAIMS, lambda _: Tolerance(), Statements({}))
    assert plan.cases[CASE].instead == Substitute(None, emptied=True, after=spared, whole_from=2, lists=True)


@pytest.mark.parametrize(
    ("helper", "last_ns", "delivered", "expected"),
    [
        ("opened", 140, False, ("unproven", ["later-unchecked"])),
        ("opened", 120, False, ("proven", [])),
        ("opened", 140, True, ("proven", [])),
        (None, 140, False, ("proven", [])),
    ],
)
def test_a_conversation_of_a_helper_alone(
    helper: str | None, last_ns: int, delivered: bool, expected: tuple[str, list[str]]
) -> None:
    talk = replace(EXCHANGE, method="WS", status=101, last_ns=last_ns)
    plain = replace(run(replace(RECORD, last_check_ns=130)), exchanges=(talk,))
    red = replace(RED, failure=Failure(Phase.CALL, "error", "KeyError", "x", 3, helper))
    error = replace(faulted(FaultKind.ERROR, red), exchanges=(replace(talk, fault=FaultKind.ERROR),))
    second = replace(
        faulted(FaultKind.VALUE, red if delivered else RECORD),
        exchanges=(replace(talk, fault=FaultKind.LATER if delivered else None),),
    )
    case = judge_run(evidence(plain=plain, error=error, value=second))[0][0]
    assert (case.verdict.value, [reason.code for reason in case.reasons]) == expected


@pytest.mark.parametrize(
    ("kind", "outcome", "expected"),
    [
        (FaultKind.EMPTIED, Outcome.PASSED, ("unproven", ["content-unchecked"])),
        (FaultKind.EMPTIED, Outcome.FAILED, ("proven", [])),
        (FaultKind.EMPTIED, Outcome.SKIPPED, ("hollow", ["skips-on-failure"])),
        (FaultKind.LATER, Outcome.PASSED, ("unproven", ["later-unchecked"])),
        (FaultKind.LATER, Outcome.FAILED, ("proven", [])),
    ],
)
def test_what_is_left_unchecked(kind: FaultKind, outcome: Outcome, expected: tuple[str, list[str]]) -> None:
    second = faulted(FaultKind.VALUE, by_helper(outcome))
    second = replace(second, exchanges=tuple(replace(x, fault=kind) for x in second.exchanges))
    case = judge_run(evidence(plain=run(RECORD), error=faulted(FaultKind.ERROR, by_helper()), value=second))[0][0]
    assert (case.verdict.value, [reason.code for reason in case.reasons]) == expected


@pytest.mark.parametrize(
    ("helper", "second", "expected"),
    [
        ("opened", Outcome.FAILED, ("unproven", ["not-repeatable"])),
        ("opened", Outcome.PASSED, ("proven", [])),
        (None, Outcome.FAILED, ("proven", [])),
        (None, Outcome.UNFINISHED, ("unproven", ["fault-run-cut"])),
    ],
)
def test_a_second_run_that_told_nothing(helper: str | None, second: Outcome, expected: tuple[str, list[str]]) -> None:
    red = replace(RED, failure=Failure(Phase.CALL, "check", "AssertionError", "x", 3, helper))
    value = faulted(FaultKind.VALUE, by_helper(second))
    value = replace(value, exchanges=tuple(replace(x, fault=None) for x in value.exchanges))
    case = judge_run(evidence(plain=run(RECORD), error=faulted(FaultKind.ERROR, red), value=value))[0][0]
    assert (case.verdict.value, [reason.code for reason in case.reasons]) == expected


@pytest.mark.parametrize(("fault", "expected"), [(FaultKind.VALUE, []), (None, ["not-repeatable"])])
def test_a_set_up_that_another_ones_fault_may_have_broken_shows_nothing(
    fault: FaultKind | None, expected: list[str]
) -> None:
    """A fixture that cases share is faulted for one that looks at nothing else."""
    red = replace(RED, failure=Failure(Phase.CALL, "check", "AssertionError", "x", 3, "opened"))
    broken = replace(RED, outcome=Outcome.ERROR, failure=Failure(Phase.SETUP, "error", "ApiError", "401"))
    built = replace(EXCHANGE, id="built", case="other", phase=Phase.SETUP, fault=fault)
    value = faulted(FaultKind.VALUE, broken, exchanges=(built,))
    case = judge_run(evidence(plain=run(RECORD), error=faulted(FaultKind.ERROR, red), value=value))[0][0]
    assert [reason.code for reason in case.reasons] == expected


def test_who_stumbled_gets_a_substitute_only_where_its_source_names_one() -> None:
    stumbled = Contact(call=(EXCHANGE,))
    assert substitute(stumbled, Tolerance((503,)), by_check=False) == Substitute(503)
    assert substitute(stumbled, Tolerance((), False, True), by_check=False) is None
    refused = Contact(call=(replace(EXCHANGE, status=404),))
    assert substitute(refused, Tolerance((503,)), by_check=False) is None


def test_only_who_checked_gets_a_substitute() -> None:
    plain = run(replace(RECORD, checks=0, last_check_ns=None))
    value = plan_faults(plain, CLAIMS).value
    stumbled = replace(RED, failure=Failure(Phase.CALL, "error", "KeyError", "'id'"))
    for red, expected in ((RED, Substitute(503)), (stumbled, Substitute(None, bare=True)), (RECORD, None)):
        error = faulted(FaultKind.ERROR, red)
        plan = tailored(value, plain, error, CLAIMS, lambda _: Tolerance((503,)), Statements({}))
        assert plan.cases[CASE].instead == expected


def judged(status: int, outcome: Outcome) -> tuple[str, list[str], float | None]:
    """The verdict on a case that was red under the error, and this under its own failure."""
    second = replace(RED, outcome=outcome, executed=outcome, failure=RED.failure if outcome is Outcome.FAILED else None)
    seen = replace(EXCHANGE, status=status)
    cases, _ = judge_run(
        evidence(
            plain=run(RECORD, exchanges=(seen,)),
            error=faulted(FaultKind.ERROR, RED, exchanges=(replace(seen, fault=FaultKind.ERROR),)),
            value=faulted(FaultKind.VALUE, second, exchanges=(replace(seen, fault=FaultKind.TAILORED),)),
        )
    )
    return cases[0].verdict.value, [r.code for r in cases[0].reasons], cases[0].sensitivity


@pytest.mark.parametrize(
    ("status", "outcome", "expected"),
    [
        (201, Outcome.FAILED, ("proven", [], 1.0)),
        (201, Outcome.PASSED, ("hollow", ["tolerates-failure"], 0.5)),
        (201, Outcome.SKIPPED, ("hollow", ["skips-on-failure"], 1.0)),
        (404, Outcome.PASSED, ("unproven", ["any-error-will-do"], 0.5)),
        (404, Outcome.FAILED, ("proven", [], 1.0)),
    ],
)
def test_green_under_the_failure_that_it_was_suspected_of(
    status: int, outcome: Outcome, expected: tuple[str, list[str], float]
) -> None:
    assert judged(status, outcome) == expected


def test_a_case_that_the_service_answers_otherwise_when_repeated_shows_nothing_by_its_red() -> None:
    conflict = replace(EXCHANGE, status=409, fault=FaultKind.ERROR)
    cases, _ = judge_run(evidence(error=faulted(FaultKind.ERROR, RED, exchanges=(conflict,))))
    assert (cases[0].verdict.value, [r.code for r in cases[0].reasons]) == ("unproven", ["not-repeatable"])


@pytest.mark.parametrize(("method", "expected"), [("WS", "unproven"), ("POST", "hollow")])
def test_a_conversation_of_which_only_the_handshake_is_checked(method: str, expected: str) -> None:
    seen = replace(EXCHANGE, method=method)
    cases, _ = judge_run(
        evidence(
            plain=run(RECORD, exchanges=(seen,)),
            error=faulted(FaultKind.ERROR, RECORD, exchanges=(replace(seen, fault=FaultKind.ERROR),)),
            value=faulted(FaultKind.VALUE, RED, exchanges=(replace(seen, fault=FaultKind.VALUE),)),
        )
    )
    assert cases[0].verdict.value == expected
