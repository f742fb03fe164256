"""Heads of requests and answers: parsed by httptools, written again with what the relay changes in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import httptools
from mitmproxy import http

from greenproof.adapters.relay.rewriting import NAMING, REWRITTEN, to_relay, to_service
from greenproof.adapters.relay.targets import Origin

LARGEST_HEAD = 64 << 10
END = b"\r\n\r\n"
PERHAPS = re.compile(rb"[A-Za-z!#$%&'*+.^_`|~0-9-]{0,32}( |\Z)")
"""What may still become the first line of an HTTP/1 request."""
_TRACES = frozenset({b"traceparent", b"tracestate"})
_NOT_SIMPLE = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"})
_NO_BODY = frozenset({204, 304})

type Fields = list[tuple[bytes, bytes]]


class NotSimpleError(ValueError):
    """A head that the lean relay leaves to mitmproxy, or an answer that is not HTTP."""


@dataclass(slots=True)
class Request:
    """The head of a request that is simple enough."""

    line: bytes
    method: str
    path: str
    fields: Fields
    names: frozenset[bytes]
    length: int
    """Bytes of its body."""

    def written(self, parent: str, authority: bytes, address: str, origin: Origin) -> bytes:
        """The head as the service gets it: its own name, our trace, and no word of the relay."""
        fields = self.fields
        if not self.names.isdisjoint(NAMING):
            headers = http.Headers(fields)
            to_service(headers, address, origin)
            fields = list(headers.fields)
        lines = [self.line]
        for name, value in fields:
            low = name.lower()
            if low == b"host":
                lines.append(b"%b: %b" % (name, authority))
            elif low not in _TRACES:
                lines.append(b"%b: %b" % (name, value))
        lines.append(b"traceparent: " + parent.encode() + END)
        return b"\r\n".join(lines)


class Framing(Enum):
    """How the end of an answer is found."""

    NONE = "none"
    """It has no body."""
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


@dataclass(slots=True)
class Answer:
    """The head of an answer."""

    status: int
    raw: bytes
    """As the client gets it."""
    fields: Fields
    framing: Framing
    length: int = 0
    parser: "httptools.HttpResponseParser | None" = None
    seen: "_Seen | None" = None

    def value(self, name: bytes) -> str | None:
        """The first header of that name (lower case)."""
        found = next((value for key, value in self.fields if key.lower() == name), None)
        return None if found is None else found.decode("utf-8", "surrogateescape")

    def chunked_end(self, data: bytes) -> bool:
        """Whether these bytes of a chunked body are its last. Raises NotSimpleError for bytes that are none."""
        if self.parser is None or self.seen is None:
            raise NotSimpleError
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            raise NotSimpleError from None
        return self.seen.ended


@dataclass(slots=True)
class _Seen:
    """What the parser calls."""

    fields: Fields = field(default_factory=list)
    url: bytes = b""
    ended: bool = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_message_complete(self) -> None:
        self.ended = True


def request(head: bytes) -> Request:
    """Read a head that ends in an empty line. Raises NotSimpleError."""
    seen = _Seen()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        raise NotSimpleError from None
    names = [name.lower() for name, _ in seen.fields]
    known = frozenset(names)
    if not known.isdisjoint(_NOT_SIMPLE) or names.count(b"host") != 1 or not seen.url.startswith(b"/"):
        raise NotSimpleError
    length = 0
    for name, value in seen.fields:
        low = name.lower()
        if low == b"content-length":
            length = int(value)
        elif low == b"content-type" and value.lower().startswith(b"application/grpc"):
            raise NotSimpleError
    return Request(
        line=head[: head.index(b"\r\n")],
        method=parser.get_method().decode("latin-1"),
        path=seen.url.decode("utf-8", "surrogateescape"),
        fields=seen.fields,
        names=known,
        length=length,
    )


def answer(head: bytes, method: str, peers: Mapping[Origin, str]) -> Answer:
    """Read the head of an answer to a request of that method. Raises NotSimpleError for what is not HTTP."""
    seen = _Seen()
    parser = httptools.HttpResponseParser(seen)
    try:
        parser.feed_data(head)
        status = parser.get_status_code()
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        raise NotSimpleError from None
    names = {name.lower() for name, _ in seen.fields}
    raw = head if names.isdisjoint(REWRITTEN) else _rewritten(head, seen.fields, peers)
    if method == "HEAD" or status in _NO_BODY or status < 200:
        return Answer(status, raw, seen.fields, Framing.NONE)
    if b"transfer-encoding" in names:
        return Answer(status, raw, seen.fields, Framing.CHUNKED, 0, parser, seen)
    if b"content-length" in names:
        length = int(next(value for name, value in seen.fields if name.lower() == b"content-length"))
        return Answer(status, raw, seen.fields, Framing.LENGTH if length else Framing.NONE, length)
    return Answer(status, raw, seen.fields, Framing.CLOSE)


def _rewritten(head: bytes, fields: Fields, peers: Mapping[Origin, str]) -> bytes:
    headers = http.Headers(fields)
    to_relay(headers, peers)
    lines = [head[: head.index(b"\r\n")], *(b"%b: %b" % pair for pair in headers.fields)]
    return b"\r\n".join(lines) + END
