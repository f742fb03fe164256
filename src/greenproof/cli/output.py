"""Results on stdout and errors on stderr: printable, and coloured only where that is wanted."""

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import TextIO

import click

from greenproof.model.errors import GreenproofError
from greenproof.model.exits import ExitCode
from greenproof.model.text import printable

_DULL = frozenset({"", "dumb", "unknown"})
"""Terminals that can only write on."""

# Beginning of a line -> how it is shown. The words carry the meaning; the colour only helps to find them.
_STYLES: tuple[tuple[str, dict[str, object]], ...] = (
    ("error:", {"fg": "red", "bold": True}),
    ("hint:", {"fg": "cyan"}),
    ("verified:", {"bold": True}),
    ("verdict: verified", {"fg": "green", "bold": True}),
    ("verdict:", {"fg": "red", "bold": True}),
    ("finding:", {"fg": "yellow"}),
)


def show(lines: Iterable[str]) -> None:
    """A result on stdout."""
    paint = coloured(sys.stdout)
    for line in lines:
        click.echo(_painted(line) if paint else line, color=paint)


def tell(error: GreenproofError) -> ExitCode:
    """An error on stderr; its exit code."""
    return tell_lines(error.lines(), error.exit_code)


def tell_lines(lines: Iterable[str], code: ExitCode) -> ExitCode:
    """The lines of an error, in which may be text from outside, on stderr; `code` again."""
    # Whoever does not listen any more can't be told.
    with contextlib.suppress(OSError):
        paint = coloured(sys.stderr)
        for line in lines:
            for part in line.splitlines() or [""]:
                text = printable(part)
                click.echo(_painted(text) if paint else text, err=True, color=paint)
    return code


def be_writable() -> None:
    """Let a stream that knows few characters show the others as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def coloured(stream: TextIO) -> bool:
    """Whether what goes to this stream may be coloured. `NO_COLOR` counts more than `FORCE_COLOR`."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or animated(stream)


def animated(stream: TextIO) -> bool:
    """Whether this stream is a terminal that can draw a line again."""
    with contextlib.suppress(ValueError, OSError):
        return stream.isatty() and os.environ.get("TERM", "") not in _DULL
    return False


def _painted(line: str) -> str:
    for start, style in _STYLES:
        if line.startswith(start):
            head = line if start.startswith("verdict") else start
            return click.style(head, **style) + line[len(head) :]  # type: ignore[arg-type]
    return line
