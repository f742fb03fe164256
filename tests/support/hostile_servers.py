"""Servers that misbehave in every way that a target can: plain sockets and TLS, each connection in a thread.

Every server is closed with its context; what a thread still sends then fails, and the thread ends.
"""

import contextlib
import datetime as dt
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MEGABYTE = 1 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

type Conduct = Callable[[socket.socket], None]


def healthy(peer: socket.socket) -> None:
    """Answer every request of a connection, with a revision."""
    while _request(peer):
        body = b'{"value": 41, "name": "Ada"}'
        peer.sendall(HEAD + b"X-Greenproof-Revision: api-1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def hang(peer: socket.socket) -> None:
    """Take the request, and never say a word."""
    while peer.recv(65536):
        pass


def hang_in_head(peer: socket.socket) -> None:
    """Begin an answer, and stop in the middle of its head."""
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
    hang(peer)


def slow(peer: socket.socket) -> None:
    """A good answer, after a second."""
    while _request(peer):
        time.sleep(1.0)
        body = b'{"value": 41, "name": "Ada"}'
        peer.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


def trickle(peer: socket.socket) -> None:
    """A byte from time to time, for ever."""
    _request(peer)
    peer.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while True:
        peer.sendall(b"x")
        time.sleep(0.1)


def garbage(peer: socket.socket) -> None:
    """Bytes that are no HTTP."""
    peer.recv(65536)
    peer.sendall(b"\x00\xff\x1b]0;owned\x07SSH-2.0-OpenSSH_9.2\r\n" + bytes(range(256)))


def silence(peer: socket.socket) -> None:
    """Close without an answer."""
    peer.recv(65536)


def circle(peer: socket.socket) -> None:
    """Redirect every address to itself."""
    while line := _request(peer):
        path = line.split()[1]
        peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % path)


def large(peer: socket.socket) -> None:
    """An answer of 50 MB."""
    while _request(peer):
        peer.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (50 * MEGABYTE))
        for _ in range(50):
            peer.sendall(b"x" * MEGABYTE)


def endless(peer: socket.socket) -> None:
    """An answer that never ends, as fast as it is taken."""
    _request(peer)
    peer.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def endless_head(peer: socket.socket) -> None:
    """Header lines without end."""
    _request(peer)
    peer.sendall(HEAD)
    while True:
        peer.sendall(b"".join(b"X-More: %060d\r\n" % n for n in range(500)))


def trickling_head(peer: socket.socket) -> None:
    """The head of an answer, a byte from time to time: no wait for a byte is ever long."""
    _request(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        peer.sendall(b"x")
        time.sleep(0.05)


def bomb(peer: socket.socket) -> None:
    """50 KB that unpack to 50 MB."""
    packed = gzip.compress(b"\0" * (50 * MEGABYTE))
    while _request(peer):
        peer.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)


def hostile_head(peer: socket.socket) -> None:
    """A revision that would paint the terminal, and names that break tables."""
    while _request(peer):
        peer.sendall(HEAD + b"X-Greenproof-Revision: \x1b[31mred|<script>`\xff\r\nContent-Length: 2\r\n\r\n{}")


def _request(peer: socket.socket) -> bytes:
    """The first line of the next request; empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = peer.recv(65536)
        if not chunk:
            return b""
        data += chunk
    return data.split(b"\r\n", 1)[0]


@contextlib.contextmanager
def serving(conduct: Conduct, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a free port of this machine; the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    open_peers: set[socket.socket] = set()

    def converse(peer: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.enter_context(peer)
            peer.settimeout(60)
            if context is not None:
                peer = stack.enter_context(context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False))
                peer.do_handshake()  # type: ignore[union-attr]
            conduct(peer)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                open_peers.add(peer)
                threading.Thread(target=converse, args=[peer], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        # A thread that waits in accept() is only woken by this.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for peer in open_peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port at which nothing listens, and that nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def full_queue() -> Iterator[int]:
    """A port that takes no connection and refuses none: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


_USAGE = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


class Certificates:
    """Certificates of a CA of our own, for any names and any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        self._ca = (
            self._builder(
                "Hostile CA", "Hostile CA", self._key, now - dt.timedelta(days=90), now + dt.timedelta(days=9)
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_USAGE, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.bundle = folder / "ca.pem"
        self.bundle.write_bytes(self._ca.public_bytes(serialization.Encoding.PEM))

    def context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """A server's TLS for these names; with negative `days` it ended so many days ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        certificate = (
            self._builder(names[0], "Hostile CA", key, now - dt.timedelta(days=60), now + dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = self._folder / f"{names[0]}-{days}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def _builder(
        self, name: str, issuer: str, key: ec.EllipticCurvePrivateKey, begin: dt.datetime, end: dt.datetime
    ) -> x509.CertificateBuilder:
        named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer)]
        return (
            x509.CertificateBuilder()
            .subject_name(named[0])
            .issuer_name(named[1])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            # Python 3.13 verifies strictly: both key identifiers must be there.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
