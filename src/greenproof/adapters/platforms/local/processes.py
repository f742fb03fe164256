"""Processes: started in a group of their own, known by more than a number, ended with all descendants."""

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import psutil

MARKER = "GREENPROOF_ENVIRONMENT_ID"
NONCE = "GREENPROOF_NONCE"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def birth(pid: int) -> str | None:
    """When a process began, such that no other process ever has the same pid and birth.

    On Linux: boot id and start time in clock ticks, which a clock that is set back cannot shift.
    """
    return _birth_in_proc(pid) if Path("/proc/self/stat").exists() else _birth_by_clock(pid)


def _birth_in_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else f"{_boot()}:{fields[19]}"


def _birth_by_clock(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.3f}"
    except psutil.Error:
        return None


def variables(pid: int) -> Mapping[str, str]:
    """The environment with which a process was started; empty when it cannot be read."""
    with contextlib.suppress(psutil.Error, OSError):
        return psutil.Process(pid).environ()
    return {}


def marked(name: str, value: str) -> set[int]:
    """All processes that were started with this variable, except this one and its ancestors."""
    excluded = {os.getpid()}
    with contextlib.suppress(psutil.Error):
        excluded |= {parent.pid for parent in psutil.Process().parents()}
    return {pid for pid in psutil.pids() if pid not in excluded and variables(pid).get(name) == value}


def working_in(folder: Path) -> set[int]:
    """All processes whose working folder this is: a database server's own processes."""
    found, wanted = set(), str(folder.resolve())
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error, OSError):
            if pid != os.getpid() and psutil.Process(pid).cwd() == wanted:
                found.add(pid)
    return found


def descendants(pid: int) -> set[int]:
    """The process and everything below it."""
    try:
        process = psutil.Process(pid)
        return {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.Error:
        return set()


def family(pid: int, nonce: str | None) -> set[int]:
    """A started process, its group, its descendants, and what carries its nonce."""
    found = descendants(pid)
    for other in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getpgid(other) == pid or os.getsid(other) == pid:
                found.add(other)
    return found | (marked(NONCE, nonce) if nonce else set())


def kill(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each; who is gone already is passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


def adopt_orphans() -> None:
    """Make this process the parent of orphaned descendants, so that none gets lost. Linux only."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(known: set[int]) -> None:
    """Collect adopted descendants that have ended; `known` are waited for by others."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error, ChildProcessError):
                if child.pid not in known and child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)


def _die_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    libc = _libc()

    def before_exec() -> None:
        # After the user was changed: the kernel forgets this setting when credentials change.
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return before_exec


@dataclass(frozen=True, slots=True)
class Account:
    """Another user as which a process is started."""

    name: str
    uid: int
    gid: int

    @classmethod
    def first_of(cls, names: Sequence[str]) -> "Account | None":
        """The first of these users that exists."""
        for name in names:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(name, entry.pw_uid, entry.pw_gid)
        return None


@dataclass(slots=True)
class Started:
    """A process that we started and own."""

    role: str
    process: asyncio.subprocess.Process
    born: str | None
    nonce: str | None
    ended: asyncio.Task[int] = field(init=False)

    def __post_init__(self) -> None:
        self.ended = asyncio.ensure_future(self.process.wait())

    @property
    def pid(self) -> int:
        """Also the number of its group and session."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.returncode is None

    def manner_of_end(self) -> str:
        """How it ended, for people."""
        code = self.process.returncode
        if code is None:
            return "still running"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"


async def start(
    role: str,
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: int,
    nonce: str | None = None,
    account: Account | None = None,
    dies_by: signal.Signals = signal.SIGKILL,
) -> Started:
    """Start a command in its own session; `output` is the descriptor that takes both streams.

    It ends with the supervisor, by the signal `dies_by`, where the kernel offers that.
    Raises OSError when it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        preexec_fn=_die_with(os.getpid(), dies_by),
    )
    return Started(role, process, birth(process.pid), nonce)


async def stop(
    started: Started,
    *,
    by: signal.Signals = signal.SIGTERM,
    grace: float = 5.0,
    alone: bool = False,
) -> None:
    """End a process and all that came from it; with `alone` only it gets the gentle signal."""
    relatives = await asyncio.to_thread(family, started.pid, started.nonce)
    if started.alive:
        kill([started.pid] if alone else relatives, by)
        await asyncio.wait([started.ended], timeout=grace)
    # What left the group in the meantime carries the nonce; what hides it was seen before.
    relatives |= await asyncio.to_thread(family, started.pid, started.nonce)
    births = {pid: birth(pid) for pid in relatives}
    kill([pid for pid, born in births.items() if born], signal.SIGKILL)
    await asyncio.wait([started.ended], timeout=5.0)
    await until_gone(births, 5.0)


async def until_gone(births: Mapping[int, str | None], timeout: float) -> bool:
    """Wait until none of these lives. Polls: the kernel tells only parents."""
    deadline = asyncio.get_running_loop().time() + timeout
    while any(born and birth(pid) == born for pid, born in births.items()):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
