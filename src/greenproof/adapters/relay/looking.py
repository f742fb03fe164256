"""What undisturbed answers are made of, and a few of them to be given again: kept in memory only, within limits."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from mitmproxy import http
from mitmproxy.net import encoding

from greenproof.adapters.relay.faults import LARGEST_CHANGED, Wire, is_event_stream
from greenproof.model.facts import AnswerSeen
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Answer, Disturbance

LARGEST_KEPT = 64 << 10
"""Bytes of an answer that may be given again."""
MOST_KEPT = 2_000
MOST_BYTES = 16 << 20
MOST_SEEN = 20_000
_CREDENTIALS = ("authorization", "cookie", "x-api-key", "x-auth-token", "x-user", "x-user-id")


class Operators(Protocol):
    """What the relay asks of the operators: they are decisions, and hands do not know minds."""

    def heads(self, answer: Answer) -> tuple[str, ...]:
        """Of the headers that operators change, those that it has."""

    def places(self, body: bytes) -> tuple[tuple[str, str], ...]:
        """The places of a JSON body, and their kinds."""

    def changed(self, disturbance: Disturbance, answer: Answer) -> Answer | None:
        """The answer with the fault in it; None: it can't be in this one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that may be given again."""

    wire: Wire
    case: str
    user: str
    answer: Answer


@dataclass(slots=True)
class Memory:
    """The answers of the undisturbed run, in an order that does not depend on who ran beside whom."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _kept: list[Kept] = field(default_factory=list)
    _bytes: int = 0

    def keep(self, one: Kept) -> None:
        """One more, if there is room."""
        size = len(one.answer.body or b"")
        if size and size <= LARGEST_KEPT and len(self._kept) < MOST_KEPT and self._bytes + size <= MOST_BYTES:
            self._bytes += size
            self._kept.append(one)

    def stale(self, route: Route, wire: Wire, case: str, present: bytes) -> Answer | None:
        """An earlier answer of the route with other contents: first of the same path, then of the same case."""
        found = self._others(route, present)
        found.sort(key=lambda kept: (kept.wire.path != wire.path, kept.case != case, kept.case))
        return found[0].answer if found else None

    def foreign(self, route: Route, case: str, user: str, present: bytes) -> Answer | None:
        """An answer of the route to another credential; where there are none, to another case."""
        # A credential that is new in each run is a stranger's to the earlier ones: then only the case tells.
        known = bool(user) and any(kept.user == user for kept in self._kept)
        found = [kept for kept in self._others(route, present) if (kept.user != user if known else kept.case != case)]
        found.sort(key=lambda kept: kept.case)
        return found[0].answer if found else None

    def _others(self, route: Route, present: bytes) -> list[Kept]:
        on = (kept for kept in self._kept if kept.wire.on((route,)))
        return [kept for kept in on if kept.answer.body != present]

    def digest(self, *parts: bytes) -> str:
        """Equal for equal parts, in one life of the relay; says nothing to anybody else."""
        digest = hashlib.blake2s(key=self.key, digest_size=8)
        for part in parts:
            digest.update(len(part).to_bytes(8) + part)
        return digest.hexdigest()

    def user_of(self, request: http.Request) -> str:
        """A name for the credential of a request; empty if it has none."""
        told = [f"{name}:{value}" for name in _CREDENTIALS for value in request.headers.get_all(name)]
        return self.digest(*(text.encode("utf-8", "surrogateescape") for text in told)) if told else ""


@dataclass(slots=True)
class Seen:
    """What was seen of the answers of one run."""

    answers: dict[str, AnswerSeen] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    """Conversation -> messages of the service since the client spoke last."""
    lost: int = 0

    def add(self, seen: AnswerSeen) -> None:
        """An answer was looked at, or more of it."""
        if seen.exchange in self.answers or len(self.answers) < MOST_SEEN:
            self.answers[seen.exchange] = seen
        else:
            self.lost += 1

    def message(self, exchange: str, from_client: bool) -> None:
        """A message of a conversation passed."""
        if from_client:
            self.rows.pop(exchange, None)
            return
        row = self.rows[exchange] = self.rows.get(exchange, 0) + 1
        before = self.answers.get(exchange, AnswerSeen(exchange))
        self.add(replace(before, events=before.events + 1, burst=max(before.burst, row)))


class Looker:
    """A body that passes, and is looked at."""

    def __init__(self, head: http.Response, done: Callable[[bytes | None, int], None]) -> None:
        self.events = is_event_stream(head.headers)
        self.done = done
        self.held: bytes | None = b""
        self.count = 0
        self._line = b""
        self.finished = False

    def __call__(self, data: bytes) -> list[bytes]:
        """Pass these on; at the end (no data) tell what was seen."""
        if not data:
            self.finish()
            return []
        if self.events:
            self._count(data)
        elif self.held is not None:
            self.held = self.held + data if len(self.held) + len(data) <= LARGEST_CHANGED else None
        return [data]

    def _count(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[:64]
        found = sum(line.startswith((b"data:", b"{", b"[")) for line in lines)
        if found:
            # A stream may never end: it is told while it goes on.
            self.count += found
            self.done(None, self.count)

    def finish(self) -> None:
        """The answer is over."""
        if not self.finished:
            self.finished = True
            self.done(self.held, self.count)


def decoded(body: bytes, headers: http.Headers) -> bytes | None:
    """A body without its content encoding; None if that can't be undone."""
    name = headers.get("content-encoding", "identity").lower()
    if name == "identity":
        return body
    try:
        plain = encoding.decode(body, name)
    except ValueError:
        return None
    return plain if isinstance(plain, bytes) and len(plain) <= LARGEST_CHANGED else None


def answer_of(response: http.Response, body: bytes | None = None) -> Answer:
    """An answer as operators see it."""
    return Answer(response.status_code, tuple(response.headers.items(multi=True)), body)  # type: ignore[no-untyped-call]
