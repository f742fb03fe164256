"""WebSocket conversations and opaque TCP: one exchange for each part of a case in which messages passed."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import wsproto.events
from mitmproxy import flow as flows
from mitmproxy import http, tcp
from mitmproxy.websocket import WebSocketData

from greenproof.adapters.relay import faults
from greenproof.adapters.relay.arranging import Arranging
from greenproof.adapters.relay.disturbing import LATE_S
from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.joining import Joined
from greenproof.adapters.relay.layers import ACCEPTED, ARRANGING, CONTROL
from greenproof.adapters.relay.listeners import Listeners
from greenproof.adapters.relay.recording import Sight
from greenproof.adapters.relay.run import Run
from greenproof.adapters.relay.tap import SIGHT
from greenproof.model.facts import FaultKind
from greenproof.model.sensitivity import Means

_CONVERSATION = "greenproof.conversation"
MOST_LATE = 3
"""Messages of a conversation that are let wait: a test that reads many of them must come to its end."""


class Conversation:
    """A connection that outlives phases and cases: it is split where they change."""

    def __init__(self, run: Run, connection: str, opening: Sight) -> None:
        self.run = run
        self.connection = connection
        self.part = opening
        self.last_ns = opening.start_ns
        self.late = 0
        """Messages that were let wait."""
        self.asked = False
        """The client has said something."""
        self.heard = 0
        """Messages of the service, in all parts."""
        concerned = run.watching is not None and run.watching.concerns(opening.wire)
        self.watching = run.watching if concerned else None
        run.joining.converses(connection)

    def pass_message(self, from_client: bool) -> Sight:
        """A message passes now: count it for the part that it belongs to."""
        joined = self.run.joining.join(self.connection)
        if joined.moment != self.part.joined.moment:
            self.part.end_ns = self.last_ns
            self.part = self._next(replace(joined, trace_id=self.part.joined.trace_id))
        self.last_ns = self.part.last_ns = time.monotonic_ns()
        if from_client:
            self.part.sent += 1
            self.asked = True
        else:
            self.part.received += 1
            self.part.head_ns = self.part.head_ns or self.last_ns
            self.heard += 1
            self.part.greeted = self.part.greeted or not self.asked
        return self.part

    def end(self) -> None:
        """The connection is closed."""
        self.part.end_ns = time.monotonic_ns()

    def _next(self, joined: Joined) -> Sight:
        before = self.part
        # The service saw the trace id of the handshake: that is the one its receipt will carry.
        part = self.run.recording.start(before.wire, before.protocol, joined)
        part.status, part.identity, part.depth = before.status, before.identity, before.depth
        return part


class Conversations:
    """The hooks of mitmproxy for everything that is not a request and an answer."""

    def __init__(self, listeners: Listeners, run: Callable[[], Run]) -> None:
        self.listeners = listeners
        self.run = run

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        """A handshake was accepted."""
        sight: Sight | None = flow.metadata.get(SIGHT)
        if sight is not None and ACCEPTED not in flow.metadata:
            held = Conversation(self.run(), flow.client_conn.id, sight)
            flow.metadata[_CONVERSATION] = held
            flow.metadata[CONTROL] = lambda event: _control(held, event)
            plan = held.run.plan
            if plan is not None and plan.kind is FaultKind.SENSITIVITY:
                flow.metadata[ARRANGING] = Arranging()

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """A message passes; under a fault the server's are replaced, never dropped."""
        if flow.websocket is None:
            return
        message = flow.websocket.messages[-1]
        # mitmproxy keeps every message for ever.
        del flow.websocket.messages[:-1]
        held: Conversation | None = flow.metadata.get(_CONVERSATION)
        if held is None:
            return
        part = held.pass_message(message.from_client)
        if held.watching is not None:
            held.watching.see(part, held.last_ns, message.from_client, message.content, message.is_text)
        arranging: Arranging | None = flow.metadata.get(ARRANGING)
        if arranging is not None:
            self._disturb(flow, held, arranging)
            return
        if message.from_client or not part.joined.certain:
            return
        kind = faults.fault_for(held.run.plan, part.joined.moment, part.wire)
        if kind is not None and held.run.is_due(part.joined.moment.case, held.heard):
            changed = faults.change_message(message.content, message.is_text, kind)
            if changed != message.content:
                message.content = changed
                part.fault = kind

    def _disturb(self, flow: http.HTTPFlow, held: Conversation, arranging: Arranging) -> None:
        """A message of a sensitivity run: looked at, or given the fault of its case."""
        websocket, part = cast("WebSocketData", flow.websocket), held.part
        message = websocket.messages[-1]
        planned = part.joined.certain and faults.fault_for(held.run.plan, part.joined.moment, part.wire)
        fault = faults.disturbance_for(held.run.plan, part.joined.moment) if planned else None

        def delivered() -> None:
            part.fault = FaultKind.SENSITIVITY

        if planned and fault is None:
            held.run.seen.message(part.id, message.from_client)
        if message.from_client:
            return
        wire = part.wire
        means = fault.means if fault and fault.route.matches(wire.target, wire.method, wire.path) else None
        arranging.prepare(means, delivered)
        if means is Means.EVENT_CHANGED:
            changed = faults.change_message(message.content, message.is_text, FaultKind.VALUE)
            if changed != message.content:
                message.content = changed
                delivered()
        elif means is Means.EVENT_LATE and held.late < MOST_LATE:
            handler = self.listeners.handler_of(flow.client_conn.id)
            if handler is not None:
                held.late += 1
                handler.freeze(LATE_S, reset=False)
                delivered()

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """The conversation is over."""
        self._end(flow)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        """Bytes that are not HTTP."""
        listener = self.listeners.at(flow.client_conn.sockname)
        if listener is None:
            return
        run = self.run()
        joined = run.joining.join(flow.client_conn.id)
        opening = run.recording.start(Wire(listener.target.name, "TCP", ""), "tcp", joined)
        # Nothing can be written into bytes that are not understood.
        opening.trace_id = None
        flow.metadata[_CONVERSATION] = Conversation(run, flow.client_conn.id, opening)

    def tcp_message(self, flow: tcp.TCPFlow) -> None:
        """Bytes pass."""
        from_client = flow.messages[-1].from_client
        flow.messages.clear()
        held: Conversation | None = flow.metadata.get(_CONVERSATION)
        if held is not None:
            held.pass_message(from_client).trace_id = None

    def tcp_end(self, flow: tcp.TCPFlow) -> None:
        """The connection is closed."""
        self._end(flow)

    def tcp_error(self, flow: tcp.TCPFlow) -> None:
        """The target could not be reached."""
        held: Conversation | None = flow.metadata.get(_CONVERSATION)
        if held is not None:
            held.part.error = "no answer"
            held.part.synthetic = True
            held.end()

    def _end(self, flow: flows.Flow) -> None:
        held: Conversation | None = flow.metadata.get(_CONVERSATION)
        if held is not None:
            held.end()


def _control(held: Conversation, event: wsproto.events.Event) -> wsproto.events.Event:
    """How the server closes, and what it answers to a ping, are answers too: some tests check nothing else."""
    if not isinstance(event, wsproto.events.CloseConnection | wsproto.events.Pong):
        return event
    joined = held.run.joining.join(held.connection)
    part = held.part
    if not joined.certain or joined.moment != part.joined.moment:
        return event
    kind = faults.fault_for(held.run.plan, joined.moment, part.wire)
    if kind is None or kind in (FaultKind.SENSITIVITY, FaultKind.LATER):
        # Later faults are about what the service says; a library closes and answers pings by itself.
        return event
    part.fault = kind
    if isinstance(event, wsproto.events.Pong):
        return wsproto.events.Pong(payload=b"greenproof")
    return wsproto.events.CloseConnection(code=faults.other_close_code(event.code), reason="greenproof")
