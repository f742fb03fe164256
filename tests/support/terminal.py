"""A real terminal for a command, of a width of our choice, and what it was sent."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CONTROL = re.compile(r"\x1b\[[0-9;?]*([A-Za-z])")


@dataclass(frozen=True)
class Shown:
    """What a command wrote: `screen` to the terminal that is its stderr, `out` to the pipe that is its stdout."""

    code: int
    screen: str
    out: str

    @property
    def colours(self) -> list[str]:
        """The sequences that set a colour. Bold and dim are none."""
        return re.findall(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[0-9;]*m", self.screen)

    @property
    def lines(self) -> list[str]:
        """Every line as it was drawn, without control sequences."""
        return [CONTROL.sub("", part) for part in re.split(r"[\r\n]+", self.screen)]


def on_terminal(
    command: Sequence[str],
    *,
    columns: int = 80,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    interrupt_at: str | None = None,
    timeout: float = 60,
) -> Shown:
    """Run a command whose stderr is a terminal; at the text `interrupt_at` it gets what Ctrl-C sends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}}
    variables |= {"TERM": "xterm-256color", **(environment or {})}
    with subprocess.Popen(
        command, stdin=slave, stdout=subprocess.PIPE, stderr=slave, env=variables, cwd=cwd, start_new_session=True
    ) as process:
        os.close(slave)
        guard = threading.Timer(timeout, process.kill)
        guard.start()
        out: list[bytes] = []
        reader = threading.Thread(target=lambda: out.append(process.stdout.read() if process.stdout else b""))
        reader.start()
        screen = b""
        try:
            # The end of the terminal is told as an error of input and output.
            with contextlib.suppress(OSError):
                while chunk := os.read(master, 65536):
                    screen += chunk
                    if interrupt_at and interrupt_at.encode() in screen:
                        os.kill(process.pid, signal.SIGINT)
                        interrupt_at = None
            code = process.wait()
        finally:
            guard.cancel()
            reader.join()
            os.close(master)
    return Shown(code, screen.decode("utf-8", "replace"), out[0].decode("utf-8", "replace"))
