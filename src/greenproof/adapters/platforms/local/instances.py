"""Instances: a revision that runs, with its port, its nonce, its log, and how ready it is."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from greenproof.adapters.logs.files import quoted
from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.adapters.platforms.local import processes, sockets
from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.ingress import Upstream
from greenproof.adapters.platforms.local.launches import Launch, executable, fill
from greenproof.adapters.platforms.local.output import Capture, LogFile
from greenproof.adapters.probes import http
from greenproof.model.facts import Reading

POLL = 0.05
"""Seconds between two looks at a service that is starting: a port offers no event."""
FINAL = frozenset({"exited", "foreign-process", "wrong-identity"})
"""States that waiting does not change."""
_HINTS = {
    "never-listened": "the service must listen on $PORT, on 127.0.0.1 or all addresses",
    "wrong-port": "let the service listen on $PORT; a fixed default is often left in the code",
    "wrong-identity": "answer with the header X-Greenproof-Revision: $GREENPROOF_REVISION, or say "
    "in services.NAME.identity where the identity is",
    "slow": "look at what it waits for before raising services.NAME.start_timeout",
    "not-ready": "its own readiness document says what is missing",
}

Lookup = Callable[[str, str], str | None]


class Instance:
    """One started revision of one service."""

    def __init__(self, context: Context, launch: Launch, lookup: Lookup) -> None:
        self.launch = launch
        self.port = context.ports.fresh()
        self.upstream = Upstream(launch.service, launch.revision, self.port)
        self._context = context
        self._lookup = lookup
        self._nonce = context.new_nonce()
        self._started: processes.Started | None = None
        self._capture: Capture | None = None

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self._context.layout.logs / self.launch.service / f"{self.launch.revision}.log"

    @property
    def alive(self) -> bool:
        """Whether its first process runs."""
        return self._started is not None and self._started.alive

    @property
    def pid(self) -> int | None:
        """Of its first process."""
        return self._started.pid if self._started else None

    async def run_to_end(self, role: str, command: tuple[str, ...]) -> str | None:
        """Run a command of the revision, with the environment that the service will get; how it ended, if not well."""
        started = await self._run(role, command)
        try:
            # A migration may take as long as it takes: cutting it off would do harm.
            await started.ended
            if not started.process.returncode:
                return None
            await self._drained()
            return started.manner_of_end()
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start the service; does not wait for it."""
        await self._run("service", self.launch.command)

    async def await_ready(self) -> Reading:
        """Wait until it is ready by identity. Raises ServiceFailed that says what it was instead."""
        assert self._started is not None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.launch.start_timeout
        while True:
            reading = await self._observe_starting(max(0.1, deadline - loop.time()))
            late = loop.time() >= deadline
            if late and reading.state == "never-listened":
                # Who listens instead is looked up once, in the end: many looks would slow down what is starting.
                reading = await self.observe(1.0)
            if reading.ok:
                return reading
            if reading.state in FINAL or late:
                raise await self._failure(reading)
            await asyncio.wait([self._started.ended], timeout=POLL)

    async def _observe_starting(self, timeout: float) -> Reading:
        if self.alive and not await sockets.answers(self.port):
            return self._reading("never-listened", f"nothing listens on port {self.port}")
        return await self.observe(timeout)

    async def observe(self, timeout: float, table: Mapping[str, int] | None = None) -> Reading:
        """One reading: is it alive, is it the one that listens, is it ready, is it who it must be? `table` is what
        `sockets.listeners` said a moment ago.
        """
        if not self.alive:
            manner = self._started.manner_of_end() if self._started else "never started"
            return self._reading("exited", f"the process has ended: {manner}")
        if (wrong := await asyncio.to_thread(self._listening, table)) is not None:
            return wrong
        check = http.HttpCheck(
            service=self.launch.service,
            port=self.port,
            path=self.launch.ready,
            identity=self.launch.identity_source(),
            expected=self.launch.revision,
            nonce=self._nonce,
        )
        asking = asyncio.ensure_future(http.read(check, timeout))
        assert self._started is not None
        await asyncio.wait({asking, self._started.ended}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            return self._reading("exited", f"the process has ended: {self._started.manner_of_end()}")
        reading = asking.result()
        # A readiness document may quote the address that it cannot reach, password and all.
        return replace(reading, detail=self._context.redact(reading.detail))

    async def stop(self) -> None:
        """End it with everything that came from it."""
        self.upstream.close()
        if self._started is not None:
            await processes.stop(self._started)
            self._context.registry.remove(self._started.pid)
        if self._capture is not None:
            await self._capture.finish()
            self._capture = None

    def last_lines(self) -> tuple[str, ...]:
        """The end of its log; redacted when it was written."""
        return quoted(self.log)

    async def _run(self, role: str, command: tuple[str, ...]) -> processes.Started:
        environment = self._environment()
        words = [self._fill(word) for word in command]
        folder = Path(self.launch.folder)
        if not executable(tuple(words), folder, environment.get("PATH")):
            raise self._not_found(words[0])
        capture = Capture(LogFile(self.log), self._context.redact)
        try:
            self._started = await processes.start(
                f"{role}:{self.launch.revision}",
                words,
                cwd=folder,
                env=environment,
                output=capture.writer,
                nonce=self._nonce,
            )
        except OSError as error:
            capture.abandon()
            raise ServiceFailed(
                f"{self.launch.service} cannot be started: {error.strerror}",
                code="service-command-refused",
                where=f"{words[0]} in {folder}",
                expected="a program that this user may run",
            ) from error
        except BaseException:
            capture.abandon()
            raise
        self._capture = capture
        self._context.registry.add(self._started)
        await capture.begin()
        return self._started

    def _environment(self) -> dict[str, str]:
        launch = self.launch
        return {
            **self._context.means.inherited,
            "PYTHONPATH": launch.folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            **{name: self._fill(value) for name, value in launch.env.items()},
            "PORT": str(self.port),
            "GREENPROOF_SERVICE": launch.service,
            "GREENPROOF_REVISION": launch.revision,
            processes.NONCE: self._nonce,
            processes.MARKER: self._context.environment_id,
        }

    def _fill(self, text: str) -> str:
        return fill(text, self.port, self.launch.python, self._lookup)

    def _listening(self, table: Mapping[str, int] | None) -> Reading | None:
        assert self._started is not None
        pid, table = self._started.pid, sockets.listeners() if table is None else table
        # The quick looks first: usually the first process listens, or a descendant of it.
        seen = sockets.look({pid}, self.port, table)
        if self.port not in seen.ours or seen.foreign:
            seen = sockets.look(processes.descendants(pid), self.port, table)
        if self.port not in seen.ours or seen.foreign:
            seen = sockets.look(processes.family(pid, self._nonce), self.port)
        if seen.foreign:
            who = ", ".join(_describe(pid) for pid in sorted(seen.foreign))
            return self._reading(
                "foreign-process",
                f"port {self.port} belongs to a process that we did not start: {who}",
            )
        if self.port in seen.ours:
            return None
        if seen.ours:
            ports = ", ".join(map(str, sorted(seen.ours)))
            return self._reading("wrong-port", f"listens on port {ports} instead of {self.port}")
        return self._reading("never-listened", f"nothing listens on port {self.port}")

    def _reading(self, state: str, detail: str) -> Reading:
        at = datetime.now(UTC).isoformat()
        return Reading(self.launch.service, "process", at, False, state, None, None, detail)

    async def _failure(self, reading: Reading) -> ServiceFailed:
        await self._drained()
        state = "slow" if reading.state == "timeout" else reading.state
        latency = f", last latency {reading.latency_ms:.0f} ms" if reading.latency_ms else ""
        waited = "" if reading.state in FINAL else f" after {self.launch.start_timeout:g} s"
        return ServiceFailed(
            f"{self.launch.service} is not ready{waited}: {state}: {reading.detail}{latency}",
            code=f"service-{state}",
            where=f"{self.launch.revision}, log {self.log}",
            expected=f"GET {self.launch.ready} on port {self.port} answers 200 as "
            f"{self.launch.revision} within {self.launch.start_timeout:g} s",
            hint=_HINTS.get(state),
            log=self.last_lines(),
        )

    async def _drained(self) -> None:
        if self._capture is None:
            return
        if self.alive:
            self._capture.flush()
        else:
            await self._capture.drained(0.5)

    def _not_found(self, word: str) -> ServiceFailed:
        return ServiceFailed(
            f"{self.launch.service} cannot be started: {word} is not there",
            code="service-command-missing",
            where=f"services.{self.launch.service}.command",
            expected=f"a program on PATH, or a file in {self.launch.folder}",
            hint="{python} stands for the service's own interpreter",
        )


def _describe(pid: int) -> str:
    if pid == 0:
        return "one that cannot be seen from here"
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return f"{Path(words[0].decode('utf-8', 'replace')).name} (pid {pid})"
    return f"pid {pid}"
