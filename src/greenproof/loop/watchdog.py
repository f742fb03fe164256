"""The watchdog: a step that gives no sign of life for too long is stuck, and is ended with a record of where it stood.

Every step has deadlines of its own; this is for what they don't cover. A sign of life is anything that a listener is
told, or a new step.
"""

import contextlib
import faulthandler
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from greenproof.loop.proof_request import Listener
from greenproof.model.errors import CoordinationError, GreenproofError, StepStuckError, StoppedError

_LOOK_S = 1.0


class Watchdog:
    """Watches the main thread from another one."""

    def __init__(
        self, silence_s: float, on_bite: Callable[[str, float, str], None], who_stops: Callable[[], str]
    ) -> None:
        """`on_bite` is told the step, the seconds of silence, and where every thread stood; `who_stops` says who asked
        the loop to stop, or nothing.
        """
        self._silence_s = silence_s
        self._on_bite = on_bite
        self._who_stops = who_stops
        self._last = time.monotonic()

    def hearing(self, listener: Listener) -> Listener:
        """The listener, whose every call is a sign of life."""

        def heard[**P](act: Callable[P, None]) -> Callable[P, None]:
            def call(*args: P.args, **kwargs: P.kwargs) -> None:
                self._last = time.monotonic()
                act(*args, **kwargs)

            return call

        return replace(
            listener,
            say=heard(listener.say),
            output=heard(listener.output),
            case=heard(listener.case),
            reading=heard(listener.reading),
            doing=heard(listener.doing),
            detail=heard(listener.detail),
        )

    @contextlib.contextmanager
    def watching(self, step: str) -> Iterator[None]:
        """While a step is taken. An interruption of its own raises StepStuckError or StoppedError instead."""
        over = threading.Event()
        why: list[GreenproofError] = []
        self._last = time.monotonic()

        def watch() -> None:
            while not over.wait(_LOOK_S):
                if (reason := self._reason(step)) is not None:
                    why.append(reason)
                    _interrupt()
                    return

        watcher = threading.Thread(target=watch, name="greenproof-watchdog", daemon=True)
        watcher.start()
        try:
            yield
        except KeyboardInterrupt:
            if why:
                raise why[0] from None
            raise
        finally:
            over.set()

    def _reason(self, step: str) -> GreenproofError | None:
        """Why the step must be ended; None: it need not."""
        # A store that can't be reached for a moment says nothing.
        with contextlib.suppress(CoordinationError):
            if who := self._who_stops():
                return stopped(who)
        silent = time.monotonic() - self._last
        if silent <= self._silence_s:
            return None
        self._on_bite(step, silent, _stacks())
        return self._stuck(step)

    def _stuck(self, step: str) -> StepStuckError:
        return StepStuckError(
            f"{step} gave no sign of life for {self._silence_s:.0f} s, and was ended",
            code="step-stuck",
            where=step,
            expected="progress",
            hint="the record of the run has where every thread stood; [loop] silence_s sets the limit",
        )


def _interrupt() -> None:
    """Like Ctrl-C: whatever the step has started, it ends in order.

    A signal to the main thread itself, which wakes it up wherever it waits. What a shell starts in the background
    ignores SIGINT.
    """
    number = signal.SIGINT if callable(signal.getsignal(signal.SIGINT)) else signal.SIGTERM
    if callable(signal.getsignal(number)):
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def stopped(who: str) -> StoppedError:
    """Why a run ends that a person asked to stop."""
    return StoppedError(
        f"stopped by {who}",
        code="loop-stopped",
        where="greenproof stop",
        expected="a loop that goes on",
        hint="what was finished is recorded; `greenproof loop` begins another run",
    )


def _stacks() -> str:
    """Where every thread stands."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        return file.read()
