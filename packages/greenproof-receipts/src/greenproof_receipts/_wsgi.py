"""The WSGI middleware."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from greenproof_receipts._exchange import Exchange, enter, guarded
from greenproof_receipts._identity import Identity

Environ = Dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class ReceiptsWSGI:
    """Wrap a WSGI application, outermost, so that every answer carries its identity."""

    def __init__(self, app: App, service: Optional[str] = None) -> None:
        self.app = app
        self.identity = Identity.from_environment(service)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        exchange = _exchange(self.identity, environ)
        enter(exchange)
        answer = _Answer(exchange, start_response)
        try:
            answer.chunks = self.app(environ, answer.start)
        except Exception:
            answer.fail()
            raise
        return answer


class _Answer:
    """The answer on its way out: adds the headers, writes the receipt before its last chunk."""

    def __init__(self, exchange: Exchange, start_response: StartResponse) -> None:
        self.exchange = exchange
        self.chunks: Iterable[bytes] = ()
        self._start_response = start_response
        self._remaining: Optional[int] = None

    def start(
        self, status: str, headers: List[Tuple[str, str]], *exc_info: Any
    ) -> Callable[[bytes], object]:
        """The `start_response` that the application is given."""
        headers = list(headers)
        guarded(lambda: self._head(status, headers))
        return self._start_response(status, headers, *exc_info)

    def _head(self, status: str, headers: List[Tuple[str, str]]) -> None:
        self.exchange.status = int(status.split(" ", 1)[0])
        self._remaining = _content_length(headers)
        headers += self.exchange.identity.headers(self.exchange.challenge, self.exchange.depth)

    def __iter__(self) -> Iterator[bytes]:
        # A generator application starts its response only here, maybe on another thread.
        enter(self.exchange)
        left = len(self.chunks) if isinstance(self.chunks, (list, tuple)) else None
        try:
            for chunk in self.chunks:
                left = None if left is None else left - 1
                self._count(chunk)
                if left == 0 or self._remaining == 0:
                    guarded(self.exchange.write)
                yield chunk
        except Exception:
            self.fail()
            raise
        guarded(self.exchange.write)

    def _count(self, chunk: bytes) -> None:
        if self._remaining is not None:
            self._remaining -= len(chunk)

    def fail(self) -> None:
        """The application raised: before its answer began, the server will say 500."""
        if self.exchange.status is None:
            self.exchange.status = 500
        guarded(self.exchange.write)

    def close(self) -> None:
        """Called by the server at the end, also when the client went away."""
        guarded(self.exchange.write)
        close = getattr(self.chunks, "close", None)
        if close is not None:
            close()


def _exchange(identity: Identity, environ: Environ) -> Exchange:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return Exchange(
        identity=identity,
        method=str(environ.get("REQUEST_METHOD", "GET")),
        # PEP 3333: bytes smuggled through Latin-1.
        path=path.encode("latin-1", "replace").decode("utf-8", "replace") or "/",
        traceparent=environ.get("HTTP_TRACEPARENT", ""),
        challenge=environ.get("HTTP_X_GREENPROOF_CHALLENGE"),
    )


def _content_length(headers: List[Tuple[str, str]]) -> Optional[int]:
    for name, value in headers:
        if name.lower() == "content-length":
            return int(value)
    return None
