"""A real HTTP server that keeps what it was sent, and answers what a test has written."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Server:
    """Answers in the order in which they were written: status and body."""

    url: str
    answers: list[tuple[int, str]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    server_of_test: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        test = self.server_of_test
        test.received.append(Received(self.path, dict(self.headers), body))
        status, answer = test.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the test tells what matters."""


@contextmanager
def running(*answers: tuple[int, str]) -> Iterator[Server]:
    """A server on a free port, until the end of the block."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        test = Server(f"http://127.0.0.1:{server.server_port}", list(answers))
        handler.server_of_test = test  # type: ignore[attr-defined]
        worker = threading.Thread(target=server.serve_forever, args=(0.01,))
        worker.start()
        try:
            yield test
        finally:
            server.shutdown()
            worker.join(10)
