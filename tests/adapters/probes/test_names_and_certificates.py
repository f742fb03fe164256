"""Certificates of a real TLS server, and names as the resolver of this machine knows them."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import certificate

from greenproof.adapters.probes import dns, tls


@contextlib.contextmanager
def listening(context: ssl.SSLContext | None, answer: bytes = b"") -> Iterator[int]:
    """A server that shakes hands; without a context one that says `answer`, or nothing at all."""
    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            held.append(connection)
            with contextlib.suppress(OSError):
                if context is not None:
                    held.append(context.wrap_socket(connection, server_side=True))
                elif answer:
                    connection.sendall(answer)
                    connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
        for connection in held:
            connection.close()


def serving(pem: Path, key: Path) -> contextlib.AbstractContextManager[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return listening(context)


def test_the_names_issuer_and_end_of_a_certificate_and_whom_it_is_trusted_by(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "api.corp.dev", "*.corp.dev", "10.0.0.7")
    with serving(pem, key) as port:
        trusted = tls.look("127.0.0.1", port, ca=str(pem))
        stranger = tls.look("127.0.0.1", port)
    assert trusted.names == ("*.corp.dev", "10.0.0.7", "api.corp.dev")
    assert trusted.issuer == "CN=a private CA"
    assert trusted.not_after.endswith("+00:00")
    # The name 127.0.0.1 is not among them: that is not what the probe says.
    assert (trusted.trusted, trusted.trouble) == (True, "")
    assert (stranger.names, stranger.trusted) == (trusted.names, False)
    assert "self-signed" in stranger.trouble


def test_a_certificate_that_is_over_is_shown_and_not_trusted(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, days=-1)
    with serving(pem, key) as port:
        seen = tls.look("127.0.0.1", port, ca=str(pem))
    assert (seen.names, seen.trusted, seen.trouble) == (("127.0.0.1",), False, "certificate has expired")


def test_what_is_no_tls_is_told_and_costs_no_more_than_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        closed = held.getsockname()[1]
    with listening(None, b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain, listening(None) as silent:
        refused = tls.look("127.0.0.1", closed)
        garbage = tls.look("127.0.0.1", plain)
        began = time.monotonic()
        nothing = tls.look("127.0.0.1", silent, timeout=0.3)
        assert time.monotonic() - began < 3
    assert [one.names for one in (refused, garbage, nothing)] == [(), (), ()]
    assert "refused" in refused.trouble.lower()
    assert garbage.trouble.startswith("no TLS") or "reset" in garbage.trouble.lower()
    assert nothing.trouble == "no handshake in time"


def test_names_that_are_there_and_names_that_are_not() -> None:
    here, gone, broken, again = dns.resolve(["localhost", "no-such-name.invalid", "a..b" + "x" * 70, "127.0.0.1"], 10)
    assert here.host == "localhost"
    assert {"127.0.0.1", "::1"} & set(here.addresses)
    assert (gone.addresses, broken.addresses) == ((), ())
    assert gone.trouble
    assert broken.trouble
    assert again.addresses == ("127.0.0.1",)


def test_names_that_nobody_could_ask_for_are_no_names_that_are_gone() -> None:
    names = ["127.0.0.1"] * 3 + [f"127.0.1.{number}" for number in range(dns.MOST)]
    found = dns.resolve(names, 10)
    assert [one.host for one in found] == list(dict.fromkeys(names))
    assert found[-1].trouble == f"look: more than {dns.MOST} names"
    assert dns.resolve([]) == ()


@pytest.mark.parametrize("host", ["", "\0", "é" * 100, "-", "[::1"])
def test_what_is_no_name_raises_nothing(host: str) -> None:
    assert tls.look(host, 1, timeout=1).trouble
    dns.resolve([host], 1)
