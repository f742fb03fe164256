"""HTTP through the relay, with real clients: what comes out is what went in, and it is seen."""

import asyncio
import contextlib
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import aiohttp
import httpx2
import pytest
import requests

from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.model.facts import Depth, Join, Phase

PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")


@pytest.fixture(scope="module", params=[True, False], ids=["lean", "mitmproxy"])
def witness(request, relays) -> Witness:
    """Both relays pass the same tests."""
    return relays(request.param)


def test_an_exchange_is_seen_and_joined(run, service):
    told = run.begin().hello()
    with told.case("t::a"):
        before = time.monotonic_ns()
        answer = requests.get(
            f"{told.api}/orders/7?token=secret", headers={"Authorization": "Bearer secret"}, timeout=5
        )
        after = time.monotonic_ns()
    assert answer.json()["name"] == "Ada"
    (seen,) = run.exchanges()
    assert (seen.target, seen.protocol, seen.method, seen.path, seen.status) == (
        "api",
        "http/1.1",
        "GET",
        "/orders/7",
        200,
    )
    assert (seen.case, seen.phase, seen.worker, seen.join) == ("t::a", Phase.CALL, None, Join.PORT)
    assert (seen.identity, seen.depth, seen.synthetic) == ("api-1", Depth.CORE, False)
    assert before < seen.start_ns < seen.head_ns < after
    assert seen.end_ns >= seen.head_ns
    assert "secret" not in repr(run.observation)


def test_every_request_carries_the_trace_of_its_case(run, service):
    told = run.begin().hello()
    with requests.Session() as session:
        for case in ("t::a", "t::b"):
            with told.case(case):
                session.get(
                    f"{told.api}/json",
                    headers={"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "tracestate": "x=1"},
                    timeout=5,
                )
    seen = run.exchanges()
    sent = [PARENT.fullmatch(headers["traceparent"]) for _, _, headers in service.seen]
    assert [match[1] for match in sent] == [x.trace_id for x in seen]
    assert seen[0].trace_id != seen[1].trace_id
    assert sent[0][2] != sent[1][2]
    assert not any("tracestate" in headers for _, _, headers in service.seen)
    assert [x.case for x in seen] == ["t::a", "t::b"]


def test_a_case_gets_another_trace_in_each_run(run, witness):
    traces = []
    for _ in range(2):
        told = run.begin().hello()
        with told.case("t::a"):
            requests.get(f"{told.api}/json", timeout=5)
        traces.append(run.finish().exchanges[0].trace_id)
        run.told.clear()
    assert traces[0] != traces[1]


@pytest.mark.parametrize(
    ("path", "status"), [("/empty", 204), ("/unchanged", 304), ("/missing", 404), ("/gzip", 200), ("/chunked", 200)]
)
def test_answers_of_every_kind(run, service, path, status):
    told = run.begin().hello()
    with told.case("t::a"), requests.Session() as session:
        for _ in range(2):
            direct = session.get(f"http://127.0.0.1:{service.port}{path}", timeout=5)
            relayed = session.get(f"{told.api}{path}", timeout=5)
            assert (relayed.status_code, relayed.content) == (direct.status_code, direct.content)
        head = session.head(f"{told.api}{path}", timeout=5)
        assert head.content == b""
    assert [x.status for x in run.exchanges()] == [status] * 3


def test_addresses_lead_back_to_the_relay(run, service):
    told = run.begin().hello()
    with told.case("t::a"):
        answer = requests.get(f"{told.api}/away", allow_redirects=False, timeout=5)
        assert answer.headers["location"] == f"{told.api}/json?a=1"
        assert "domain" not in requests.get(f"{told.api}/cookie", timeout=5).headers["set-cookie"].lower()
        requests.get(f"{told.api}/json", headers={"Origin": told.api, "Referer": f"{told.api}/x"}, timeout=5)
    upstream = f"http://127.0.0.1:{service.port}"
    headers = service.seen[-1][2]
    assert (headers["origin"], headers["referer"]) == (upstream, f"{upstream}/x")
    assert f"http://{headers['host']}" == upstream


def test_an_event_arrives_at_once(run, service):
    told = run.begin().hello()
    with told.case("t::a"), httpx2.stream("GET", f"{told.api}/events", timeout=5) as answer:
        assert next(answer.iter_lines()) == 'data: {"n": 1}'
    (seen,) = run.exchanges()
    assert seen.status == 200
    assert seen.end_ns is not None


def test_fifty_megabytes_pass_without_being_held(run, witness):
    def resident() -> int:
        return int(Path(f"/proc/{witness.pid}/statm").read_text().split()[1]) * 4096

    told = run.begin().hello()
    before, most, size = resident(), 0, 0
    with told.case("t::a"):
        with httpx2.stream("GET", f"{told.api}/big", timeout=20) as answer:
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size % (8 << 20) < len(chunk):
                    most = max(most, resident())
        sent = requests.post(f"{told.api}/upload", data=(b"y" * (1 << 20) for _ in range(20)), timeout=20)
        most = max(most, resident())
    assert size == 50 << 20
    assert sent.json() == {"size": 20 << 20}
    assert most - before < 25 << 20


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_curl_expects_100_and_posts(run, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"z" * 300_000)
    told = run.begin().hello()
    with told.case("t::a"):
        out = subprocess.run(
            ["curl", "-sS", "-m", "10", "-H", "Expect: 100-continue", "--data-binary", f"@{body}", f"{told.api}/upload"],
            capture_output=True, check=True,
        )  # fmt: skip
    assert out.stdout == b'{"size": 300000}'
    (seen,) = run.exchanges()
    assert (seen.method, seen.status, seen.join) == ("POST", 200, Join.PORT)


def test_odd_bytes_in_a_path(run, service):
    told = run.begin().hello()
    with told.case("t::a"), socket.create_connection(("127.0.0.1", int(told.api.rpartition(":")[2])), 5) as raw:
        raw.sendall(b"GET /a%00b/\xff\xfe?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 400 " in raw.recv(4096) or service.seen
    assert all("?" not in x.path for x in run.exchanges())


def test_many_connections_at_once(run):
    told = run.begin().hello()

    async def all_at_once() -> list[int]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one() -> int:
                async with session.get(f"{told.api}/json") as answer:
                    await answer.read()
                    return answer.status

            return await asyncio.gather(*(one() for _ in range(200)))

    with told.case("t::a"):
        assert asyncio.run(all_at_once()) == [200] * 200
    assert len(run.exchanges()) == 200


def test_http2_over_tls_on_both_sides(run, witness):
    pytest.importorskip("h2")
    told = run.begin().hello()
    trust = ssl.create_default_context(cafile=str(witness.ca_certificate))
    address = told.welcome["addresses"]["SECURE"]
    with told.case("t::a"), httpx2.Client(http2=True, verify=trust, timeout=5) as client:
        answers = [client.get(f"{address}/x") for _ in range(3)]
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert answers[0].json() == {"path": "/v1/x", "http": "2", "n": 5}
    seen = run.exchanges()
    assert [(x.protocol, x.target, x.identity) for x in seen] == [("http/2", "secure", "secure-1")] * 3


def test_http1_over_tls_and_an_unverified_target(run, witness):
    told = run.begin().hello()
    with told.case("t::a"):
        for name in ("SECURE", "LOOSE"):
            answer = requests.get(told.welcome["addresses"][name], verify=str(witness.ca_certificate), timeout=5)
            assert answer.json()["http"] == "1.1"
    assert [x.protocol for x in run.exchanges()] == ["http/1.1"] * 2


def test_a_target_that_cannot_be_verified_is_no_evidence(run, witness):
    told = run.begin().hello()
    with told.case("t::a"):
        answer = requests.get(told.welcome["addresses"]["STRICT"], verify=str(witness.ca_certificate), timeout=5)
        assert answer.status_code == 502
    (seen,) = run.exchanges()
    assert (seen.status, seen.synthetic) == (None, True)
    assert witness.stop_requested() is None


def test_opaque_bytes_pass(run):
    told = run.begin().hello()
    host, _, port = told.welcome["addresses"]["RAW"].partition(":")
    with socket.create_connection((host, int(port)), 5) as raw:
        for case in ("t::a", "t::b"):
            with told.case(case):
                raw.sendall(b"\x00\x01hello")
                assert raw.recv(100) == b"\x00\x01HELLO"
    parts = [x for x in run.exchanges() if x.case]
    assert [(x.protocol, x.method, x.target, x.case, x.sent, x.received) for x in parts] == [
        ("tcp", "TCP", "raw", "t::a", 1, 1),
        ("tcp", "TCP", "raw", "t::b", 1, 1),
    ]


def test_what_only_begins_like_http2_is_passed_as_opaque_bytes(run):
    told = run.begin().hello()
    host, _, port = told.welcome["addresses"]["RAW"].partition(":")
    with told.case("t::a"), socket.create_connection((host, int(port)), 5) as raw:
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nsm\r\n\r\n")
        assert raw.recv(100) == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    (seen,) = run.exchanges()
    assert (seen.protocol, seen.phase) == ("tcp", Phase.CALL)


def test_http2_without_tls(run):
    told = run.begin().hello()
    with told.case("t::a"), httpx2.Client(http1=False, http2=True, timeout=5) as client:
        for _ in range(2):
            answer = client.get(told.welcome["addresses"]["CLEAR"])
            assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
    seen = run.exchanges()
    assert [(x.protocol, x.method, x.status, x.identity, x.join) for x in seen] == [
        ("http/2", "GET", 200, "secure-1", Join.PORT)
    ] * 2


def test_what_is_sent_between_cases_belongs_to_nobody(run):
    told = run.begin().hello()
    requests.get(f"{told.api}/json", timeout=5)
    with told.case("t::a"):
        pass
    # `end` is not answered; the next answered message comes after it.
    told.ask("source", ip="127.0.0.1", port=1, case=None, ambiguous=False)
    requests.get(f"{told.api}/json", timeout=5)
    assert [(x.case, x.phase, x.join) for x in run.exchanges()] == [(None, None, Join.AMBIGUOUS)] * 2


def test_a_fixture_inside_the_call_is_set_up(run):
    told = run.begin().hello()
    told.setup("t::a")
    requests.get(f"{told.api}/1", timeout=5)
    told.call("t::a")
    requests.get(f"{told.api}/2", timeout=5)
    told.ask("fixture", case="t::a", key="::late", on=True)
    requests.get(f"{told.api}/3", timeout=5)
    told.ask("fixture", case="t::a", key="::late", on=False)
    requests.get(f"{told.api}/4", timeout=5)
    told.teardown("t::a")
    requests.get(f"{told.api}/5", timeout=5)
    assert [x.phase for x in run.exchanges()] == [Phase.SETUP, Phase.CALL, Phase.SETUP, Phase.CALL, Phase.TEARDOWN]


def test_each_worker_has_ports_of_its_own(run):
    run.begin()
    workers = [run.hello(f"gw{n}") for n in range(3)]
    assert len({w.api for w in workers}) == 3
    for n, worker in enumerate(workers):
        worker.setup(f"t::{n}")
        worker.call(f"t::{n}")

    def hammer(n: int) -> None:
        with requests.Session() as session:
            for _ in range(10):
                session.get(f"{workers[n].api}/{n}", timeout=5)

    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    seen = run.exchanges()
    assert len(seen) == 30
    assert all(x.worker == f"gw{x.path[1:]}" and x.case == f"t::{x.path[1:]}" and x.join is Join.PORT for x in seen)


def test_the_shared_port_is_joined_by_source_port(run, witness):
    run.begin()
    first, second = run.hello("gw0"), run.hello("gw1")
    first.setup("t::a")
    second.setup("t::b")
    second.call("t::b")
    shared = ("127.0.0.1", int(witness.address_of("api").rpartition(":")[2]))
    with socket.socket() as client:
        client.bind(("127.0.0.1", 0))
        ip, port = client.getsockname()
        second.ask("source", ip=ip, port=port, case="t::b", ambiguous=False)
        client.connect(shared)
        client.sendall(b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(10_000).startswith(b"HTTP/1.1 200")
    (seen,) = run.exchanges()
    assert (seen.case, seen.phase, seen.worker, seen.join) == ("t::b", Phase.CALL, "gw1", Join.SOURCE_PORT)


def test_a_thread_that_outlived_its_case_is_ambiguous(run):
    told = run.begin().hello()
    told.setup("t::b")
    told.call("t::b")
    with socket.socket() as client:
        client.bind(("127.0.0.1", 0))
        ip, port = client.getsockname()
        told.ask("source", ip=ip, port=port, case="t::a", ambiguous=True)
        client.connect(("127.0.0.1", int(told.api.rpartition(":")[2])))
        client.sendall(b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(10_000).startswith(b"HTTP/1.1 200")
    requests.get(f"{told.api}/json", timeout=5)
    late, proper = run.exchanges()
    assert (late.case, late.join) == ("t::a", Join.AMBIGUOUS)
    assert (proper.case, proper.join) == ("t::b", Join.PORT)
    assert late.trace_id != proper.trace_id


CHILD = "import sys, urllib.request as u; sys.stdin.readline(); u.urlopen(sys.argv[1], timeout=5).read()"


def test_a_child_process_is_found_in_the_process_table(run, witness):
    run.begin()
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, f"{witness.address_of('api')}/{n}"], stdin=subprocess.PIPE)
        for n in range(2)
    ]
    # Each child plays the process of a worker, and one more its grandchild.
    workers = [run.hello(f"gw{n}", pid=child.pid) for n, child in enumerate(children)]
    main = run.hello()
    for told, case in (*zip(workers, ("t::0", "t::1"), strict=True), (main, "t::main")):
        told.setup(case)
        told.call(case)
    for child in children:
        child.communicate(b"go\n", timeout=10)
    if shutil.which("curl"):
        subprocess.run(
            ["sh", "-c", f"curl -sS -m 5 {witness.address_of('api')}/main; true"], capture_output=True, check=True
        )
    seen = {x.path: x for x in run.exchanges()}
    assert {(x.case, x.join) for p, x in seen.items() if p != "/main"} == {
        ("t::0", Join.PROCESS),
        ("t::1", Join.PROCESS),
    }
    assert seen["/0"].worker == "gw0"
    if "/main" in seen:
        assert (seen["/main"].case, seen["/main"].join) == ("t::main", Join.PROCESS)


def test_a_stranger_is_nobodys(run, witness):
    run.begin()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    told = run.hello("gw0", pid=child.pid)
    told.setup("t::a")
    requests.get(f"{witness.address_of('api')}/json", timeout=5)
    child.communicate(b"\n", timeout=10)
    (seen,) = run.exchanges()
    assert (seen.case, seen.worker, seen.join) == (None, None, Join.NONE)


def test_variables_and_addresses(witness: Witness):
    address = witness.address_of("api")
    variables = witness.addresses()
    assert (variables["API"], variables["API_HOST"]) == (address, address.removeprefix("http://"))
    assert variables["SECURE"] == f"{witness.address_of('secure')}/v1"
    assert variables["SECURE"].startswith("https://")


@pytest.mark.parametrize(
    ("size", "lean"), [(100_000, True), (300_000, True), (3_000_000, True), (3_000_000, False)], ids=str
)
def test_an_answer_before_the_upload_was_read_arrives(tmp_path: Path, size: int, lean: bool) -> None:
    """The service resets the connection when it closes with the upload unread; its answer is not lost by that. The
    relay itself resets no client that is still sending.
    """
    answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    target = RelayTarget("hasty", f"http://127.0.0.1:{listening.getsockname()[1]}")
    with listening, Witness.start([target], state=tmp_path, lean=lean) as witness:
        witness.begin(None, None)
        for _ in range(5):
            client = http.client.HTTPConnection(witness.address_of("hasty").partition("//")[2], timeout=10)
            client.connect()
            # With room for less than the upload the client is surely still sending when the answer is there.
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            client.request("PUT", "/upload", b"x" * size)
            assert client.getresponse().read() == b"no"
            client.close()
        seen = witness.finish(exit_code=0, timed_out=False, duration_s=1)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert [(held.status, held.synthetic, held.error) for held in seen.exchanges] == [(401, False, None)] * 5
    assert seen.hook_errors == ()


def test_a_stray_leaves_the_connections_of_others_certain(run, service):
    told = run.begin().hello()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    host, at = told.api.removeprefix("http://").split(":")
    told.ask("setup", case="t::meets", strays=["t::leaves"])
    told.call("t::meets")
    told.ask("source", ip="127.0.0.1", port=port, case="t::meets", ambiguous=False)
    client = http.client.HTTPConnection(host, int(at), timeout=5, source_address=("127.0.0.1", port))
    client.request("GET", "/json")
    assert client.getresponse().read()
    client.close()
    told.teardown("t::meets")
    told.end("t::meets")
    told.bye()
    assert [(exchange.case, exchange.join) for exchange in run.exchanges()] == [("t::meets", Join.PORT)]


def test_while_a_stray_lives_what_nobody_told_of_is_not_certain(run, service):
    told = run.begin().hello()
    with requests.Session() as session:
        with told.case("t::leaves"):
            session.get(f"{told.api}/json", timeout=5)
        told.ask("setup", case="t::meets", strays=["t::leaves"], stray_children=True)
        told.call("t::meets")
        session.get(f"{told.api}/json", timeout=5)
        told.teardown("t::meets")
        told.end("t::meets")
        told.ask("setup", case="t::ended", strays=["t::leaves"], stray_children=True)
        session.get(f"{told.api}/json", timeout=5)
        told.call("t::ended", strays=[])
        session.get(f"{told.api}/json", timeout=5)
        told.teardown("t::ended")
        told.end("t::ended")
        with told.case("t::later"):
            session.get(f"{told.api}/json", timeout=5)
    told.bye()
    seen = [(exchange.case, exchange.join) for exchange in run.exchanges()]
    assert seen == [
        ("t::leaves", Join.PORT),
        ("t::meets", Join.AMBIGUOUS),
        ("t::ended", Join.AMBIGUOUS),
        ("t::ended", Join.PORT),
        ("t::later", Join.PORT),
    ]
    traces = [exchange.trace_id for exchange in run.exchanges()]
    assert traces[1] == traces[2] not in (traces[0], traces[3], traces[4])
    strays = {case.id: case.strays for case in run.observation.cases}
    assert strays == {"t::leaves": (), "t::meets": ("t::leaves",), "t::ended": ("t::leaves",), "t::later": ()}
