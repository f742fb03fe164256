"""Sensitivity runs at the relay: every fault as a client meets it, on real connections."""

import http.client
import json
import ssl
import time

import httpx2
import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from greenproof.adapters.relay.faults import LARGEST_CHANGED
from greenproof.analysis.sensitivity.registry import BY_NAME
from greenproof.model.facts import FaultKind
from greenproof.model.faults import CaseFaults, FaultPlan
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Disturbance

HEALTH = (Route("*", "/health"),)
DOCUMENT = {"name": "Ada", "age": 36, "tags": ["x", "y"], "ok": True, "none": None}


def fault_of(operator: str, route: str = "GET /json", part: str = "") -> Disturbance:
    return Disturbance(operator, BY_NAME[operator].means, Route.parse(route), part)


@pytest.fixture
def disturbed(run):
    """Begin a run in which the case `t::a` gets one fault on a route; without an operator, its answers are looked at."""

    def begin(operator: str | None = None, route: str = "GET /json", part: str = ""):
        fault = None if operator is None else fault_of(operator, route, part)
        cases = {name: CaseFaults(disturbance=fault) for name in ("t::a", "t::b")}
        return run.begin(FaultPlan(FaultKind.SENSITIVITY, cases, HEALTH)).hello()

    return begin


@pytest.fixture
def each(run):
    """Begin a run of many cases, each with a fault of its own: their ids and what tells about them."""

    def begin(*faults: Disturbance):
        cases = {f"t::{number}": CaseFaults(disturbance=fault) for number, fault in enumerate(faults)}
        return tuple(cases), run.begin(FaultPlan(FaultKind.SENSITIVITY, cases, HEALTH)).hello()

    return begin


def get(told, path="/json", **options):
    return requests.get(f"{told.api}{path}", timeout=10, allow_redirects=False, **options)


def faults_of(run):
    return [x.fault for x in run.exchanges()]


def test_one_place_of_a_body_is_changed_and_the_rest_stays(each, run, service):
    wanted = [
        ("property-removed", "/json", "/age", {k: v for k, v in DOCUMENT.items() if k != "age"}),
        ("null-set", "/json", "/name", {**DOCUMENT, "name": None}),
        ("boolean-reversed", "/json", "/ok", {**DOCUMENT, "ok": False}),
        ("array-emptied", "/json", "/tags", {**DOCUMENT, "tags": []}),
        ("elements-swapped", "/json", "/tags", {**DOCUMENT, "tags": ["y", "x"]}),
        ("property-removed", "/gzip", "/name", {}),
    ]
    cases, told = each(*(fault_of(operator, f"GET {path}", part) for operator, path, part, _ in wanted))
    for case, (_, path, _, expected) in zip(cases, wanted, strict=True):
        with told.case(case):
            answer = get(told, path)
        assert (answer.status_code, answer.json()) == (200, expected)
    assert faults_of(run) == [FaultKind.SENSITIVITY] * len(wanted)
    assert len(service.seen) == len(wanted)


def test_heads_and_empty_bodies_on_a_connection_that_lives_on(each, run):
    wanted = [
        ("status-success", "/json", lambda a: a.status_code in (201, 202) and a.json() == DOCUMENT),
        ("status-client-error", "/json", lambda a: 400 <= a.status_code < 500 and a.json() == DOCUMENT),
        ("status-server-error", "/missing", lambda a: a.status_code >= 500 and "error" in a.json()),
        ("status-client-error", "/empty", lambda a: 400 <= a.status_code < 500 and a.content == b""),
        ("media-type-changed", "/json", lambda a: not a.headers["content-type"].startswith("application/json")),
        ("media-type-removed", "/json", lambda a: "content-type" not in a.headers and a.json() == DOCUMENT),
        ("charset-removed", "/json", lambda a: a.headers["content-type"] == "application/json"),
        ("location-removed", "/away", lambda a: a.status_code == 302 and "location" not in a.headers),
        ("location-changed", "/away", lambda a: "/json/" in a.headers["location"]),
        ("body-emptied", "/json", lambda a: a.status_code == 200 and a.content == b""),
        ("body-emptied", "/gzip", lambda a: a.status_code == 200 and a.content == b""),
    ]
    cases, told = each(*(fault_of(operator, f"GET {path}") for operator, path, _ in wanted))
    for case, (operator, path, looks) in zip(cases, wanted, strict=True):
        with told.case(case), requests.Session() as session:
            answer = session.get(f"{told.api}{path}", timeout=10, allow_redirects=False)
            assert looks(answer), (operator, path, answer.status_code, answer.headers, answer.content)
            assert session.get(f"{told.api}/numbers", timeout=10).json() == [1, 2, 3]
    assert faults_of(run) == [FaultKind.SENSITIVITY, None] * len(wanted)


def test_a_body_ends_in_the_middle(each, run):
    paths = ("/json", "/chunked", "/big")
    cases, told = each(*(fault_of("body-truncated", f"GET {path}") for path in paths))
    for case, path in zip(cases, paths, strict=True):
        with (
            told.case(case),
            pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)) as met,
        ):
            get(told, path)
        assert "IncompleteRead" in str(met.value) or "ended prematurely" in str(met.value)
    assert faults_of(run) == [FaultKind.SENSITIVITY] * 3


@pytest.mark.parametrize(("operator", "kind"), [("connection-closed", "closed"), ("connection-reset", "reset")])
def test_no_answer_comes(disturbed, run, service, operator, kind):
    told = disturbed(operator)
    with told.case("t::a"):
        with pytest.raises(requests.ConnectionError) as met:
            get(told)
        assert get(told, "/numbers").json() == [1, 2, 3]
    assert kind in str(met.value)
    assert faults_of(run) == [FaultKind.SENSITIVITY, None]
    assert [path for _, path, _ in service.seen] == ["/json", "/numbers"]


def test_a_hang_is_bounded_and_who_asks_again_need_not_wait_again(disturbed, run):
    told = disturbed("hang")
    began = time.monotonic()
    with told.case("t::a"):
        with pytest.raises(requests.ConnectionError):
            get(told)
        first = time.monotonic() - began
        with pytest.raises(requests.ConnectionError):
            get(told)
    assert 2.5 < first < 8
    assert time.monotonic() - began - first < 1
    assert faults_of(run) == [FaultKind.SENSITIVITY] * 2


def test_only_the_planned_route_in_the_call_phase_and_never_plumbing(disturbed, run):
    told = disturbed("status-server-error", "GET /{any}")
    told.setup("t::a")
    assert get(told).status_code == 200
    told.call("t::a")
    assert get(told).status_code >= 500
    assert get(told, "/health").status_code == 200
    assert requests.post(f"{told.api}/json", timeout=5).status_code == 200
    told.teardown("t::a")
    assert get(told).status_code == 200
    told.end("t::a")
    with told.case("t::c"):
        assert get(told).status_code == 200
    assert faults_of(run) == [None, FaultKind.SENSITIVITY, None, None, None, None]


def test_what_cannot_be_done_is_not_delivered_and_the_answer_passes(each, run):
    wanted = [
        ("null-set", "/page", "/name"),
        ("null-set", "/json", "/not-there"),
        ("body-emptied", "/empty", ""),
        ("body-truncated", "/empty", ""),
        ("location-removed", "/json", ""),
        ("event-doubled", "/json", ""),
        ("events-late", "/json", ""),
        ("null-set", "/large-json", "/items/*/id"),
        ("other-users-answer", "/nothing", ""),
    ]
    cases, told = each(*(fault_of(operator, f"GET {path}", part) for operator, path, part in wanted))
    plain = requests.get(f"{told.api}/large-json", timeout=10).content
    for case, (_, path, _) in zip(cases, wanted, strict=True):
        with told.case(case):
            answer = get(told, path)
        assert answer.status_code in (200, 204)
        if path == "/json":
            assert answer.json() == DOCUMENT
        if path == "/large-json":
            assert answer.content == plain
    assert faults_of(run) == [None] * (len(wanted) + 1)


def test_answers_are_looked_at_and_no_value_is_told(disturbed, run):
    told = disturbed()
    with told.case("t::a"):
        assert get(told, headers={"Authorization": "Bearer one"}).json() == DOCUMENT
        get(told, headers={"Authorization": "Bearer two"})
        get(told, "/page")
        get(told, "/health")
    seen = run.finish().answers
    assert len(seen) == 3
    one, two, page = seen
    assert dict(one.shape)["/tags"] == "array"
    assert dict(one.shape)["/age"] == "integer"
    assert one.headers == ("content-type", "charset")
    assert one.digest == two.digest
    assert one.user != two.user
    assert page.shape == ()
    assert page.user == ""
    assert "Ada" not in str(seen)
    assert "Bearer" not in str(seen)


def test_messages_come_twice(disturbed, run):
    told = disturbed("event-doubled", "WS /ws")
    with told.case("t::a"), connect(f"{told.api.replace('http', 'ws')}/ws", compression="deflate") as ws:
        for text in ("one", "x" * 20_000):
            ws.send(text)
            assert [ws.recv(timeout=5), ws.recv(timeout=5)] == [text, text]
    assert faults_of(run) == [FaultKind.SENSITIVITY]


def test_two_messages_change_places(disturbed, run):
    told = disturbed("events-reordered", "WS /burst-ws")
    with told.case("t::a"), connect(f"{told.api.replace('http', 'ws')}/burst-ws") as ws:
        assert [ws.recv(timeout=5) for _ in range(3)] == ["2", "1", "3"]
    assert faults_of(run) == [FaultKind.SENSITIVITY]


@pytest.mark.parametrize("speaks", [True, False])
def test_a_message_that_no_other_follows_is_not_lost(disturbed, run, speaks):
    told = disturbed("events-reordered", "WS /ws")
    with told.case("t::a"), connect(f"{told.api.replace('http', 'ws')}/ws") as ws:
        ws.send("only")
        if not speaks:
            assert ws.recv(timeout=5) == "only"
            ws.send("more")
            assert ws.recv(timeout=5) == "more"
        else:
            # The answer to a ping comes behind the message, and passes by it.
            assert ws.ping().wait(5)
            ws.send("more")
            assert {ws.recv(timeout=5), ws.recv(timeout=5)} == {"only", "more"}
    assert faults_of(run) == [None]


@pytest.mark.parametrize("operator", ["event-changed", "events-late"])
def test_messages_are_changed_or_late(disturbed, run, operator):
    told = disturbed(operator, "WS /ws")
    with told.case("t::a"), connect(f"{told.api.replace('http', 'ws')}/ws") as ws:
        began = time.monotonic()
        ws.send(json.dumps({"n": 1}))
        got = json.loads(ws.recv(timeout=5))
        took = time.monotonic() - began
    assert (got == {"n": 1}) is (operator == "events-late")
    assert (took > 1.4) is (operator == "events-late")
    assert faults_of(run) == [FaultKind.SENSITIVITY]


def test_messages_are_counted_and_how_many_come_in_a_row(disturbed, run):
    told = disturbed()
    with told.case("t::a"):
        with connect(f"{told.api.replace('http', 'ws')}/burst-ws") as ws:
            assert [ws.recv(timeout=5) for _ in range(3)] == ["1", "2", "3"]
        with connect(f"{told.api.replace('http', 'ws')}/ws") as ws:
            for text in ("a", "b"):
                ws.send(text)
                assert ws.recv(timeout=5) == text
    assert [(x.events, x.burst) for x in run.finish().answers] == [(3, 3), (2, 1)]


def test_events_of_a_stream_come_twice(disturbed, run):
    told = disturbed("event-doubled", "GET /events")
    with told.case("t::a"):
        held = http.client.HTTPConnection(told.api.removeprefix("http://"), timeout=5)
        held.request("GET", "/events")
        answer = held.getresponse()
        expected = b'data: {"n": 1}\n\n' * 2
        assert answer.read(len(expected)) == expected
        held.close()
    assert faults_of(run) == [FaultKind.SENSITIVITY]


def test_an_earlier_answer_and_one_to_somebody_else_are_given_again(disturbed, run, witness):
    told = disturbed()
    with told.case("t::a"):
        own = get(told, "/json", headers={"Authorization": "Bearer one"}).json()
        get(told, "/numbers", headers={"Authorization": "Bearer two"})
    run.finish()
    again = type(run)(witness)
    faults = [fault_of(name, "GET /{any}") for name in ("stale-answer", "other-users-answer")]
    plan = FaultPlan(
        FaultKind.SENSITIVITY, {f"t::{n}": CaseFaults(disturbance=f) for n, f in enumerate(faults)}, HEALTH
    )
    told = again.begin(plan).hello()
    with told.case("t::0"):
        stale = get(told, "/json", headers={"Authorization": "Bearer one"})
    with told.case("t::1"):
        foreign = get(told, "/json", headers={"Authorization": "Bearer one"})
    assert stale.status_code == foreign.status_code == 200
    assert stale.content != json.dumps(own).encode()
    assert foreign.content != json.dumps(own).encode()
    assert int(stale.headers["content-length"]) == len(stale.content)
    assert faults_of(again) == [FaultKind.SENSITIVITY] * 2


def say(told, document, name="x", how="", kind="application/json", **options):
    """The service answers what it is told, in the way that `how` names."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"Content-Type": kind, **options.pop("headers", {})}
    address = f"{told.welcome['addresses']['API']}/said/{name}?{how}"
    return requests.post(address, data=data, headers=headers, timeout=10, **options)


@pytest.mark.parametrize("how", ["", "gzip&chunked"])
def test_an_earlier_answer_comes_again(disturbed, run, how):
    name = f"stale-{how.replace('&', '-')}"
    told = disturbed()
    with told.case("t::a"):
        say(told, {"n": 1}, name, how)
        say(told, {"n": 2}, name, how)
    run.finish()
    told = disturbed("stale-answer", f"POST /said/{name}")
    with told.case("t::a"):
        answers = [say(told, {"n": n}, name, how) for n in (3, 1)]
    assert [answer.json() for answer in answers] == [{"n": 1}, {"n": 2}]
    assert [answer.headers.get("Content-Encoding") for answer in answers] == ["gzip" if "gzip" in how else None] * 2
    assert [x.fault for x in run.finish().exchanges] == [FaultKind.SENSITIVITY] * 2


@pytest.mark.parametrize("signed", [True, False])
def test_the_answer_of_another_user_comes(disturbed, run, signed):
    name = f"whose-{signed}"

    def ask(told, case, document):
        return say(told, document, name, headers={"Authorization": f"Bearer {case}"} if signed else {}).json()

    told = disturbed()
    for case in ("t::a", "t::b"):
        with told.case(case):
            assert ask(told, case, {"of": case}) == {"of": case}
    run.finish()
    told = disturbed("other-users-answer", f"POST /said/{name}")
    with told.case("t::a"):
        assert ask(told, "t::a", {"of": "t::a", "new": 1}) == {"of": "t::b"}
        if signed:
            # Whose answer it is follows from the credential, not from the case.
            assert ask(told, "t::b", {"of": "t::b", "new": 1}) == {"of": "t::a"}
        # What is the same says nothing.
        assert ask(told, "t::a", {"of": "t::b"}) == {"of": "t::b"}
    assert [x.fault for x in run.finish().exchanges] == [FaultKind.SENSITIVITY] * (1 + signed) + [None]


EVENTS = [b'data: {"n": %d}\n\n' % n for n in (1, 2, 3)]
COMMENT = b": still here\n\n"


@pytest.mark.parametrize("how", ["", "chunked"])
def test_events_that_end_are_doubled_reordered_and_changed(each, run, how):
    wanted = [
        ("event-doubled", b"".join(event * 2 for event in EVENTS)),
        ("events-reordered", EVENTS[1] + EVENTS[0] + EVENTS[2]),
        ("event-changed", None),
    ]
    cases, told = each(*(fault_of(operator, "POST /said/{name}") for operator, _ in wanted))
    for case, (_, expected) in zip(cases, wanted, strict=True):
        with told.case(case), requests.Session() as session:
            address = f"{told.api}/said/events?{how}"
            answer = session.post(
                address, data=COMMENT + b"".join(EVENTS), headers={"Content-Type": "text/event-stream"}, timeout=5
            )
            assert session.get(f"{told.api}/numbers", timeout=5).json() == [1, 2, 3]
        if expected is not None:
            assert answer.content == COMMENT + expected
        else:
            found = [json.loads(line[5:])["n"] for line in answer.content.splitlines() if line.startswith(b"data:")]
            assert len(found) == 3
            assert not {1, 2, 3} & set(found)
    assert faults_of(run) == [FaultKind.SENSITIVITY, None] * len(wanted)


def test_lines_of_json_are_events_too(disturbed, run):
    told = disturbed("event-doubled", "POST /said/{name}")
    with told.case("t::a"):
        answer = say(told, b'{"n": 1}\n{"n": 2}\n', kind="application/x-ndjson")
    assert answer.content == b'{"n": 1}\n' * 2 + b'{"n": 2}\n' * 2
    assert faults_of(run) == [FaultKind.SENSITIVITY]


def test_a_stream_comes_late_but_whole(disturbed, run):
    told = disturbed("events-late", "POST /said/{name}")
    with told.case("t::a"):
        began = time.monotonic()
        answer = say(told, b"".join(EVENTS), kind="text/event-stream")
        took = time.monotonic() - began
    assert answer.content == b"".join(EVENTS)
    assert 1.4 < took < 5
    assert faults_of(run) == [FaultKind.SENSITIVITY]


def test_what_is_too_large_passes_as_it_is(each, run):
    document = {"a": "x" * (LARGEST_CHANGED + 1)}
    event = b'data: "' + b"[" * (2 * LARGEST_CHANGED) + b'"\n\n'
    wanted = [
        ("null-set", "/a", "", json.dumps(document).encode(), "application/json"),
        ("null-set", "/a", "chunked", json.dumps(document).encode(), "application/json"),
        ("null-set", "/a", "gzip", json.dumps(document).encode(), "application/json"),
        ("event-doubled", "", "chunked", event, "text/event-stream"),
        ("event-doubled", "", "gzip", b"".join(EVENTS), "text/event-stream"),
    ]
    cases, told = each(*(fault_of(operator, "POST /said/{name}", part) for operator, part, *_ in wanted))
    for case, (_, _, how, data, kind) in zip(cases, wanted, strict=True):
        with told.case(case):
            assert say(told, data, how=how, kind=kind).content == data
    assert faults_of(run) == [None] * len(wanted)


def test_a_message_that_is_too_large_is_neither_doubled_nor_held(each, run):
    cases, told = each(fault_of("event-doubled", "WS /ws"), fault_of("events-reordered", "WS /ws"))
    for case in cases:
        with told.case(case), connect(f"{told.api.replace('http', 'ws')}/ws", max_size=None) as ws:
            ws.send("x" * (LARGEST_CHANGED + 1))
            assert len(ws.recv(timeout=5)) == LARGEST_CHANGED + 1
            ws.send("bye")
            assert ws.recv(timeout=5) == "bye"
    assert faults_of(run) == [FaultKind.SENSITIVITY, None]


def test_the_same_faults_over_tls_and_http2(each, run, witness):
    trust = ssl.create_default_context(cafile=str(witness.ca_certificate))
    wanted = ["status-server-error", "number-replaced", "body-emptied", "body-truncated", "connection-reset"]
    parts = {"number-replaced": "/n"}
    cases, told = each(*(fault_of(operator, "GET /v1/x", parts.get(operator, "")) for operator in wanted))
    found = {}
    for case, operator in zip(cases, wanted, strict=True):
        with told.case(case), httpx2.Client(http2=True, verify=trust, timeout=5) as client:
            try:
                answer = client.get(f"{told.welcome['addresses']['SECURE']}/x")
                found[operator] = (answer.http_version, answer.status_code, answer.content)
            except httpx2.HTTPError as problem:
                found[operator] = problem
    assert found["status-server-error"][:1] == ("HTTP/2",)
    assert found["status-server-error"][1] >= 500
    assert json.loads(found["number-replaced"][2])["n"] != 5
    assert found["body-emptied"] == ("HTTP/2", 200, b"")
    assert isinstance(found["body-truncated"], httpx2.TransportError)
    assert isinstance(found["connection-reset"], httpx2.TransportError)
    assert faults_of(run) == [FaultKind.SENSITIVITY] * len(wanted)


@pytest.mark.parametrize("operator", ["connection-reset", "status-server-error", "body-emptied", "hang"])
def test_handshakes_are_left_alone(disturbed, run, operator):
    told = disturbed(operator, "* /{any}")
    address = told.api.replace("http", "ws")
    with told.case("t::a"):
        with connect(f"{address}/ws") as ws:
            ws.send("one")
            assert ws.recv(timeout=5) == "one"
        with pytest.raises(InvalidStatus) as met, connect(f"{address}/closed-ws"):
            pass
    assert met.value.response.status_code == 403
    assert faults_of(run) == [None, None]
