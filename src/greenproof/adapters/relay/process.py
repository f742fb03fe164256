"""The process of the witness: mitmproxy and the control server, one clock, commands on standard input.

Started by `Witness`; JSON lines both ways. The end of standard input, also by the parent's death, ends it at once.
"""

import asyncio
import gc
import json
import logging
import os
import resource
import signal
import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from itertools import batched
from pathlib import Path
from typing import Any, cast

# Before mitmproxy: it changes what those imports bring with them.
import greenproof.adapters.relay.slim  # noqa: F401

# isort: split
from mitmproxy import options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master

from greenproof.adapters.relay.control import Control
from greenproof.adapters.relay.conversations import Conversations
from greenproof.adapters.relay.disturbing import Disturbing
from greenproof.adapters.relay.encryption import Encryption
from greenproof.adapters.relay.joining import SHARED
from greenproof.adapters.relay.layers import NextLayer
from greenproof.adapters.relay.listeners import Listeners, Ports
from greenproof.adapters.relay.looking import Operators
from greenproof.adapters.relay.loss import LossWatch
from greenproof.adapters.relay.news import News
from greenproof.adapters.relay.run import Run
from greenproof.adapters.relay.tap import Tap
from greenproof.adapters.relay.targets import RelayTarget
from greenproof.adapters.relay.wire import PARTS, encode, load
from greenproof.adapters.runners.leftovers import end_marked
from greenproof.model.facts import CaseRecord, LostTarget
from greenproof.model.faults import FaultPlan
from greenproof.model.performance import Watch

LONGEST_COMMAND = 64 << 20
MOST_WAITING = 8 << 20
"""Bytes that may wait for the parent; cases that finish meanwhile are told at the end only."""
MOST_TOGETHER = 1_000
"""Cases that finish within TOGETHER_S; more are told at the end only."""
TOGETHER_S = 0.02
LEAVE_S = 2.0
"""Seconds in which test processes that have ended must have hung up."""
SETTLE_S = 0.5
"""Seconds in which exchanges that are still going on may end by themselves."""


class HookErrors(logging.Handler):
    """mitmproxy logs what goes wrong inside it and carries on; here it is counted."""

    def __init__(self, host: "Host") -> None:
        super().__init__(logging.ERROR)
        self.host = host

    def emit(self, record: logging.LogRecord) -> None:
        """Tell where, never with what: messages may quote headers."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            self.host.run.observation.problem(f"relay: {record.name}: {record.msg[:80]}")
            return
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
        self.host.run.observation.problem(f"relay: {type(error).__name__} at {where}")
        print(f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}", file=sys.stderr)


class Started:
    """Says when mitmproxy runs."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def running(self) -> None:
        """Hook of mitmproxy."""
        self.event.set()


class Host:
    """Everything that lives in the process."""

    def __init__(self, settings: dict[str, Any], out: asyncio.StreamWriter) -> None:
        self.out = out
        self._finished: list[CaseRecord] = []
        self._news: News | None = None
        self.run = Run(None, None, self.tell_case)
        targets = [load(RelayTarget, target) for target in settings["targets"]]
        self.loss = LossWatch(settings["grace"], self.tell_lost)
        self.started = Started()
        self.master = Master(options.Options(mode=[], confdir=settings["confdir"]))
        proxyserver = Proxyserver()  # type: ignore[no-untyped-call]
        self.listeners = Listeners(
            self.master,
            proxyserver,
            targets,
            lambda: self.run,
            self.loss,
            lean=settings["lean"],
            ports=Ports(settings.get("ask_at"), settings.get("places") or {}),
        )
        operators = settings.get("operators")
        # By its name: what a fault does is decided elsewhere, and the relay only carries it out.
        self.disturbing = (
            Disturbing(cast("Operators", import_module(operators)), lambda: self.run, self.listeners.handler_of)
            if operators
            else None
        )
        self.control = Control(self.listeners, lambda: self.run, lambda: self.loss.stop)
        self.master.addons.add(  # type: ignore[no-untyped-call]
            proxyserver,
            NextLayer(),
            Encryption(self.listeners),
            Tap(self.listeners, lambda: self.run, self.loss, self.disturbing),
            Conversations(self.listeners, lambda: self.run),
            self.started,
        )
        # Eager connections stamp requests late; certificates of the relay name its own address.
        self.master.options.update(  # type: ignore[no-untyped-call]
            connection_strategy="lazy", keep_host_header=False, upstream_cert=False
        )
        logging.getLogger().addHandler(HookErrors(self))

    async def open(self) -> None:
        """Open every port and tell the parent."""
        self._mitmproxy = asyncio.get_running_loop().create_task(self.master.run())
        await self.started.event.wait()
        await self.listeners.open_slot()
        await self.listeners.open_written()
        await self.control.open()
        self.tell(
            e="ready",
            control=self.control.address,
            variables=self.listeners.variables(SHARED),
            addresses=self.listeners.addresses(SHARED),
        )

    async def obey(self, command: dict[str, Any]) -> bool:
        """Carry a command out; false to end."""
        match command.get("c"):
            case "begin":
                await self._begin(command)
            case "finish":
                await self._finish()
            case _:
                return False
        return True

    async def _begin(self, command: dict[str, Any]) -> None:
        await self._clear()
        plan = command["plan"]
        watch = None if command["watch"] is None else load(Watch, command["watch"])
        self.run = Run(None if plan is None else load(FaultPlan, plan), command["select"], self.tell_case, watch)
        self._news = News(self.run.plan.kind if self.run.plan else None) if command.get("news") else None
        self.tell(e="begun")

    async def _finish(self) -> None:
        await self.control.drained(LEAVE_S)
        await self.listeners.idle(SETTLE_S)
        await self.loss.settle()
        await self.listeners.disconnect_clients(SETTLE_S)
        self._tell_finished()
        result = self.run.result(list(self.loss.found.values()))
        large: dict[str, Any] = dict.fromkeys(PARTS, ())
        for name in PARTS:
            await self._tell_parts(name, getattr(result, name))
        self.tell(e="done", result=replace(result, **large))
        await self._clear()

    async def _tell_parts(self, name: str, items: Iterable[Any]) -> None:
        for part in batched(items, 500):
            self.tell(e="part", name=name, items=part)
            await self.out.drain()

    async def _clear(self) -> None:
        self.control.drop_all()
        self.listeners.close_workers()
        await self.listeners.disconnect_clients(SETTLE_S)
        self.loss.forget()

    async def close(self) -> None:
        """The ports first, then mitmproxy: its own order leaves them open."""
        self.control.close()
        self.listeners.close()
        await self.listeners.disconnect_clients(SETTLE_S)
        self.master.shutdown()  # type: ignore[no-untyped-call]
        await asyncio.wait([self._mitmproxy], timeout=1)

    def tell_case(self, case: CaseRecord) -> None:
        """A case finished: it is told with those that finish at about the same time."""
        if not self._finished:
            asyncio.get_running_loop().call_later(TOGETHER_S, self._tell_finished)
        if len(self._finished) < MOST_TOGETHER:
            self._finished.append(case)

    def _tell_finished(self) -> None:
        finished, self._finished = self._finished, []
        if not finished or self.out.transport.get_write_buffer_size() >= MOST_WAITING:
            return
        if self._news is None:
            self.tell(e="cases", cases=finished)
        else:
            self.tell(e="news", news=self._news.since(finished, self.run.recording, self.run.observation))

    def tell_lost(self, lost: LostTarget) -> None:
        """A target is lost."""
        self.tell(e="lost", lost=lost)

    def tell(self, **message: Any) -> None:
        """One line to the parent."""
        self.out.write(encode(message))


async def _pipes() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Standard input and output as streams; whoever prints from now on, prints to the log."""
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LONGEST_COMMAND)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, told)
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


async def _serve() -> None:
    reader, out = await _pipes()
    task = cast("asyncio.Task[None]", asyncio.current_task())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    settings = json.loads(await reader.readline() or b"{}")
    if not settings:
        return
    host = Host(settings, out)
    await host.open()
    # What start-up made stays for ever: the collector need not look at it again and again.
    gc.freeze()
    try:
        while line := await reader.readline():
            if not await host.obey(json.loads(line)):
                break
        else:
            # The parent is gone without a word. The kernel has ended the test command with it, but not that command's
            # own children: they carry our address, and nobody else is left to end them.
            await asyncio.to_thread(end_marked, "GREENPROOF_CONTROL", host.control.address)
    finally:
        await host.close()


def main() -> None:
    """Serve until the parent says so or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # Two descriptors for each connection.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        asyncio.run(_serve())
    except asyncio.CancelledError:
        pass
    finally:
        sys.stderr.flush()
        # Nothing is left to be saved, and no thread of a library may keep the process.
        os._exit(0)


if __name__ == "__main__":
    main()
