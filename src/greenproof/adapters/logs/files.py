"""Log files: the last lines, and the new ones as they come, also across a rotation."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK = 64 * 1024


_SHOWN = 500
"""Characters of a line that are quoted in a message."""


def quoted(path: Path, lines: int = 20) -> tuple[str, ...]:
    """The last lines of a log as a message quotes them: each cut, so that one endless line can't fill the screen."""
    return tuple(line if len(line) <= _SHOWN else f"{line[:_SHOWN]} ..." for line in tail(path, lines))


def tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file, without line ends; of its rotated part too if need be."""
    older = path.with_name(path.name + ".1")
    found = _tail_of(path, lines)
    if len(found) < lines and older.exists():
        found = _tail_of(older, lines - len(found)) + found
    return found


def follow(path: Path, *, stop: Callable[[], bool] = lambda: False, interval: float = 0.2) -> Iterator[str]:
    """Each line that is added from now on, until `stop` says so; waits for a file to appear.

    Polls every `interval` seconds: files offer no portable event.
    """
    file = _open_at_end(path)
    rest = b""
    try:
        while True:
            stopping = stop()
            if file is None:
                file = _open_at_start(path)
            if file is not None:
                rest += file.read()
                *whole, rest = rest.split(b"\n")
                yield from (line.decode("utf-8", "replace").removesuffix("\r") for line in whole)
                if _was_replaced(file, path):
                    file.close()
                    file = None
                    continue
            if stopping:
                return
            time.sleep(interval)
    finally:
        if file is not None:
            file.close()


def _tail_of(path: Path, lines: int) -> list[str]:
    if lines <= 0:
        return []
    try:
        with path.open("rb") as file:
            at = file.seek(0, os.SEEK_END)
            data = b""
            while at > 0 and data.count(b"\n") <= lines:
                size = min(_BLOCK, at)
                at = file.seek(at - size)
                data = file.read(size) + data
    except FileNotFoundError:
        return []
    found = data.removesuffix(b"\n").split(b"\n") if data else []
    kept = found[-lines:]
    return [line.decode("utf-8", "replace").removesuffix("\r") for line in kept]


def _open_at_end(path: Path) -> BinaryIO | None:
    file = _open_at_start(path)
    if file is not None:
        file.seek(0, os.SEEK_END)
    return file


def _open_at_start(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None


def _was_replaced(file: BinaryIO, path: Path) -> bool:
    try:
        here, there = os.fstat(file.fileno()), path.stat()
    except FileNotFoundError:
        return True
    return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino)
