"""Run one test command in a process group of its own, with a deadline, and never outlive it."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from greenproof.model.errors import RunnerError

_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 200
_LINE_LIMIT = 64 * 1024
_GRACE_S = 5.0
_POLL_S = 0.05


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

    def __init__(self, argv: Sequence[str], *, directory: Path, environment: Mapping[str, str], timeout: float) -> None:
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
        reader = threading.Thread(target=_read, args=(process, tail, on_line), daemon=True)
        reader.start()
        timed_out = stopped = False
        try:
            while process.poll() is None:
                if time.monotonic() - started > self._timeout:
                    timed_out = True
                elif stop is not None and stop():
                    stopped = True
                if timed_out or stopped:
                    end_group(process)
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            end_group(process)
            reader.join(_GRACE_S)
        return CommandResult(process.returncode, timed_out, stopped, time.monotonic() - started, tuple(tail))

    def _start(self) -> subprocess.Popen[bytes]:
        executable = resolve(self._argv, self._directory, self._environment.get("PATH"))
        try:
            return subprocess.Popen(
                self._argv,
                executable=executable,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one async-signal-safe call, before exec
            )
        except OSError as error:
            raise RunnerError(
                f"the command {self._argv[0]!r} can't be run: {error.strerror}",
                code="command-not-runnable",
                where=str(self._directory),
                expected="an executable file and a folder that exists",
            ) from error


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    """On Linux: the kernel kills the child when we die, however we die."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the process group to stop as Ctrl-C does, then kill what is left of it. Safe to call twice."""
    for number, grace in ((signal.SIGINT, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
        if process.poll() is None:
            _signal(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace)
    # The leader is gone; what it left in its group (a daemon, a browser) goes too.
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _read(process: subprocess.Popen[bytes], tail: deque[str], on_line: Callable[[str], None] | None) -> None:
    assert process.stdout is not None
    while raw := process.stdout.readline(_LINE_LIMIT):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        tail.append(line[:2000])
        if on_line is not None:
            on_line(line)
