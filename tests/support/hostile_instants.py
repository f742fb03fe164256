"""Signals at seeded instants of a command's life, from the moment at which it can answer one."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_NUMBERS = (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GAPS = (0.0, 0.001, 0.05, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class Instant:
    """When, and by what, a command is interrupted; twice, with so many seconds between."""

    number: signal.Signals
    after: float
    gap: float

    @classmethod
    def drawn(cls, seed: str, longest: float) -> "Instant":
        """The same instant for the same seed, within so many seconds."""
        draw = random.Random(seed)
        return cls(draw.choice(_NUMBERS), round(draw.uniform(0, longest), 3), draw.choice(_GAPS))

    def strike(self) -> Callable[["subprocess.Popen[bytes]"], None]:
        """What is done to the process."""

        def during(process: "subprocess.Popen[bytes]") -> None:
            # Before, the interpreter itself is still starting, and answers a signal in its own way.
            while process.poll() is None and not _answers(process.pid, signal.SIGTERM):
                time.sleep(0.001)
            try:
                process.wait(self.after)
            except subprocess.TimeoutExpired:
                for _ in range(2):
                    process.send_signal(self.number)
                    time.sleep(self.gap)

        return during


def _answers(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal, as Linux tells."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> (number - 1) & 1)
