"""Carries out the faults of sensitivity runs: on the head, on the body, on the connection, on events.

What can't be done to an answer is left undone, and counts as not delivered.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from mitmproxy import http
from mitmproxy.net import encoding
from mitmproxy.net.http import status_codes

from greenproof.adapters.relay import faults
from greenproof.adapters.relay.connections import Handler
from greenproof.adapters.relay.layers import ENDLESS, REPLACEMENT
from greenproof.adapters.relay.looking import Kept, Looker, Memory, Operators, answer_of, decoded
from greenproof.adapters.relay.recording import Sight
from greenproof.adapters.relay.run import Run
from greenproof.model.facts import AnswerSeen
from greenproof.model.sensitivity import HANG_S, Answer, Disturbance, Means

LATE_S = 1.5
_HELD = "greenproof.disturbed"
_LOOKER = "greenproof.looker"
_OF_BODY = frozenset({Means.BODY, Means.STALE, Means.OTHER_USER, Means.EMPTY, Means.TRUNCATED})
_EVENTS = frozenset({Means.EVENT_CHANGED, Means.EVENT_DOUBLED, Means.EVENT_REORDERED})


class Disturbing:
    """The hands of the operators, in one life of the relay."""

    def __init__(
        self, operators: Operators, run: Callable[[], Run], handler_of: Callable[[str], Handler | None]
    ) -> None:
        self.operators = operators
        self.run = run
        self.memory = Memory()
        self._handler_of = handler_of

    def head(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response) -> None:
        """The head of an answer came to a case of the run."""
        fault = faults.disturbance_for(self.run().plan, sight.joined.moment)
        if fault is None:
            self._look(flow, sight, answer)
        elif fault.route.matches(sight.wire.target, sight.wire.method, sight.wire.path):
            self._disturb(flow, sight, answer, fault)

    def _look(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response) -> None:
        run, user = self.run(), self.memory.user_of(flow.request)
        headers = self.operators.heads(answer_of(answer))

        def done(body: bytes | None, events: int) -> None:
            plain = None if body is None or events else decoded(body, answer.headers)
            size = -1 if plain is None else len(plain)
            places = self.operators.places(plain) if plain else ()
            digest = self.memory.digest(plain) if plain else ""
            run.seen.add(AnswerSeen(sight.id, headers, size, places, events, events, digest, user))
            if plain:
                case = sight.joined.moment.case or ""
                self.memory.keep(Kept(sight.wire, case, user, answer_of(answer, plain)))

        flow.metadata[_LOOKER] = answer.stream = Looker(answer, done)

    def _disturb(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response, fault: Disturbance) -> None:
        means = fault.means
        if means is Means.HEAD:
            made = self.operators.changed(fault, answer_of(answer))
            if made is not None:
                _put_head(answer, made)
                sight.deliver()
        elif means in _OF_BODY:
            if _has_body(flow, answer):
                self._disturb_body(flow, sight, answer, fault)
        elif means in _EVENTS:
            if faults.is_event_stream(answer.headers) and "content-encoding" not in answer.headers:
                if (
                    means is Means.EVENT_DOUBLED
                    and answer.headers.pop("content-length", None)
                    and answer.http_version == "HTTP/1.1"
                ):
                    # More comes than was told.
                    answer.headers["transfer-encoding"] = "chunked"
                answer.stream = _events(means, answer, sight.deliver)
        elif means is Means.CLOSED:
            sight.deliver()
            flow.kill()  # type: ignore[no-untyped-call]
        else:
            self._wait(flow, sight, answer, fault)

    def _disturb_body(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response, fault: Disturbance) -> None:
        if fault.means is Means.EMPTY:
            _empty(flow, answer)
            sight.deliver()
        elif fault.means is Means.TRUNCATED:
            handler = self._handler_of(flow.client_conn.id)
            if handler is not None:
                answer.stream = Truncated(_length(answer), handler.cut, sight.deliver)
        else:
            self._hold(flow, sight, answer, fault)

    def _wait(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response, fault: Disturbance) -> None:
        """Faults of a connection that take their time, or end it."""
        handler = self._handler_of(flow.client_conn.id)
        if handler is None:
            return
        late = fault.means is Means.EVENT_LATE
        if late and not faults.is_event_stream(answer.headers):
            return
        case = sight.joined.moment.case or ""
        # Once is enough: who asks again and again would wait again and again.
        again, run = case in self.run().waited, self.run()
        run.waited.add(case)
        sight.deliver()
        if fault.means is Means.RESET or (again and not late):
            handler.reset()
        elif late:
            handler.freeze(LATE_S, reset=False)
        else:
            handler.freeze(HANG_S, reset=True)

    def _hold(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response, fault: Disturbance) -> None:
        length = _length(answer)
        if faults.is_event_stream(answer.headers):
            return
        if length is None:
            answer.stream = Whole(lambda body: self._remade(flow, sight, fault, body))
        elif length <= faults.LARGEST_CHANGED:
            answer.stream = False
            flow.metadata[_HELD] = fault

    def _remade(self, flow: http.HTTPFlow, sight: Sight, fault: Disturbance, raw: bytes) -> bytes:
        """A body whose head is gone already: only what it says can be another."""
        response = cast("http.Response", flow.response)
        plain = decoded(raw, response.headers)
        made = None if plain is None else self._made(flow, sight, fault, response, plain)
        if made is None or made.body is None or made.body == plain:
            return raw
        sight.deliver()
        name = response.headers.get("content-encoding", "identity").lower()
        return encoding.encode(made.body, name)

    def _made(
        self, flow: http.HTTPFlow, sight: Sight, fault: Disturbance, response: http.Response, body: bytes
    ) -> Answer | None:
        case = sight.joined.moment.case or ""
        if fault.means is Means.STALE:
            return self.memory.stale(fault.route, sight.wire, case, body)
        if fault.means is Means.OTHER_USER:
            return self.memory.foreign(fault.route, case, self.memory.user_of(flow.request), body)
        return self.operators.changed(fault, answer_of(response, body))

    def over(self, flow: http.HTTPFlow, sight: Sight) -> None:
        """The answer is over; what was held back can be changed now."""
        looker: Looker | None = flow.metadata.pop(_LOOKER, None)
        if looker is not None:
            looker.finish()
        fault: Disturbance | None = flow.metadata.pop(_HELD, None)
        response = flow.response
        if fault is None or response is None:
            return
        plain = decoded(response.raw_content or b"", response.headers)
        made = None if plain is None else self._made(flow, sight, fault, response, plain)
        if made is None or made.body is None:
            return
        if fault.means is not Means.BODY:
            response.status_code = made.status
            kind = {name.lower(): value for name, value in made.headers}.get("content-type")
            if kind is not None:
                response.headers["content-type"] = kind
        response.content = made.body
        sight.deliver()


class Whole:
    """A body of unknown size that is changed when it is whole, or passes if it is too large."""

    def __init__(self, change: Callable[[bytes], bytes]) -> None:
        self.change = change
        self.held: bytes | None = b""

    def __call__(self, data: bytes) -> list[bytes]:
        """The chunks to send for these; at the end (no data) all of them."""
        if self.held is None:
            return [data] if data else []
        if not data:
            made, self.held = self.change(self.held) if self.held else b"", None
            return [made] if made else []
        self.held += data
        if len(self.held) <= faults.LARGEST_CHANGED:
            return []
        passed, self.held = self.held, None
        return [passed]


class Truncated:
    """The first half of a body; of one whose size nobody told, half of its first part."""

    def __init__(self, length: int | None, cut: Callable[[], None], delivered: Callable[[], None]) -> None:
        self.left = None if length is None else length // 2
        self.cut = cut
        self.delivered = delivered
        self.over = False

    def __call__(self, data: bytes) -> list[bytes]:
        """The chunks to send for these; the end of a body always comes after its last part."""
        if self.left is None:
            self.left = len(data) // 2
        if self.over or not self.left:
            self._end()
            return []
        part = data[: self.left]
        self.left -= len(part)
        return [part] if part else []

    def _end(self) -> None:
        if not self.over:
            self.over = True
            self.delivered()
            self.cut()


class Blocks:
    """A stream of events that are passed on twice, or of which the first two change places."""

    def __init__(self, twice: bool, lines: bool, delivered: Callable[[], None]) -> None:
        self.twice = twice
        self.lines = lines
        """Each line is an event; else an empty line ends one."""
        self.delivered = delivered
        self.rest = b""
        self.first: bytes | None = None
        self.swapped = False
        self.begun = False
        """The beginning of an event that is too large went out already."""

    def __call__(self, data: bytes) -> list[bytes]:
        """The chunks to send for these; at the end (no data) what is left."""
        self.rest += data
        made: list[bytes] = []
        block: list[bytes] = []
        *whole, self.rest = self.rest.split(b"\n")
        for line in whole:
            block.append(line + b"\n")
            if self.lines or not line.strip():
                made += self._one(b"".join(block))
                block.clear()
        self.rest = b"".join(block) + self.rest
        if not data or len(self.rest) > faults.LARGEST_CHANGED:
            made += [self.first or b"", self.rest]
            self.first, self.rest = None, b""
            self.begun = bool(data)
        return [part for part in made if part]

    def _one(self, block: bytes) -> list[bytes]:
        if self.begun:
            self.begun = False
            return [block]
        if not any(line.startswith((b"data:", b"{", b"[")) for line in block.splitlines()):
            return [block]
        if self.twice:
            self.delivered()
            return [block, block]
        if self.swapped:
            return [block]
        if self.first is None:
            self.first = block
            return []
        before, self.first, self.swapped = self.first, None, True
        if before == block:
            return [before, block]
        self.delivered()
        return [block, before]


def _events(means: Means, answer: http.Response, delivered: Callable[[], None]) -> Callable[[bytes], list[bytes]]:
    if means is Means.EVENT_CHANGED:
        return faults.ChangedLines(delivered)
    lines = faults.media_type(answer.headers) != "text/event-stream"
    return Blocks(means is Means.EVENT_DOUBLED, lines, delivered)


def _put_head(answer: http.Response, made: Answer) -> None:
    if answer.status_code in (204, 304):
        # Another status may have a body, and a client would wait for it.
        answer.headers["content-length"] = "0"
        made = replace(answer_of(answer), status=made.status)
    if made.status != answer.status_code:
        answer.status_code = made.status
        answer.reason = status_codes.RESPONSES.get(made.status, "")
        return
    fields = [(n.encode("utf-8", "surrogateescape"), v.encode("utf-8", "surrogateescape")) for n, v in made.headers]
    answer.headers = http.Headers(fields)


def _empty(flow: http.HTTPFlow, answer: http.Response) -> None:
    flow.metadata[ENDLESS] = faults.is_event_stream(answer.headers)
    response = answer.copy()
    for name in ("content-encoding", "transfer-encoding"):
        response.headers.pop(name, None)
    response.headers["content-length"] = "0"
    response.stream = True
    flow.metadata[REPLACEMENT] = faults.Replacement(response, b"")
    flow.response = response


def _length(answer: http.Response) -> int | None:
    size = answer.headers.get("content-length")
    return int(size) if size and size.isdigit() else None


def _has_body(flow: http.HTTPFlow, answer: http.Response) -> bool:
    return flow.request.method != "HEAD" and answer.status_code not in (204, 304) and _length(answer) != 0
