"""Where in its own function a test is: has it gone past some lines? Looked at in fault runs only."""

from __future__ import annotations

import dis
import sys
from types import CodeType, FrameType
from typing import Any, Callable, List, Optional, Set, Tuple

import pytest

Ranges = List[Tuple[int, int]]
"""First and last line of each statement."""

_TOOLS = (4, 3)
"""Of `sys.monitoring`: those that it keeps for nobody."""


def function_of(item: pytest.Item) -> Tuple[str, str]:
    """The file of a test, as its code names it, and the name of its function."""
    return str(item.path), getattr(item, "originalname", None) or item.name.partition("[")[0]


def read_ranges(told: Any) -> Ranges:
    """What the witness told; empty for what is none."""
    if not isinstance(told, list):
        return []
    pairs = [tuple(pair) for pair in told if isinstance(pair, list) and len(pair) == 2]
    return [(low, high) for low, high in pairs if isinstance(low, int) and isinstance(high, int)]


class Steps:
    """Tells when the running test leaves the lines of some statements, and when it is back."""

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell
        self._file = ""
        self._ranges: Ranges = []
        self._entered = False
        self._past = False
        self._watch: Optional[Any] = None

    def watch(self, item: pytest.Item, told: Any) -> None:
        """Look at the lines of this test from now on, if there are any to look at."""
        self._ranges = read_ranges(told)
        if not self._ranges:
            return
        self._file, self._entered, self._past = function_of(item)[0], False, False
        kind = _Monitored if hasattr(sys, "monitoring") else _Traced
        watch = kind(self._concerns, self._at)
        if watch.start():
            self._watch = watch

    def leave(self) -> None:
        """The test is over."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _concerns(self, code: CodeType) -> bool:
        """Whether the first of the statements is one of this code's own."""
        if code.co_filename != self._file:
            return False
        low, high = self._ranges[0]
        return any(low <= (line or 0) <= high for _, line in dis.findlinestarts(code))

    def _at(self, line: int) -> None:
        inside = any(low <= line <= high for low, high in self._ranges)
        low, high = self._ranges[0]
        self._entered = self._entered or low <= line <= high
        past = self._entered and not inside
        if past is not self._past:
            self._past = past
            self._tell(past)


class _Monitored:
    """With `sys.monitoring` (Python 3.12): debuggers and coverage are left alone."""

    def __init__(self, concerns: Callable[[CodeType], bool], at: Callable[[int], None]) -> None:
        self._concerns = concerns
        self._at = at
        self._tool = -1
        self._codes: Set[CodeType] = set()

    def start(self) -> bool:
        """False: other tools hold all places."""
        monitoring: Any = vars(sys)["monitoring"]
        free = [tool for tool in _TOOLS if monitoring.get_tool(tool) is None]
        if not free:
            return False
        self._tool, events = free[0], monitoring.events
        monitoring.use_tool_id(self._tool, "greenproof")
        monitoring.register_callback(self._tool, events.PY_START, self._started)
        monitoring.register_callback(self._tool, events.LINE, self._line)
        monitoring.set_events(self._tool, events.PY_START)
        monitoring.restart_events()
        return True

    def stop(self) -> None:
        """Leave no event behind."""
        monitoring: Any = vars(sys)["monitoring"]
        for code in self._codes:
            monitoring.set_local_events(self._tool, code, 0)
        monitoring.set_events(self._tool, 0)
        for event in (monitoring.events.PY_START, monitoring.events.LINE):
            monitoring.register_callback(self._tool, event, None)
        monitoring.free_tool_id(self._tool)

    def _started(self, code: CodeType, offset: int) -> Any:
        monitoring: Any = vars(sys)["monitoring"]
        if code not in self._codes and self._concerns(code):
            self._codes.add(code)
            monitoring.set_local_events(self._tool, code, monitoring.events.LINE)
        return monitoring.DISABLE

    def _line(self, code: CodeType, line: int) -> None:
        self._at(line)


class _Traced:
    """With `sys.settrace`, unless somebody uses it already."""

    def __init__(self, concerns: Callable[[CodeType], bool], at: Callable[[int], None]) -> None:
        self._concerns = concerns
        self._at = at

    def start(self) -> bool:
        """False: a debugger or coverage is there."""
        if sys.gettrace() is not None:
            return False
        sys.settrace(self._called)
        return True

    def stop(self) -> None:
        """No trace of ours is left behind."""
        if sys.gettrace() == self._called:
            sys.settrace(None)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._lines if self._concerns(frame.f_code) else None

    def _lines(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._at(frame.f_lineno)
        return self._lines
