"""Run one test command in a process group of its own, with a deadline, and never outlive it."""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from greenproof.model.errors import RunnerError

_TAIL_LINES = 200
_LINE_LIMIT = 16 * 1024
MOST_TOLD = 1 << 20
"""Bytes of output that are told line by line; of what comes after that only the last lines are kept."""
_LAST_LINES = 20
_GRACE_S = 5.0
_POLL_S = 0.05
_CHUNK = 64 * 1024
_MORTAL = str(Path(__file__).with_name("mortal.py"))


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended."""

    exit_code: int | None
    """Negative: killed by that signal."""
    timed_out: bool
    stopped: bool
    """We ended it because `stop` asked for it."""
    duration_s: float
    tail: tuple[str, ...]
    """The last lines that it printed, at most 200."""


def resolve(command: Sequence[str], directory: Path, path: str | None = None) -> str:
    """The executable that a command names; RunnerError if there is none."""
    if not command:
        raise RunnerError(
            "there is no test command",
            code="command-missing",
            where="the end of the command line",
            expected="a command after '--'",
            hint="greenproof prove --target api=http://localhost:8000 -- pytest tests",
        )
    name = command[0]
    local = directory / name
    found = (
        str(local) if "/" in name and os.access(local, os.X_OK) and local.is_file() else shutil.which(name, path=path)
    )
    if found is None:
        raise RunnerError(
            f"the command {name!r} can't be run",
            code="command-not-found",
            where=str(directory),
            expected="an executable file, or a name on PATH",
            hint="activate the environment in which your tests run, or write the full path of its pytest",
        )
    return found


class TestCommand:
    """One run of a test command."""

    __test__ = False

    def __init__(
        self,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        timeout: float,
        network: int | None = None,
    ) -> None:
        """`network`: the process whose network the command gets; None: ours."""
        self._network = "-" if network is None else str(network)
        self._argv = list(argv)
        self._directory = directory
        self._environment = dict(environment)
        self._timeout = timeout

    def run(
        self,
        on_line: Callable[[str], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> CommandResult:
        """Run to the end, the deadline or until `stop` says so. KeyboardInterrupt ends the group and goes on."""
        started = time.monotonic()
        process = self._start()
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        output = _Output(process, tail, on_line)
        timed_out = stopped = False
        try:
            while process.poll() is None:
                if time.monotonic() - started > self._timeout:
                    timed_out = True
                elif stop is not None and stop():
                    stopped = True
                if timed_out or stopped:
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            end_group(process)
            output.close()
        return CommandResult(process.returncode, timed_out, stopped, time.monotonic() - started, tuple(tail))

    def _start(self) -> subprocess.Popen[bytes]:
        executable = resolve(self._argv, self._directory, self._environment.get("PATH"))
        try:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", _MORTAL, str(os.getpid()), self._network, executable, *self._argv],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,
                bufsize=0,
            )
        except OSError as error:
            raise RunnerError(
                f"the command {self._argv[0]!r} can't be run: {error.strerror}",
                code="command-not-runnable",
                where=str(self._directory),
                expected="an executable file and a folder that exists",
            ) from error


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the process group to stop as Ctrl-C does, then kill what is left of it. Safe to call twice."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    if process.poll() is None:
        # Daemons that left the group are still below the leader, as long as that lives.
        family = _below(process.pid)
        _signal(process.pid, signal.SIGKILL)
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        _until_gone(family)
    # The leader is gone; what it left in its group (a daemon, a browser) goes too.
    _signal(process.pid, signal.SIGKILL)


def _until_gone(killed: Sequence[psutil.Process]) -> None:
    """Who is killed is not gone at once, and these are nobody's children any more: nobody else waits for them."""
    deadline = time.monotonic() + _GRACE_S
    while any(map(_runs, killed)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Output:
    """Reads what a command prints until it has ended, even if a daemon of it still holds the pipe."""

    def __init__(
        self, process: subprocess.Popen[bytes], tail: deque[str], on_line: Callable[[str], None] | None
    ) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout
        self._tail, self._on_line = tail, on_line
        self._told = self._cut = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name="output", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The command has ended: read what is still in the pipe, and let go of it."""
        self._ended.set()
        self._thread.join(_GRACE_S)
        self._pipe.close()

    def _read(self) -> None:
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            while True:
                ended = self._ended.is_set()
                if not selector.select(0 if ended else _POLL_S):
                    if ended:
                        break
                    continue
                chunk = os.read(self._pipe.fileno(), _CHUNK)
                if not chunk:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                # A line without end is told in pieces, so that the buffer stays small.
                while len(rest) > _LINE_LIMIT:
                    lines.append(rest[:_LINE_LIMIT])
                    rest = rest[_LINE_LIMIT:]
                for line in lines:
                    self._tell(line)
        if rest:
            self._tell(rest)
        if self._cut and self._on_line is not None:
            self._on_line(f"... {self._cut:,} more bytes of output are not shown; the last lines are:")
            for last in list(self._tail)[-_LAST_LINES:]:
                self._on_line(last)

    def _tell(self, raw: bytes) -> None:
        line = raw[:_LINE_LIMIT].decode("utf-8", "replace").rstrip("\r")
        self._tail.append(line[:2000])
        if self._told >= MOST_TOLD:
            self._cut += len(raw) + 1
            return
        self._told += len(raw) + 1
        if self._on_line is not None:
            self._on_line(line)
