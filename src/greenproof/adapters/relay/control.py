"""The control server: what the plugin in each test process tells, and what it is told."""

import asyncio
import contextlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

from greenproof.adapters.relay.joining import Worker
from greenproof.adapters.relay.listeners import HOST, Listeners
from greenproof.adapters.relay.observation import (
    BadMessageError,
    maybe_number,
    maybe_text,
    number_of,
    text_of,
)
from greenproof.adapters.relay.run import Run

LONGEST_LINE = 1 << 20
MOST_CONNECTIONS = 512
HELLO_S = 10.0
"""Seconds in which a connection must have introduced itself."""

type Message = dict[str, Any]


class Control:
    """Listens for plugins. One connection is one process of the test command."""

    def __init__(self, listeners: Listeners, run: Callable[[], Run], stop: Callable[[], str | None]) -> None:
        self.listeners = listeners
        self.run = run
        self.stop = stop
        self.token = secrets.token_urlsafe(24)
        self.address = ""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._sessions = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        """Start to listen; afterwards `address` is the value of GREENPROOF_CONTROL."""
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=LONGEST_LINE, backlog=MOST_CONNECTIONS)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"{HOST}:{port}:{self.token}"

    def close(self) -> None:
        """Stop to listen and drop every connection."""
        if self._server is not None:
            self._server.close()
        self.drop_all()

    def drop_all(self) -> None:
        """Drop every connection."""
        for writer in list(self._writers):
            writer.close()

    async def drained(self, within: float) -> None:
        """Wait until every process that introduced itself has left, so that nothing is in flight."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._idle.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._writers.add(writer)
        try:
            await self._converse(reader, writer)
        except OSError:
            # The client vanished; what it said stands.
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await self._hello(reader)
        if hello is None:
            return
        if hello.get("nested"):
            await _send_away(reader, writer, hello)
            return
        session = Session(self.run(), self.listeners, self.stop)
        self._sessions += 1
        self._idle.clear()
        try:
            await _answer(writer, hello, await session.hello(hello))
            while (message := await _read(reader)) is not None:
                reply = session.take(message)
                if message.get("n") is not None:
                    await _answer(writer, message, reply)
        except (BadMessageError, ValueError) as problem:
            # Facts are missing from here on: that must not look like a clean run.
            session.run.observation.problem(f"control: {problem}")
        finally:
            self._sessions -= 1
            if not self._sessions:
                self._idle.set()
            session.left()

    async def _hello(self, reader: asyncio.StreamReader) -> Message | None:
        try:
            async with asyncio.timeout(HELLO_S):
                message = await _read(reader)
        except (TimeoutError, ValueError):
            return None
        token = message.get("token") if message else None
        if message is None or message.get("m") != "hello" or not isinstance(token, str):
            return None
        return message if hmac.compare_digest(token.encode(), self.token.encode()) else None


async def _read(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None at the end. Raises BadMessageError for what is none."""
    try:
        line = await reader.readline()
    except ValueError:
        raise BadMessageError("a message of more than 1 MiB") from None
    if not line.endswith(b"\n"):
        # Cut off in the middle: the process died while it spoke.
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise BadMessageError("a line that is not JSON") from None
    if not isinstance(message, dict):
        raise BadMessageError("a line that is not an object")
    return message


async def _answer(writer: asyncio.StreamWriter, message: Message, reply: Message) -> None:
    writer.write(json.dumps({"n": message.get("n"), **reply}).encode() + b"\n")
    await writer.drain()


async def _send_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: Message) -> None:
    """A pytest inside a test: its outcomes are its test's business, and it shares the port that it inherited."""
    message: Message | None = hello
    while message is not None:
        await _answer(writer, message, {})
        message = await _read(reader)


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
        return self._stop()

    def left(self) -> None:
        """The connection is gone: no case runs in this process any more."""
        if hasattr(self, "worker"):
            self.run.joining.rest(self.worker)

    def _stop(self) -> Message:
        reason = self.stop()
        return {} if reason is None else {"stop": reason}

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
        self.run.observation.setup(case, self.worker.name, maybe_number(message, "ns"))
        self.run.joining.begin_case(self.worker, case)

    def _call(self, message: Message) -> None:
        case = text_of(message, "case")
        self.run.observation.call(case, message, self.worker.name)
        self.run.joining.enter_call(self.worker, case)

    def _fixture(self, message: Message) -> None:
        self.run.joining.enter_fixture(self.worker, bool(message.get("on")))

    def _teardown(self, message: Message) -> None:
        case = text_of(message, "case")
        self.run.observation.teardown(case, message, self.worker.name)
        self.run.joining.enter_teardown(self.worker, case)

    def _end(self, message: Message) -> None:
        self.run.observation.end(text_of(message, "case"), message)
        self.run.joining.rest(self.worker)

    def _bye(self, message: Message) -> None:
        self.run.observation.bye(self.index, maybe_number(message, "exit_status"))
