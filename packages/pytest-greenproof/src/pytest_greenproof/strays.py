"""Work that outlives its test: started in a call phase, and still alive when its case has ended.

Nobody can say whose exchanges are while a stray lives: it may send over a connection that the
running case opened, or let a child process send. What fixtures started is no stray."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Set
from weakref import ref

from pytest_greenproof.browsers import Browsers, is_open
from pytest_greenproof.clock import now

GRACE = 0.05
"""Seconds in which what a case has left may end by itself."""

_STEP = 0.002
_NONE: FrozenSet[int] = frozenset()
_ON_LINUX = sys.platform.startswith("linux")

Alive = Callable[[], bool]


class Work:
    """Something that a call phase started."""

    __slots__ = ("alive", "case", "child", "known")

    def __init__(self, case: Any, alive: Alive, child: bool = False) -> None:
        self.case = case
        self.alive = alive
        self.child = child
        """A process of its own, or of a browser: no connection of it is ever told."""
        self.known = False
        """It has had its grace."""


class Strays:
    """What call phases started, and what is left of it."""

    def __init__(self) -> None:
        self.calling: Optional[Any] = None
        """The case whose call phase runs; None also while a fixture is set up inside it."""
        self.browsers = Browsers()
        self._work: List[Work] = []
        self._caller: Optional[Any] = None
        """The case whose call phase was the last."""
        self._pages: Set[Any] = set()
        """Open pages of browsers that are not of its call phase."""
        self._parent: Optional[Any] = None
        """The case that started the first child process since the last look."""
        self._older: Set[int] = set()
        """Child processes that were there before that one."""
        self._tasks: Set[Any] = set()
        self._processes: Set[Any] = set()

    def enter_call(self, case: Any) -> None:
        """A call phase begins."""
        self._tasks = set(_tasks())
        self._processes = set(_processes())
        self._pages = self.browsers.pages()
        self.calling = self._caller = case

    def leave_call(self) -> None:
        """It has ended; what it made is looked at when the next case begins."""
        case, self.calling = self.calling, None
        if case is None:
            return
        for process in _processes():
            if process not in self._processes:
                self._work.append(Work(case, process.is_alive, child=True))
        for task in _tasks():
            if task not in self._tasks and not task.done():
                self._work.append(Work(case, _pending(ref(task))))
        self._tasks, self._processes = set(), set()

    def thread_started(self, case: Any, thread: threading.Thread) -> None:
        """A call phase, or work that came from it, starts a thread."""
        self._work.append(Work(case, _running(ref(thread))))

    def submitted(self, case: Any, future: Any) -> None:
        """The same hands work to a pool; the pool's threads themselves may stay."""
        self._work.append(Work(case, _pending(ref(future))))

    def child_starting(self, case: Any) -> None:
        """The same is about to start a process."""
        if self._parent is None:
            self._parent, self._older = case, _children()

    def fixture_inside(self) -> Iterator[None]:
        """A fixture is set up inside the call phase, between two steps: what it starts may stay."""
        case, self.calling = self.calling, None
        children = _NONE if self._parent is None else frozenset(_children())
        tasks, processes, pages = set(_tasks()), set(_processes()), self.browsers.pages()
        yield
        if self._parent is not None and case is not None:
            self._older |= _children() - children
        self._tasks |= set(_tasks()) - tasks
        self._processes |= set(_processes()) - processes
        self._pages |= self.browsers.pages() - pages
        self.calling = case

    def left(self) -> List[str]:
        """Names of the cases of which something is still alive, now that another one begins."""
        if self._parent is not None:
            self._look_for_children(self._parent)
        self._look_for_pages()
        if not self._work:
            return []
        self._wait()
        self._work = [work for work in self._work if work.alive()]
        names: Dict[str, None] = {}
        for work in self._work:
            work.known = True
            names[work.case.id] = None
        return list(names)

    def children(self) -> bool:
        """Whether a child process is among what is left."""
        return any(work.child for work in self._work)

    def _look_for_children(self, case: Any) -> None:
        for pid in _children() - self._older - _servants():
            self._work.append(Work(case, _child_alive(pid), child=True))
        self._parent = None

    def _look_for_pages(self) -> None:
        # Now, and not at the end of the call phase: most pages are closed by the fixture that opened their context.
        case, self._caller = self._caller, None
        if case is not None:
            for page in self.browsers.pages() - self._pages:
                self._work.append(Work(case, _page_open(page), child=True))
        self._pages = set()

    def _wait(self) -> None:
        lock = threading.Lock()
        lock.acquire()
        deadline = now() + int(GRACE * 1e9)
        while any(not work.known and work.alive() for work in self._work) and now() < deadline:
            lock.acquire(timeout=_STEP)


def _page_open(page: Any) -> Alive:
    return lambda: is_open(page)


def _running(thread: Callable[[], Optional[threading.Thread]]) -> Alive:
    def alive() -> bool:
        held = thread()
        if held is None or not held.is_alive():
            return False
        # A worker of anyio waits there for its next item.
        idle = getattr(held, "idle_workers", None)
        return idle is None or held not in idle

    return alive


def _pending(work: Callable[[], Any]) -> Alive:
    def alive() -> bool:
        held = work()
        return held is not None and not held.done() and not _abandoned(held)

    return alive


def _abandoned(work: Any) -> bool:
    """A task whose loop is closed never goes on; one of another thread's loop is that thread's business."""
    loop = work.get_loop() if hasattr(work, "get_loop") else None
    return loop is not None and (loop.is_closed() or loop.is_running())


def _tasks() -> List[Any]:
    """The tasks of all event loops of which asyncio keeps a list (none since CPython 3.14)."""
    module = sys.modules.get("asyncio.tasks")
    kept = getattr(module, "_scheduled_tasks", None) or getattr(module, "_all_tasks", None)
    return list(kept) if kept else []


def _processes() -> List[Any]:
    """The processes that multiprocessing keeps; it starts most of them without an audit event."""
    kept = getattr(sys.modules.get("multiprocessing.process"), "_children", None)
    return list(kept) if kept else []


def _servants() -> Set[int]:
    """Helpers that multiprocessing starts once and for all."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    return {getattr(tracker, "_pid", None) or 0, getattr(server, "_forkserver_pid", None) or 0}


def _children() -> Set[int]:
    """Process ids of our own children; elsewhere than on Linux it is not known, and they are none."""
    found: Set[int] = set()
    if not _ON_LINUX:
        return found
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", "rb") as listed:
                found.update(int(pid) for pid in listed.read().split())
    except OSError:
        # A thread that has just ended.
        pass
    return found


def _child_alive(pid: int) -> Alive:
    parent = os.getpid()

    def alive() -> bool:
        try:
            with open(f"/proc/{pid}/stat", "rb") as status:
                state, above = status.read().rpartition(b") ")[2].split()[:2]
        except (OSError, ValueError):
            return False
        return state not in (b"Z", b"X") and int(above) == parent

    return alive
