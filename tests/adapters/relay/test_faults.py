"""Faults: delivered where the plan says, nowhere else, and the service never notices."""

import json

import httpx2
import pytest
import requests
from mitmproxy import http

from greenproof.adapters.relay import faults
from greenproof.model.facts import FaultKind
from greenproof.model.faults import Blank, CaseFaults, FaultPlan, Substitute
from greenproof.model.routes import Route

ERROR = {"error": {"code": "greenproof_fault", "message": "injected by Greenproof"}}


def get(told, path: str, **options) -> requests.Response:
    return requests.get(f"{told.api}{path}", timeout=5, allow_redirects=False, **options)


@pytest.mark.parametrize(
    "path", ["/json", "/gzip", "/chunked", "/page", "/away", "/empty", "/unchanged", "/cookie", "/events", "/idle"]
)
def test_a_success_becomes_an_error(faulty, run, service, path):
    told = faulty("error", f"GET {path}")
    with told.case("t::a"), requests.Session() as session:
        for _ in range(2):
            answer = session.get(f"{told.api}{path}", timeout=5, allow_redirects=False)
            assert (answer.status_code, answer.json()) == (500, ERROR)
            assert answer.headers["content-type"] == "application/json"
            assert not {"set-cookie", "etag", "content-encoding", "location"} & {k.lower() for k in answer.headers}
    assert len(service.seen) == 2
    assert [x.fault for x in run.exchanges()] == [FaultKind.ERROR] * 2
    assert 500 not in {x.status for x in run.exchanges()}


def test_an_error_becomes_a_success(faulty, run):
    told = faulty("error")
    with told.case("t::a"):
        answer = get(told, "/missing")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert (run.exchanges()[0].status, run.exchanges()[0].fault) == (404, FaultKind.ERROR)


def test_the_identity_stays(faulty, run):
    told = faulty("error")
    with told.case("t::a"):
        assert get(told, "/json").headers["X-Greenproof-Revision"] == "api-1"
    assert run.exchanges()[0].identity == "api-1"


def test_a_head_request_gets_a_head(faulty):
    told = faulty("error")
    with told.case("t::a"), requests.Session() as session:
        for _ in range(2):
            answer = session.head(f"{told.api}/json", timeout=5)
            assert (answer.status_code, answer.content) == (500, b"")


def test_a_large_answer_is_replaced_and_the_connection_lives(faulty, run):
    told = faulty("error", "GET /big")
    with told.case("t::a"), requests.Session() as session:
        assert session.get(f"{told.api}/big", timeout=10).status_code == 500
        assert session.get(f"{told.api}/json", timeout=10).status_code == 200
    assert [x.fault for x in run.exchanges()] == [FaultKind.ERROR, None]


def test_only_claimed_routes_and_never_plumbing(faulty, run):
    told = faulty("error", "POST /json", "GET /orders/{id}")
    with told.case("t::a"):
        assert get(told, "/json").status_code == 200
        assert requests.post(f"{told.api}/json", timeout=5).status_code == 500
        assert get(told, "/orders/7").status_code == 500
        assert get(told, "/health").status_code == 200


def test_without_a_claim_everything_but_plumbing(faulty):
    told = faulty("error")
    with told.case("t::a"):
        assert get(told, "/json").status_code == 500
        assert get(told, "/health").status_code == 200


def test_plumbing_that_the_case_claims_itself(faulty):
    told = faulty("error", "GET /health")
    with told.case("t::a"):
        assert get(told, "/health").status_code == 500


def test_only_in_the_call_phase_and_only_planned_cases(faulty, run):
    told = faulty("error")
    told.setup("t::a")
    assert get(told, "/json").status_code == 200
    told.call("t::a")
    assert get(told, "/json").status_code == 500
    told.ask("fixture", case="t::a", key="::f", on=True)
    assert get(told, "/json").status_code == 200
    told.ask("fixture", case="t::a", key="::f", on=False)
    told.teardown("t::a")
    assert get(told, "/json").status_code == 200
    told.end("t::a")
    with told.case("t::b"):
        assert get(told, "/json").status_code == 200
    assert [x.fault for x in run.exchanges()] == [None, FaultKind.ERROR, None, None, None]


def test_values_change_and_the_shape_stays(faulty, run, service):
    told = faulty("value")
    with told.case("t::a"):
        answer = get(told, "/json")
    changed = answer.json()
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1"'
    assert list(changed) == ["name", "age", "tags", "ok", "none"]
    assert len(changed["tags"]) == 2
    assert changed["ok"] is False
    assert isinstance(changed["age"], int)
    assert changed["age"] != 36
    assert run.exchanges()[0].fault is FaultKind.VALUE
    assert len(service.seen) == 1


@pytest.mark.parametrize("path", ["/gzip", "/page", "/chunked", "/numbers", "/missing"])
def test_values_of_other_bodies_change(faulty, run, service, path):
    told = faulty("value")
    direct = requests.get(f"http://127.0.0.1:{service.port}{path}", timeout=5)
    with told.case("t::a"), requests.Session() as session:
        for _ in range(2):
            answer = session.get(f"{told.api}{path}", timeout=5)
            assert answer.status_code == direct.status_code
            assert answer.headers.get("content-encoding") == direct.headers.get("content-encoding")
            assert answer.content != direct.content
    assert [x.fault for x in run.exchanges()] == [FaultKind.VALUE] * 2


@pytest.mark.parametrize("path", ["/empty", "/unchanged", "/nothing", "/cookie"])
def test_where_nothing_can_differ_no_fault_is_delivered(faulty, run, path):
    told = faulty("value")
    with told.case("t::a"):
        get(told, path)
    assert run.exchanges()[0].fault is None


def test_headers_of_the_application_change_and_all_others_stay() -> None:
    headers = http.Headers(
        [(b"X-Total-Count", b"7"), (b"Link", b"</items?page=2>; rel=next"), (b"Retry-After", b"17"),
         (b"X-Greenproof-Revision", b"api-1"), (b"Set-Cookie", b"a=b"), (b"ETag", b"1"), (b"Location", b"/x")]
    )  # fmt: skip
    before = dict(headers.items())
    assert faults.change_headers(headers)
    assert {name for name, value in headers.items() if before[name] != value} == {"X-Total-Count", "Link"}
    assert list(before) == list(headers)
    assert not faults.change_headers(http.Headers([(b"Date", b"now"), (b"Vary", b"Accept")]))


def test_a_large_document_changes_in_its_first_part(faulty, run, service):
    told = faulty("value")
    direct = requests.get(f"http://127.0.0.1:{service.port}/large-json", timeout=10).content
    with told.case("t::a"):
        answer = requests.get(f"{told.api}/large-json", timeout=10)
    assert len(answer.content) == len(direct) > 1 << 20
    assert answer.content[1 << 20 :] == direct[1 << 20 :]
    changed = answer.json()["items"]
    assert len(changed) == 60_000
    assert changed[0].keys() == {"id", "name"}
    assert changed[5]["name"] != "item 5"
    assert run.exchanges()[0].fault is FaultKind.VALUE


def test_events_change_one_by_one(faulty, run):
    told = faulty("value")
    with told.case("t::a"), httpx2.stream("GET", f"{told.api}/events", timeout=5) as answer:
        line = next(answer.iter_lines())
    assert list(json.loads(line.removeprefix("data: "))) == ["n"]
    assert line != 'data: {"n": 1}'
    assert run.exchanges()[0].fault is FaultKind.VALUE


def test_a_fixtures_answer_gets_a_value_fault(faulty, run):
    told = faulty("value", "GET /orders", fixtures=("GET /json",))
    told.setup("t::a")
    assert get(told, "/json").json()["age"] != 36
    assert get(told, "/numbers").json() == [1, 2, 3]
    told.call("t::a")
    assert get(told, "/json").json()["age"] == 36
    assert [x.fault for x in run.exchanges()] == [FaultKind.VALUE, None, None]


def test_a_fixtures_answer_gets_an_error_only_on_the_routes_of_the_plan(faulty, run):
    told = faulty("error", fixtures=("GET /json",))
    told.setup("t::a")
    assert get(told, "/json").status_code == 500
    assert get(told, "/missing").status_code == 404


def test_an_error_answer_keeps_no_header_that_a_test_could_go_by(faulty, run):
    told = faulty("error")
    with told.case("t::a"):
        answer = get(told, "/cookie")
    assert answer.status_code == 500
    assert "set-cookie" not in answer.headers
    known = {"content-type", "content-length", "date", "server", "connection", "keep-alive", "x-greenproof-revision"}
    assert {name.lower() for name in answer.headers} <= known


def test_no_fault_for_what_is_not_surely_the_cases(faulty, run):
    told = faulty("error")
    told.setup("t::a")
    told.call("t::a")
    with httpx2.Client(transport=httpx2.HTTPTransport(local_address="127.0.0.1")) as client:
        assert client.get(f"{told.api}/json", timeout=5).status_code == 500
    import socket

    with socket.socket() as raw:
        raw.bind(("127.0.0.1", 0))
        ip, port = raw.getsockname()
        told.ask("source", ip=ip, port=port, case="t::a", ambiguous=True)
        raw.connect(("127.0.0.1", int(told.api.rpartition(":")[2])))
        raw.sendall(b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 200")


def test_faults_over_http2(faulty, run, witness):
    import ssl

    told = faulty("error")
    trust = ssl.create_default_context(cafile=str(witness.ca_certificate))
    with told.case("t::a"), httpx2.Client(http2=True, verify=trust, timeout=5) as client:
        for _ in range(3):
            answer = client.get(told.welcome["addresses"]["SECURE"])
            assert (answer.http_version, answer.status_code, answer.json()) == ("HTTP/2", 500, ERROR)
    assert [x.fault for x in run.exchanges()] == [FaultKind.ERROR] * 3


def test_faults_over_http2_without_tls(faulty, run):
    told = faulty("error")
    with told.case("t::a"), httpx2.Client(http1=False, http2=True, timeout=5) as client:
        answer = client.get(told.welcome["addresses"]["CLEAR"])
        assert (answer.http_version, answer.status_code, answer.json()) == ("HTTP/2", 500, ERROR)
    assert [x.fault for x in run.exchanges()] == [FaultKind.ERROR]


def test_values_over_http2(faulty, run, witness):
    import ssl

    told = faulty("value")
    trust = ssl.create_default_context(cafile=str(witness.ca_certificate))
    with told.case("t::a"), httpx2.Client(http2=True, verify=trust, timeout=5) as client:
        assert client.get(told.welcome["addresses"]["SECURE"]).json()["n"] == 17
    assert run.exchanges()[0].fault is FaultKind.VALUE


def test_the_run_tells_its_kind_and_selection(run):
    told = run.begin(None, ["t::a", "t::b"]).hello()
    assert (told.welcome["run"], told.welcome["select"]) == ("plain", ["t::a", "t::b"])


@pytest.mark.parametrize(
    ("path", "instead", "expected"),
    [
        ("/json", Substitute(503), 503),
        ("/json", Substitute(429), 429),
        ("/missing", Substitute(500, only_errors=True), 500),
    ],
)
def test_a_case_gets_the_failure_that_was_chosen_for_it(run, witness, path, instead, expected):
    plan = FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=instead), "t::b": CaseFaults()}, ())
    told = run.begin(plan).hello()
    with told.case("t::a"):
        assert get(told, path).status_code == expected
    with told.case("t::b"):
        assert get(told, "/json").json()["name"] != "Ada"
    assert [x.fault for x in run.exchanges()] == [FaultKind.TAILORED, FaultKind.VALUE]


@pytest.mark.parametrize(
    ("path", "instead"),
    [("/json", Substitute(500, only_errors=True)), ("/missing", Substitute(503)), ("/missing", Substitute(None))],
)
def test_a_chosen_failure_that_does_not_fit_changes_nothing(run, path, instead):
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=instead)}, ())).hello()
    with told.case("t::a"):
        assert get(told, path).status_code == (404 if path == "/missing" else 200)
    assert [x.fault for x in run.exchanges()] == [None]


def test_the_answers_at_which_it_turned_red_before_pass(run):
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=Substitute(500, after=2))}, ())).hello()
    with told.case("t::a"):
        assert [get(told, "/json").status_code for _ in range(4)] == [200, 200, 500, 500]
    assert [x.fault for x in run.exchanges()] == [None, None, FaultKind.LATER, FaultKind.LATER]


def test_an_answer_with_nothing_in_it(run):
    instead = Substitute(None, emptied=True)
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=instead)}, ())).hello()
    with told.case("t::a"):
        plain = {"name": "Ada"}
        answer = get(told, "/json")
        assert answer.status_code == 200
        assert answer.json().keys() >= plain.keys()
        assert answer.json()["name"] != "Ada"
        assert [item for item in answer.json().values() if isinstance(item, list) and item] == []
    assert [x.fault for x in run.exchanges()] == [FaultKind.EMPTIED]


@pytest.mark.parametrize("blank", Blank)
def test_an_answer_says_nothing_in_many_ways(run, blank):
    instead = Substitute(None, emptied=True, blank=blank, without=("name",))
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=instead)}, ())).hello()
    with told.case("t::a"):
        answer = get(told, "/json")
    assert answer.status_code == 200
    assert "name" not in answer.json()
    assert [x.fault for x in run.exchanges()] == [FaultKind.EMPTIED]


@pytest.mark.parametrize("path", ["/events", "/idle"])
def test_a_stream_with_nothing_in_it_ends(run, path):
    instead = Substitute(None, emptied=True)
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=instead)}, ())).hello()
    with told.case("t::a"):
        answer = get(told, path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [x.fault for x in run.exchanges()] == [FaultKind.EMPTIED]


def test_a_case_is_left_alone_while_others_are_not(run):
    cases = {"t::a": CaseFaults(instead=Substitute(None, untouched=True)), "t::b": CaseFaults()}
    told = run.begin(FaultPlan(FaultKind.VALUE, cases, ())).hello()
    for case in cases:
        with told.case(case):
            get(told, "/json")
    assert [x.fault for x in run.exchanges()] == [None, FaultKind.VALUE]


def test_answers_with_nothing_in_them_go_on_with_what_is_read_elsewhere(run):
    claimed = (Route("GET", "/json", None),)
    case = CaseFaults(claimed, instead=Substitute(None, emptied=True, after=1))
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": case}, (Route("GET", "/numbers", None),))).hello()
    with told.case("t::a"):
        for path in ("/gzip", "/json", "/gzip", "/numbers", "/json"):
            assert get(told, path).status_code == 200
    kept = [FaultKind.EMPTIED, None, FaultKind.EMPTIED]
    assert [x.fault for x in run.exchanges()] == [None, None, *kept]


@pytest.mark.parametrize("path", ["/json", "/gzip", "/cookie"])
def test_other_values_without_the_headers_that_an_error_takes_away(run, path):
    case = CaseFaults(instead=Substitute(None, bare=True))
    plain = run.begin().hello()
    with plain.case("t::a"):
        before = get(plain, path)
    run.finish()
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": case}, ())).hello()
    with told.case("t::a"):
        after = get(told, path)
    assert after.status_code == before.status_code
    assert not {"set-cookie", "content-encoding"} & set(after.headers)
    assert after.headers.get("content-type") == before.headers.get("content-type")
    assert not before.content or after.content != before.content
    assert run.finish().exchanges[-1].fault is FaultKind.VALUE


def test_a_connection_breaks_off_in_place_of_the_answer(run, service):
    told = run.begin(FaultPlan(FaultKind.VALUE, {"t::a": CaseFaults(instead=Substitute(None))}, ())).hello()
    with told.case("t::a"), pytest.raises(requests.ConnectionError):
        get(told, "/json")
    (seen,) = run.exchanges()
    assert (seen.status, seen.fault, seen.synthetic, seen.error) == (200, FaultKind.TAILORED, False, None)
    assert len(service.seen) == 1
