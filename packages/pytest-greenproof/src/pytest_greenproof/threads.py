"""Which case does a thread work for?

- The thread that runs pytest works for the running case, always.
- A work item of a `ThreadPoolExecutor` works for the case that submitted it: pool threads outlive
  cases and serve later ones legitimately.
- A callback or task that another thread handed to an event loop (`run_coroutine_threadsafe`)
  carries the case in its context.
- Any other thread works for the case in which it was started, for ever. Once that case has ended,
  what the thread does belongs to nobody. That holds also for a hand-made pool (a queue and
  workers), and for `multiprocessing.pool.ThreadPool`: nothing shows for whom their threads work."""

from __future__ import annotations

import functools
import threading
from _thread import get_ident
from contextvars import ContextVar
from typing import Any, Dict, List, Optional, Set
from weakref import ref

from pytest_greenproof.strays import Strays


class Case:
    """One attempt at a case; a repeat of the same node id is another."""

    __slots__ = ("id",)

    def __init__(self, node_id: str) -> None:
        self.id = node_id


_ATTRIBUTE = "_greenproof_case"
_ORIGIN = "_greenproof_call"
"""The case from whose call phase a thread comes; missing if it comes from none."""
_NOTHING: Any = object()


class Ownership:
    """Gives threads to cases."""

    def __init__(self) -> None:
        self.running: Optional[Case] = None
        self.had_children = False
        """This process started others, whose connections nobody tells of."""
        self._main = get_ident()
        self.strays = Strays()
        self._items: Dict[int, Optional[Case]] = {}
        self._origins: Dict[int, Optional[Case]] = {}
        """The same for work items: the case from whose call phase one comes."""
        self._pooling: Set[int] = set()
        """Threads that hand an item to a pool, which may start a thread for it."""
        self._context: ContextVar[Optional[Case]] = ContextVar("greenproof_case", default=None)
        self._started: List[ref[threading.Thread]] = []

    def begin(self, case: Case) -> None:
        """From now on the thread of pytest works for this case."""
        self._main = get_ident()
        self.running = case
        self._context.set(case)

    def end(self) -> None:
        """The running case has ended."""
        self.running = None

    def of_current_thread(self) -> Optional[Case]:
        """The case that the calling thread works for; None: none that we know of."""
        ident = get_ident()
        if ident == self._main:
            return self.running
        if ident in self._items:
            return self._items[ident]
        carried = self._context.get()
        if carried is not None:
            return carried
        # Not `current_thread()`: that makes and keeps an object for every foreign thread.
        thread = threading._active.get(ident)  # type: ignore[attr-defined]
        return getattr(thread, _ATTRIBUTE, None)

    def origin(self) -> Optional[Case]:
        """The case from whose call phase the calling thread's work comes."""
        ident = get_ident()
        if ident == self._main:
            return self.strays.calling
        if ident in self._origins:
            return self._origins[ident]
        thread = threading._active.get(ident)  # type: ignore[attr-defined]
        return getattr(thread, _ORIGIN, None)

    def child_starting(self) -> None:
        """The calling thread is about to start a process."""
        self.had_children = True
        origin = self.origin()
        if origin is not None:
            self.strays.child_starting(origin)

    def strangers(self) -> bool:
        """Whether a thread is alive that was started before the running case."""
        if not self._started:
            return False
        alive = []
        strangers = False
        for reference in self._started:
            thread = reference()
            # A thread that start() has not finished starting is not alive yet; it comes back with
            # its own case.
            if thread is not None and (thread.is_alive() or thread.ident is None):
                alive.append(reference)
                strangers = strangers or getattr(thread, _ATTRIBUTE, None) is not self.running
        self._started = alive
        return strangers

    def watch_threads(self) -> None:
        """Let every thread know in which case it was started."""
        start = threading.Thread.start

        @functools.wraps(start)
        def remembered(thread: threading.Thread) -> None:
            setattr(thread, _ATTRIBUTE, self.of_current_thread())
            self._started.append(ref(thread))
            origin = self.origin()
            if origin is not None and get_ident() not in self._pooling:
                setattr(thread, _ORIGIN, origin)
                self.strays.thread_started(origin, thread)
            start(thread)

        threading.Thread.start = remembered  # type: ignore[method-assign,assignment]

    def watch_pool(self, module: Any) -> None:
        """Let every work item of `concurrent.futures.thread` know which case submitted it."""
        pool = module.ThreadPoolExecutor
        submit = pool.submit

        @functools.wraps(submit)
        def carrying(executor: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            ident, origin = get_ident(), self.origin()
            outermost = ident not in self._pooling
            self._pooling.add(ident)
            try:
                owner = self.of_current_thread()
                future = submit(executor, self._work, owner, origin, fn, args, kwargs)
            finally:
                if outermost:
                    self._pooling.discard(ident)
            if origin is not None:
                self.strays.submitted(origin, future)
            return future

        pool.submit = carrying

    def _work(self, case: Optional[Case], origin: Optional[Case], fn: Any, args: Any, kwargs: Any) -> Any:
        ident = get_ident()
        before = self._items.get(ident, _NOTHING)
        origin_before = self._origins.get(ident)
        self._items[ident], self._origins[ident] = case, origin
        try:
            return fn(*args, **kwargs)
        finally:
            if before is _NOTHING:
                del self._items[ident], self._origins[ident]
            else:  # an executor that runs its items in the thread that submits them
                self._items[ident], self._origins[ident] = before, origin_before
