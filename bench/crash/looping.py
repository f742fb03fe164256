"""A process of the loop: begun, listened to, killed."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

from place import Place


class Loop:
    """`greenproof loop` in a process group of its own, with what it says and when."""

    def __init__(self, place: Place, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
        self.said: list[tuple[float, str]] = []
        """Seconds of the clock, and the line."""
        self.start = time.time()
        self.load = os.getloadavg()[0]
        self.end = 0.0
        self._process = subprocess.Popen(
            place.command("loop", "--suite", "crash", *arguments),
            cwd=place.folder,
            env={**place.variables(), **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._heard = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Also the number of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def until(self, text: str, seconds: float) -> float | None:
        """Wait until it says a line that begins like this: the time; None if it did not, or has ended."""
        deadline = time.monotonic() + seconds
        with self._heard:
            while True:
                for at, line in self.said:
                    if line.startswith(text):
                        return at
                if time.monotonic() > deadline or not (self.alive or self._reader.is_alive()):
                    return None
                self._heard.wait(0.2)

    def wait(self, seconds: float) -> int | None:
        """Its exit code; None if it still runs then."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._ended()
        return code

    def signal(self, number: signal.Signals, *, alone: bool = False) -> None:
        """To its group, or to it alone."""
        (os.kill if alone else os.killpg)(self.pid, number)

    def kill(self) -> None:
        """SIGKILL to its group."""
        if self.alive:
            self.signal(signal.SIGKILL)
        self._process.wait()
        self._ended()

    def _ended(self) -> None:
        self.end = time.time()
        # A child that outlives its loop would hold the pipe: it is found as an orphan, and not waited for here.
        self._reader.join(2)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._heard:
                self.said.append((time.time(), line.rstrip()))
                self._heard.notify_all()
