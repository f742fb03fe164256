"""The control server: what the plugin in each test process tells, and what it is told."""

import asyncio
import contextlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any, cast

from greenproof.adapters.relay.joining import Moment, Worker
from greenproof.adapters.relay.listeners import HOST, Listeners
from greenproof.adapters.relay.observation import (
    BadMessageError,
    maybe_number,
    maybe_text,
    number_of,
    text_of,
    texts_of,
)
from greenproof.adapters.relay.run import Run
from greenproof.model.facts import Phase

LONGEST_LINE = 1 << 20
MOST_CONNECTIONS = 512
HELLO_S = 10.0
"""Seconds in which a connection must have introduced itself."""

type Message = dict[str, Any]

_DECODE = json.JSONDecoder().decode


class Control:
    """Listens for plugins. One connection is one process of the test command."""

    def __init__(self, listeners: Listeners, run: Callable[[], Run], stop: Callable[[], str | None]) -> None:
        self.listeners = listeners
        self.run = run
        self.stop = stop
        self.token = secrets.token_urlsafe(24)
        self.address = ""
        self.lines: set[Line] = set()
        self._server: asyncio.Server | None = None
        self._sessions = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        """Start to listen; afterwards `address` is the value of GREENPROOF_CONTROL."""
        loop = asyncio.get_running_loop()
        held = self.listeners.ports.open(HOST)
        self._server = await loop.create_server(lambda: Line(self), sock=held, backlog=MOST_CONNECTIONS)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"{HOST}:{port}:{self.token}"

    def close(self) -> None:
        """Stop to listen and drop every connection."""
        if self._server is not None:
            self._server.close()
        self.drop_all()

    def drop_all(self) -> None:
        """Drop every connection."""
        for line in list(self.lines):
            line.transport.close()

    async def drained(self, within: float) -> None:
        """Wait until every process that introduced itself has left, so that nothing is in flight."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._idle.wait()

    def enter(self) -> "Session":
        """A process introduced itself."""
        self._sessions += 1
        self._idle.clear()
        return Session(self.run(), self.listeners, self.stop)

    def leave(self, session: "Session") -> None:
        """Its connection is gone."""
        self._sessions -= 1
        if not self._sessions:
            self._idle.set()
        session.left()

    def knows(self, hello: Message) -> bool:
        """Whether a first message is a greeting with our token."""
        token = hello.get("token")
        if hello.get("m") != "hello" or not isinstance(token, str):
            return False
        return hmac.compare_digest(token.encode(), self.token.encode())


class Line(asyncio.Protocol):
    """One connection: messages come in, answers go out. No task and no stream: three messages a test add up."""

    transport: asyncio.Transport

    def __init__(self, control: Control) -> None:
        self.control = control
        self.session: Session | None = None
        self.nested = False
        self._greeting = False
        """Ports are being opened for it: what it says meanwhile waits."""
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected, and has to say who it is."""
        self.transport = cast("asyncio.Transport", transport)
        if len(self.control.lines) >= MOST_CONNECTIONS:
            self.transport.close()
            return
        self.control.lines.add(self)
        self._patience = asyncio.get_running_loop().call_later(HELLO_S, self.transport.close)

    def data_received(self, data: bytes) -> None:
        """Some bytes: every whole line in them is a message."""
        self._held += data
        try:
            self._take_lines()
        except ValueError as problem:
            self._break(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has left; what it said stands, but for a line that was cut off."""
        if self in self.control.lines:
            self.control.lines.discard(self)
            self._patience.cancel()
        if self.session is not None:
            self.control.leave(self.session)

    def pause_writing(self) -> None:
        """Who does not read answers is not heard either."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self.transport.resume_reading()

    def _take_lines(self) -> None:
        while not self._greeting and not self.transport.is_closing():
            line, found, rest = self._held.partition(b"\n")
            if len(line) > LONGEST_LINE:
                raise BadMessageError("a message of more than 1 MiB")
            if not found:
                return
            self._held = rest
            self._take(_parse(line))

    def _take(self, message: Message) -> None:
        if self.session is not None:
            reply = self.session.take(message)
            if message.get("n") is not None:
                self._answer(message, reply)
        elif self.nested:
            self._answer(message, {})
        elif not self.control.knows(message):
            self.transport.close()
        else:
            self._greet(message)

    def _greet(self, hello: Message) -> None:
        self._patience.cancel()
        if hello.get("nested"):
            # A pytest inside a test: its outcomes are its test's business, and it shares the port that it inherited.
            self.nested = True
            self._answer(hello, {})
        else:
            self.session = self.control.enter()
            self.transport.pause_reading()
            welcome = asyncio.get_running_loop().create_task(self._welcome(self.session, hello))
            # Tasks start eagerly here: without a target there is no port to wait for, and it is over already.
            self.welcome = None if welcome.done() else welcome

    async def _welcome(self, session: "Session", hello: Message) -> None:
        try:
            self._answer(hello, await session.hello(hello))
            self._greeting = False
            self.transport.resume_reading()
            self._take_lines()
        except ValueError as problem:
            self._break(problem)
        except OSError:
            # No port could be opened, or the client vanished.
            self.transport.close()

    def _answer(self, message: Message, reply: Message) -> None:
        self.transport.write(json.dumps({"n": message.get("n"), **reply}).encode() + b"\n")

    def _break(self, problem: ValueError) -> None:
        if self.session is not None:
            # Facts are missing from here on: that must not look like a clean run.
            self.session.run.observation.problem(f"control: {problem}")
        self.transport.close()


def _parse(line: bytes) -> Message:
    """The message of a line. Raises BadMessageError for what is none."""
    try:
        message = _DECODE(line.decode())
    except (ValueError, RecursionError):
        raise BadMessageError("a line that is not JSON") from None
    if not isinstance(message, dict):
        raise BadMessageError("a line that is not an object")
    return message


class Session:
    """One process of the test command, in one run."""

    def __init__(self, run: Run, listeners: Listeners, stop: Callable[[], str | None]) -> None:
        self.run = run
        self.listeners = listeners
        self.stop = stop
        self.index = -1
        self.worker: Worker
        self._takes: dict[str, Callable[[Message], None]] = {
            "collected": run.observation.collect,
            "source": self._source,
            "setup": self._setup,
            "call": self._call,
            "past": self._past,
            "fixture": self._fixture,
            "teardown": self._teardown,
            "end": self._end,
            "reported": run.observation.reported,
            "bye": self._bye,
        }

    async def hello(self, message: Message) -> Message:
        """Open a port before each target for this process alone, and tell it which."""
        self.index = self.run.observation.hello(message)
        slot = await self.listeners.open_slot()
        name, pid = maybe_text(message, "worker"), number_of(message, "pid")
        self.worker = self.run.joining.enter(pid, name, slot)
        select = self.run.select
        return {
            "addresses": self.listeners.variables(slot),
            "relay": self.listeners.endpoints(slot),
            "run": self.run.kind,
            "select": None if select is None else list(select),
            **self._stop(),
        }

    def take(self, message: Message) -> Message:
        """Let everything that the message says take effect; what it asks is answered afterwards."""
        handle = self._takes.get(text_of(message, "m"))
        if handle is not None:
            handle(message)
        return {**self._stop(), **self._lines(message)}

    def left(self) -> None:
        """The connection is gone: no case runs in this process any more."""
        if hasattr(self, "worker"):
            self.run.joining.rest(self.worker)

    def _stop(self) -> Message:
        reason = self.stop()
        told: Message = {} if reason is None else {"stop": reason}
        if self.worker.converses:
            told["conversing"] = True
        return told

    def _source(self, message: Message) -> None:
        self.run.joining.tell_source(
            self.worker,
            text_of(message, "ip"),
            number_of(message, "port"),
            maybe_text(message, "case"),
            bool(message.get("ambiguous")),
        )

    def _setup(self, message: Message) -> None:
        case = text_of(message, "case")
        strays = texts_of(message, "strays")
        self.run.observation.setup(case, self.worker.name, maybe_number(message, "ns"), strays)
        self.run.joining.begin_case(self.worker, case, strays, bool(message.get("stray_children")))
        if (ns := maybe_number(message, "ns")) is not None and self.worker.last is not None:
            before = Moment(self.worker.last, Phase.TEARDOWN)
            self.run.recording.move(self.worker.name, ns, before, Moment(case, Phase.SETUP))

    def _call(self, message: Message) -> None:
        case = text_of(message, "case")
        self.run.observation.call(case, message, self.worker.name)
        if "strays" in message:
            self.worker.strays = frozenset(texts_of(message, "strays"))
            self.worker.stray_children = bool(message.get("stray_children"))
        self.run.joining.enter_call(self.worker, case)

    def _lines(self, message: Message) -> Message:
        """With the beginning of a call phase: past which lines its faults begin."""
        if message["m"] != "call" or self.run.plan is None:
            return {}
        case = self.run.plan.cases.get(text_of(message, "case"))
        past = case.instead.past if case is not None and case.instead is not None else ()
        return {"past": [list(lines) for lines in past]} if past else {}

    def _past(self, message: Message) -> None:
        case = text_of(message, "case")
        (self.run.past.add if message.get("on") else self.run.past.discard)(case)

    def _fixture(self, message: Message) -> None:
        self.run.joining.enter_fixture(self.worker, bool(message.get("on")))

    def _teardown(self, message: Message) -> None:
        case = text_of(message, "case")
        self.run.observation.teardown(case, message, self.worker.name)
        self.run.joining.enter_teardown(self.worker, case)
        if (ns := maybe_number(message, "ns")) is not None:
            self.run.recording.move(self.worker.name, ns, Moment(case, Phase.CALL), Moment(case, Phase.TEARDOWN))

    def _end(self, message: Message) -> None:
        self.run.observation.end(text_of(message, "case"), message)
        self.run.joining.rest(self.worker)

    def _bye(self, message: Message) -> None:
        self.run.observation.bye(self.index, maybe_number(message, "exit_status"))
