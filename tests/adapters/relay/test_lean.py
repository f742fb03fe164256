"""What only the lean relay does: it takes what is simple, one request after the other, and gives the rest away."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.adapters.relay.lean import heads
from greenproof.adapters.relay.lean.heads import Framing, NotSimpleError
from greenproof.adapters.relay.targets import Origin
from greenproof.model.facts import Join, RunObservation

ORIGIN = Origin.parse("http://service.test:8080")
GET = b"GET /json HTTP/1.1\r\nHost: x\r\n\r\n"


def test_requests_of_one_connection_that_come_all_at_once(run, service):
    told = run.begin().hello()
    with told.case("t::a"), _raw(told) as raw:
        raw.sendall(GET * 3)
        answers = _read_answers(raw, 3)
    assert [status for status, _ in answers] == [200] * 3
    assert [x.status for x in run.exchanges()] == [200] * 3
    assert [path for _, path, _ in service.seen] == ["/json"] * 3


def test_a_head_that_comes_byte_by_byte(run):
    told = run.begin().hello()
    with told.case("t::a"), _raw(told) as raw:
        for byte in GET:
            raw.sendall(bytes([byte]))
        ((status, _),) = _read_answers(raw, 1)
    assert status == 200
    assert len(run.exchanges()) == 1


def test_a_body_in_pieces_and_the_next_request_after_it(run):
    told = run.begin().hello()
    with told.case("t::a"), _raw(told) as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        raw.sendall(b"67890" + GET)
        (_, first), (_, second) = _read_answers(raw, 2)
    assert first == b'{"size": 10}'
    assert b"Ada" in second
    assert [(x.method, x.path) for x in run.exchanges()] == [("POST", "/upload"), ("GET", "/json")]


def test_what_is_not_simple_goes_on_with_mitmproxy_on_the_same_connection(run):
    told = run.begin().hello()
    with told.case("t::a"), _raw(told) as raw:
        raw.sendall(GET)
        _read_answers(raw, 1)
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        ((_, body),) = _read_answers(raw, 1)
    assert body == b'{"size": 5}'
    seen = run.exchanges()
    assert [(x.method, x.status, x.case, x.join) for x in seen] == [
        ("GET", 200, "t::a", Join.PORT),
        ("POST", 200, "t::a", Join.PORT),
    ]


def test_a_connection_of_the_shared_port_stays_whose_it_is(run, witness):
    told = run.begin().hello()
    host, _, port = witness.address_of("api").partition("//")[2].partition(":")
    with told.case("t::a"), contextlib.closing(socket.socket()) as raw:
        raw.bind((host, 0))
        told.ask("source", ip=host, port=raw.getsockname()[1], case="t::a", ambiguous=False)
        raw.connect((host, int(port)))
        raw.settimeout(10)
        raw.sendall(GET)
        _read_answers(raw, 1)
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        _read_answers(raw, 1)
    assert [x.join for x in run.exchanges()] == [Join.SOURCE_PORT] * 2


def test_a_websocket_after_a_request(run):
    told = run.begin().hello()
    with told.case("t::a"):
        with httpx2.Client(timeout=5) as client:
            client.get(f"{told.api}/json")
        with connect(f"{told.api.replace('http', 'ws')}/ws") as ws:
            ws.send("hi")
            assert ws.recv(timeout=5) == "hi"
    assert [x.protocol for x in run.exchanges()] == ["http/1.1", "websocket"]


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"",
    ],
)
def test_a_service_that_answers_garbage_is_no_evidence(tmp_path, answer):
    status, seen = _through(tmp_path, answer)
    assert status == 502
    (exchange,) = seen.exchanges
    assert (exchange.status, exchange.synthetic) == (None, True)
    assert seen.hook_errors == ()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_broken_for_the_client_too(tmp_path, answer):
    with pytest.raises((http.client.HTTPException, OSError)):
        _through(tmp_path, answer)


def test_a_word_on_the_way_is_passed_on(tmp_path):
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    status, seen = _through(tmp_path, early + b"HTTP/1.1 204 No Content\r\n\r\n")
    assert status in (103, 204)
    assert [x.status for x in seen.exchanges] == [204]


def test_an_answer_that_ends_with_the_connection_is_whole(tmp_path):
    status, seen = _through(tmp_path, b"HTTP/1.0 200 OK\r\n\r\nall of it")
    assert status == 200
    assert [(x.status, x.error) for x in seen.exchanges] == [(200, None)]


TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)


@given(st.lists(st.tuples(TOKENS.map(lambda name: f"X-{name}"), VALUES), max_size=8), st.integers(0, 10**9))
def test_a_head_is_written_as_it_was_but_for_host_and_trace(fields, length):
    lines = ["POST /a?b=c HTTP/1.1", "Host: 127.0.0.1:1", "TraceParent: old", "tracestate: old"]
    lines += [f"{name}: {value}" for name, value in fields] + [f"Content-Length: {length}", "", ""]
    read = heads.request("\r\n".join(lines).encode())
    written = read.written("00-new", b"service.test:8080", "http://127.0.0.1:1", ORIGIN).decode()
    kept = [f"{name}: {value}" for name, value in fields]
    expected = ["POST /a?b=c HTTP/1.1", "Host: service.test:8080", *kept, f"Content-Length: {length}"]
    assert written == "\r\n".join([*expected, "traceparent: 00-new", "", ""])
    assert (read.method, read.path, read.length) == ("POST", "/a?b=c", length)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_not_simple(data):
    for read in (lambda: heads.request(data + heads.END), lambda: heads.answer(data + heads.END, "GET", {})):
        with contextlib.suppress(NotSimpleError):
            read()


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://other.test/ HTTP/1.1\r\nHost: x",
        b"OPTIONS * HTTP/1.1\r\nHost: x",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x:1",
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked",
        b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc+proto",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1",
    ],
)
def test_what_is_left_to_mitmproxy(head):
    with pytest.raises(NotSimpleError):
        heads.request(head + heads.END)


@pytest.mark.parametrize(
    ("method", "head", "framing"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5", Framing.LENGTH),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0", Framing.NONE),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5", Framing.NONE),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5", Framing.NONE),
        ("GET", b"HTTP/1.1 204 No Content", Framing.NONE),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", Framing.CHUNKED),
        ("GET", b"HTTP/1.1 200 OK", Framing.CLOSE),
    ],
)
def test_the_end_of_an_answer(method, head, framing):
    """RFC 9112, section 6.3."""
    assert heads.answer(head + heads.END, method, {}).framing is framing


def _raw(told) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(told.api.rpartition(":")[2])), 10)


def _read_answers(raw: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Answers with a length, one after the other."""
    stream = raw.makefile("rb")
    answers = []
    for _ in range(count):
        status = int(stream.readline().split()[1])
        length = 0
        while (line := stream.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        answers.append((status, stream.read(length)))
    return answers


@contextlib.contextmanager
def _answering(answer: bytes) -> Iterator[int]:
    """A server that reads a little and says what it was told to, once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                client, _ = listening.accept()
                with client:
                    client.recv(65536)
                    client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def _through(place: Path, answer: bytes) -> tuple[int, RunObservation]:
    with _answering(answer) as port:
        target = RelayTarget("api", f"http://127.0.0.1:{port}", {"API": "{address}"})
        with Witness.start([target], state=place) as witness:
            witness.begin(None, None)
            client = http.client.HTTPConnection(witness.address_of("api").partition("//")[2], timeout=10)
            try:
                client.request("GET", "/")
                response = client.getresponse()
                response.read()
            finally:
                client.close()
            return response.status, witness.finish(exit_code=0, timed_out=False, duration_s=1)
