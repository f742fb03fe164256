"""The controlled backends, asked by real clients."""

import socket
import ssl
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from greenproof.adapters.backends import BackendServer, ClosedPort, ForwardProxy
from greenproof.adapters.backends.conversation import Conversation
from greenproof.adapters.relay import Witness
from greenproof.model.floor import Backend


def test_a_closed_port_refuses_and_stays_ours() -> None:
    with ClosedPort() as port:
        host, number = port.hostport.split(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(number)), timeout=5)
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind((host, int(number)))


@pytest.mark.parametrize(
    ("backend", "status", "document"),
    [(Backend.UNAVAILABLE, 503, {"error": "service unavailable"}), (Backend.STATIC, 200, {"status": "healthy"})],
)
def test_every_request_gets_the_same_answer(backend: Backend, status: int, document: dict[str, str]) -> None:
    with BackendServer() as server, requests.Session() as session:
        server.backend = backend
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = session.request(method, f"{server.url}/any/path", data=b"x" * 300_000, timeout=5)
            assert (answer.status_code, answer.json()) == (status, document)
            assert answer.headers["content-type"] == "application/json"
        head = session.head(server.url, timeout=5)
        assert (head.status_code, head.content) == (status, b"")
        handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        assert session.get(server.url, headers=handshake, timeout=5).status_code == status
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=5)


def test_a_proxy_stands_in_for_every_address(tmp_path: Path) -> None:
    state = tmp_path / "relay"
    with Witness.start([], state=state) as witness:
        ca = str(witness.ca_certificate)
    with ForwardProxy(lambda: Backend.STATIC, state / "ca") as proxy, requests.Session() as session:
        session.proxies = {"http": proxy.url, "https": proxy.url}
        for url in ("http://shop.invalid/orders", "https://shop.invalid/orders", "https://192.0.2.7:8443/"):
            assert session.get(url, timeout=5, verify=ca).json() == {"status": "healthy"}
        assert len(proxy.take_requests()) == 3
        assert proxy.take_requests() == ()
        with pytest.raises(requests.exceptions.SSLError):
            session.get("https://other.invalid/", timeout=5)
        # A WebSocket without TLS goes through a tunnel too.
        host, port = proxy.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as line:
            line.sendall(b"CONNECT shop.invalid:80 HTTP/1.1\r\nHost: shop.invalid:80\r\n\r\n")
            assert b" 200 " in line.recv(4096)
            line.sendall(b"GET /events HTTP/1.1\r\nHost: shop.invalid\r\nUpgrade: websocket\r\n\r\n")
            assert b"healthy" in line.recv(4096)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        socket.create_connection((host, int(port)), timeout=5)


@given(st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_no_bytes_break_a_conversation(chunks: list[bytes], proxies: bool) -> None:
    talk = Conversation(lambda: Backend.STATIC, (lambda target: None) if proxies else None)
    for chunk in chunks:
        if talk.over:
            break
        assert isinstance(talk.receive(chunk), bytes)


@given(st.lists(st.integers(1, 40), max_size=8))
def test_requests_are_answered_however_they_are_cut(cuts: list[int]) -> None:
    talk = Conversation(lambda: Backend.UNAVAILABLE)
    wire = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
    out = b""
    for cut in cuts:
        out += talk.receive(wire[:cut]) if wire else b""
        wire = wire[cut:]
    if wire:
        out += talk.receive(wire)
    assert out.count(b"HTTP/1.1 503 ") == 2
