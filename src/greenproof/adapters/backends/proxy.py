"""A proxy that connects to nothing: in the place of every address that is written into the tests.

Clients that honour the proxy variables ask it for `http://host/path`, or for a tunnel to `host:port`; at the end of
each tunnel there is the controlled backend again, under a certificate of the relay's CA for that host.
"""

import contextlib
import ipaddress
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from greenproof.adapters.backends.closed import HOST
from greenproof.adapters.backends.conversation import Conversation
from greenproof.model.floor import Backend

VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_IDLE_S = 60.0
_CLOSE_S = 5.0
_MOST_CONNECTIONS = 256
_MOST_REQUESTS = 100_000
_TLS_RECORD = b"\x16"


class ForwardProxy:
    """Listens on a free port of this machine until it is closed. A context manager; one thread a connection."""

    def __init__(self, backend: Callable[[], Backend], ca: Path) -> None:
        """`ca` is the folder in which the relay keeps its CA."""
        self._backend = backend
        self._certificates = _Certificates(ca)
        self._listening = socket.create_server((HOST, 0), backlog=256)
        self.url = f"http://{HOST}:{self._listening.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._requests: list[int] = []
        self._thread = threading.Thread(target=self._accept, name="greenproof-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Whoever waits in one of these calls is woken by the end of the socket.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(_CLOSE_S)
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._certificates.close()

    def take_requests(self) -> tuple[int, ...]:
        """When each request came (readings of the monotonic clock in nanoseconds); each is told once."""
        with self._lock:
            taken, self._requests = tuple(self._requests), []
        return taken

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with self._lock:
                full = len(self._open) >= _MOST_CONNECTIONS
                if not full:
                    self._open.add(connection)
            if full:
                connection.close()
            else:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(_IDLE_S)
            tunnel = self._converse(connection, self._seen)
            if tunnel is not None:
                self._inside(connection, tunnel)
        except (OSError, ValueError):
            # The client left, or did not trust the certificate: its own business.
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _inside(self, connection: socket.socket, tunnel: str) -> None:
        """Be the far end of a tunnel: with TLS or without, as the client begins."""
        self._seen(tunnel)
        if connection.recv(1, socket.MSG_PEEK) != _TLS_RECORD:
            self._converse(connection, None)
            return
        context = self._certificates.context(tunnel.rpartition(":")[0].strip("[]"))
        with context.wrap_socket(connection, server_side=True) as secured:
            self._converse(secured, None)

    def _converse(self, connection: socket.socket, on_request: Callable[[str], None] | None) -> str | None:
        """Answer until the client leaves; the tunnel that it asks for, if it does."""
        talk = Conversation(self._backend, on_request)
        while not talk.over:
            data = connection.recv(1 << 16)
            answer = talk.receive(data)
            if answer:
                connection.sendall(answer)
        return talk.tunnel

    def _seen(self, target: str) -> None:
        with self._lock:
            if len(self._requests) < _MOST_REQUESTS:
                self._requests.append(time.monotonic_ns())


class _Certificates:
    """TLS settings for each host, under the CA of the relay."""

    def __init__(self, ca: Path) -> None:
        self._ca = ca
        self._folder = tempfile.TemporaryDirectory(prefix="greenproof-")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def context(self, host: str) -> ssl.SSLContext:
        """What a server of that name would use."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._make(host)
            return self._contexts[host]

    def close(self) -> None:
        """Forget the keys."""
        self._folder.cleanup()

    def _make(self, host: str) -> ssl.SSLContext:
        # Imported late: most suites take their addresses from variables.
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from mitmproxy.certs import CertStore

        store = CertStore.from_store(self._ca, "mitmproxy", 2048)
        name = host.encode("idna").decode("ascii") if not _is_address(host) else None
        alternative = x509.IPAddress(ipaddress.ip_address(host)) if name is None else x509.DNSName(name)
        entry = store.get_cert(name, [alternative])
        key = entry.privatekey.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = Path(self._folder.name) / f"{len(self._contexts)}.pem"
        file.write_bytes(key + entry.cert.to_pem())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
