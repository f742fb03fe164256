"""Output of processes: through a pipe, redacted line by line, into a file of bounded size."""

import asyncio
import contextlib
import os
import time
from pathlib import Path

from greenproof.adapters.platforms.local.layout import writing
from greenproof.adapters.platforms.local.redaction import Redactor

LARGEST = 20 * 1024 * 1024
"""Bytes after which a log file is moved to `NAME.1`; one older file is kept."""
LONGEST_LINE = 64 * 1024
BURST = 4 * 1024 * 1024
"""Bytes that a process may write at once; what is beyond is read, so that it is not held up, but not kept."""
STEADY = 1024 * 1024
"""Bytes a second that it may write for ever. Redaction manages a few times that."""
LAST = 64 * 1024
"""Bytes of what is not kept that are kept all the same: the last ones, which tell how it ended."""
_CATCH_UP_S = 0.5


class LogFile:
    """A text file that never grows beyond twice its limit."""

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self.path = path
        self._largest = largest
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            self._size = path.stat().st_size

    def write(self, data: bytes) -> None:
        """Append; what a full disk refuses is lost, the service is not held up by it."""
        with contextlib.suppress(OSError, ValueError):
            if self._size + len(data) > self._largest:
                self._rotate()
            self._file.write(data)
            self._size += len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._file = self.path.open("ab", buffering=0)
        self._size = 0


class _Allowance:
    """How much may be written now: a burst, and then a steady stream."""

    def __init__(self) -> None:
        self._left, self._at = float(BURST), time.monotonic()

    def take(self, size: int) -> bool:
        """Whether so many bytes may be written; if so, they are counted."""
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._at) * STEADY)
        self._at = now
        if size > self._left:
            return False
        self._left -= size
        return True


class Capture:
    """Reads what a process writes. Give `writer` to the process, then call `begin`."""

    def __init__(self, log: LogFile, redact: Redactor) -> None:
        self._log, self._redact = log, redact
        self._allowance = _Allowance()
        self._skipped, self._last = 0, b""
        self._reader, self.writer = os.pipe()
        self._transport: asyncio.ReadTransport | None = None
        self._rest = b""
        self._ended = asyncio.get_running_loop().create_future()

    async def begin(self) -> None:
        """Read from now on; the writing end belongs to the process alone."""
        os.close(self.writer)
        pipe = os.fdopen(self._reader, "rb", buffering=0)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(lambda: _Lines(self), pipe)

    def abandon(self) -> None:
        """The process could not be started."""
        os.close(self.writer)
        os.close(self._reader)
        self._log.close()

    async def finish(self, timeout: float = 1.0) -> None:
        """Wait for the rest, though not for a stranger who inherited the pipe; then close."""
        await asyncio.wait([self._ended], timeout=timeout)
        if self._transport is not None:
            self._transport.close()
        self.flush()
        self._log.close()

    async def drained(self, timeout: float = 1.0) -> None:
        """Wait until everything that was written is in the file, at most `timeout` seconds."""
        await asyncio.wait([self._ended], timeout=timeout)

    def take(self, data: bytes) -> None:
        """Write whole lines; keep the beginning of the next. A flood is cut, and the cut is said."""
        if not self._allowance.take(len(data)):
            self._skip(data)
            return
        self._catch_up()
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if newline:
            self._put(whole + newline)
        if len(self._rest) > LONGEST_LINE:
            self.flush()

    def _skip(self, data: bytes) -> None:
        if not self._skipped:
            self.flush()
            # If nothing more comes, the last lines must not wait for the end of the process.
            asyncio.get_running_loop().call_later(_CATCH_UP_S, self._catch_up)
        self._skipped += len(data)
        self._last = (self._last + data)[-LAST:]

    def _catch_up(self) -> None:
        """Say what was skipped, and write its last whole lines."""
        if not self._skipped:
            return
        _, _, last = self._last.partition(b"\n")
        skipped, self._skipped, self._last = self._skipped - len(last), 0, b""
        whole, newline, self._rest = last.rpartition(b"\n")
        note = f"[greenproof: {skipped:,} bytes are not kept, they came too fast]\n"
        self._put(note.encode() + whole + newline)

    def flush(self) -> None:
        """Write what has no end of line yet."""
        self._catch_up()
        rest, self._rest = self._rest, b""
        if rest:
            self._put(rest + b"\n")

    def ended(self) -> None:
        """All who could write are gone."""
        self.flush()
        if not self._ended.done():
            self._ended.set_result(None)

    def _put(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        self._log.write(self._redact(text).encode("utf-8", "replace"))


class _Lines(asyncio.Protocol):
    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def data_received(self, data: bytes) -> None:
        self._capture.take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._capture.ended()
