"""What is said on stderr while a command works. stdout holds the result alone.

On a terminal there is one live line with counts; elsewhere plain lines without a control character. `-q` to `-vv`
choose how much is said, `NO_COLOR` and `FORCE_COLOR` whether it is coloured.
"""

import contextlib
import functools
import sys
import threading
from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from types import TracebackType
from typing import Any, Protocol, Self

import click

from greenproof.cli.output import animated, coloured
from greenproof.model.errors import UsageError
from greenproof.model.facts import CaseRecord, Outcome
from greenproof.model.text import printable

_REDS_SHOWN = 50
_GREEN = frozenset({Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED})


class Level(IntEnum):
    """How much is said."""

    QUIET = -1
    """Nothing but the result, and errors."""
    NORMAL = 0
    """Steps, counts, and each red case."""
    VERBOSE = 1
    """Every case with its duration, and the ids of evidence as it is kept."""
    OUTPUT = 2
    """What the tests print, too, and what relay and plugin do."""


class Meter(Protocol):
    """The live line of a terminal."""

    def show(self, what: str, total: int | None, done: int, told: str) -> None:
        """Draw the line, or draw it again."""

    def above(self, text: str) -> None:
        """Write a line that stays, above the live one."""

    def clear(self) -> None:
        """Take the line away."""


class Talk:
    """Says what happens, from any thread. A context manager: the live line never outlives the command."""

    def __init__(self, level: Level = Level.NORMAL, meter: Meter | None = None) -> None:
        self.level = level
        self._meter = meter
        self._lock = threading.RLock()
        self._what = ""
        self._total: int | None = None
        self._fault = False
        self._counts: Counter[str] = Counter()
        self._reds = 0

    @classmethod
    def open(cls, level: Level) -> Self:
        """As this process' stderr allows."""
        meter = None
        if level is not Level.QUIET and animated(sys.stderr):
            # Imported late: nothing but a terminal needs rich.
            from greenproof.cli.terminal import TerminalMeter

            meter = TerminalMeter(colour=coloured(sys.stderr))
        return cls(level, meter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self.rest()

    def say(self, text: str, level: Level = Level.NORMAL) -> None:
        """A line, if so much is wanted. Text from outside may be in it."""
        if self.level < level or self.level is Level.QUIET:
            return
        line = printable(text)
        with self._lock, contextlib.suppress(OSError):
            # A reader of the talk who has gone is no reason to stop the work.
            if self._meter:
                self._meter.above(line)
            else:
                click.echo(line, err=True)

    def verbose(self, text: str) -> None:
        """A line for `-v`."""
        self.say(text, Level.VERBOSE)

    def detail(self, text: str) -> None:
        """A line for `-vv`."""
        self.say(text, Level.OUTPUT)

    def output(self, line: str) -> None:
        """A line that the tests printed."""
        self.say(f"| {line}", Level.OUTPUT)

    def doing(self, what: str, total: int | None = None, *, fault: bool = False) -> None:
        """What is done from now on, and how many cases it has if that is known. `fault`: reds are wanted."""
        with self._lock:
            self._told()
            self._what, self._total, self._fault = what, total, fault
            self._counts.clear()
            self._reds = 0
            self._draw()

    def rest(self) -> None:
        """Nothing is done any more: tell the counts, take the live line away."""
        with self._lock:
            self._told()
            self._what = ""
            if self._meter:
                self._meter.clear()

    def case(self, record: CaseRecord) -> None:
        """A case finished."""
        with self._lock:
            self._counts[record.outcome.value] += 1
            number = self._counts.total()
            if self.level >= Level.VERBOSE:
                self.say(f"  {number:4} {self._word(record.outcome):10} {_took(record)}  {record.id}")
            elif not self._fault and record.outcome not in _GREEN:
                self._red(record)
            self._draw()
            if not self._meter and self.level is Level.NORMAL and _round(number) and number != self._total:
                self.say(self._sum(" so far"))

    def _word(self, outcome: Outcome) -> str:
        # Under a fault a red is what is hoped for: it must not be read as a failure of the system.
        return {Outcome.PASSED: "green", Outcome.FAILED: "red"}.get(outcome, outcome.value) if self._fault else outcome

    def _red(self, record: CaseRecord) -> None:
        self._reds += 1
        if self._reds <= _REDS_SHOWN:
            self.say(f"  {record.outcome.value:10} {record.id}")
        elif self._reds == _REDS_SHOWN + 1:
            self.say("  further reds are only counted (-v shows them)")

    def _told(self) -> None:
        if self._counts:
            self.say(self._sum())
            self._counts.clear()

    def _sum(self, so_far: str = "") -> str:
        number = self._counts.total()
        of = f" of {self._total}" if self._total else ""
        return f"{self._what}: {number}{of} case{'' if number == 1 and not of else 's'}{so_far}, {self._parts()}"

    def _parts(self) -> str:
        if self._fault and self._counts:
            green = self._counts[Outcome.PASSED.value]
            return f"{self._counts.total() - green} turned red, {green} stayed green"
        order = [outcome.value for outcome in Outcome]
        return ", ".join(f"{self._counts[name]} {name}" for name in order if self._counts[name])

    def _draw(self) -> None:
        if self._meter and self._what:
            with contextlib.suppress(OSError):
                self._meter.show(printable(self._what), self._total, self._counts.total(), self._parts())


def _took(record: CaseRecord) -> str:
    """Seconds from the begin of its set-up to its end, 9 columns wide."""
    if record.setup_start_ns is None or record.end_ns is None:
        return " " * 9
    return f"{(record.end_ns - record.setup_start_ns) / 1e9:7.2f} s"


def _round(number: int) -> bool:
    """10, 20, 50, 100, 200 ...: so that ten thousand cases are told in a dozen lines."""
    digits = str(number)
    return number >= 10 and digits[0] in "125" and not digits[1:].strip("0")


def talk_options[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Give a command `-q` and `-v`, and with them its `talk`."""

    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but the result.")
    @click.option(
        "-v", "--verbose", "verbose", count=True, help="Say more: -v each case and piece of evidence, -vv all output."
    )
    @functools.wraps(command)
    def told(*arguments: Any, quiet: bool, verbose: int, **options: Any) -> R:
        if quiet and verbose:
            raise UsageError(
                "-q and -v exclude each other",
                code="option-conflict",
                where="-q, -v",
                expected="one of them",
                hint="-q for scripts; -v or -vv to see more",
            )
        level = Level.QUIET if quiet else Level(min(verbose, int(Level.OUTPUT)))
        with Talk.open(level) as talk:
            return command(*arguments, **options, talk=talk)  # type: ignore[arg-type]

    return told  # type: ignore[return-value]
