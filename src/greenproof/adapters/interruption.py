"""Ctrl-C, SIGTERM and a closed terminal: the first ends the command in order, whatever comes after waits for that.

A second Ctrl-C must not end the cleaning up half-way: everything that cleans up has deadlines of its own.
"""

import contextlib
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

PATIENCE_S = 30.0
"""Seconds after which another signal counts again: the first may have been swallowed by a library."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOMENT_S = 0.01
_AGAIN = b"already stopping: what was started is being ended\n"


class _State:
    """What has been asked of this process. Handlers run in the main thread only."""

    since: float | None = None
    held = 0
    waiting = False
    told = False
    told_before = staticmethod(sys.__unraisablehook__)
    """Who is told of other exceptions that nobody can catch."""


def install() -> None:
    """Turn each of the signals into a KeyboardInterrupt. What is ignored (a background job, nohup) stays ignored."""
    if sys.unraisablehook is not _swallowed:
        _State.told_before = staticmethod(sys.unraisablehook)
        sys.unraisablehook = _swallowed
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _asked)


def _swallowed(unraisable: "sys.UnraisableHookArgs") -> None:
    """An interrupt that came within a callback of the interpreter, which passes no exception on, comes again."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        _State.told_before(unraisable)
        return
    _State.since = None
    # A moment later: here it would be swallowed once more.
    again = threading.Timer(_MOMENT_S, _interrupt_again)
    again.daemon = True
    again.start()


def _interrupt_again() -> None:
    number = next((one for one in _SIGNALS if signal.getsignal(one) is _asked), None)
    if number is not None:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def finished() -> None:
    """The result is known and told: nothing is left that a signal could end in a better way."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """A short piece of work that is done as a whole: a signal takes effect after it. Other threads see none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.held += 1
    try:
        yield
    finally:
        _State.held -= 1
        if _State.waiting and not _State.held:
            _State.waiting = False
            _interrupt()


def _asked(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGHUP:
        _let_go_of_the_terminal()
    if _State.held:
        _State.waiting = True
    else:
        _interrupt()


def _interrupt() -> None:
    now = time.monotonic()
    if _State.since is None or now - _State.since > PATIENCE_S:
        _State.since = now
        raise KeyboardInterrupt
    if not _State.told:
        _State.told = True
        with contextlib.suppress(OSError):
            os.write(2, _AGAIN)


def _let_go_of_the_terminal() -> None:
    """What is written to a terminal that has gone is an error; it must not spoil the cleaning up."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                sink = os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, descriptor)
                os.close(sink)
