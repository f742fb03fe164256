"""Who raised an exception, and what it says: without a word of pytest."""

from __future__ import annotations

import linecache
import re
from types import CodeType, FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

# A bare `raise` only hands on what something else raised.
_RAISE = re.compile(r"(?:^|[:;])\s*raise\s+[^\s#]")


def is_deliberate(exception: BaseException, own: Callable[[str], bool]) -> bool:
    """Whether a `raise` statement of the suite's own files made it: `if wrong: raise ValueError(...)`.

    What an expression or a library raised is incidental, however well it fits. `own` tells the suite's files.
    """
    trace = exception.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    path = trace.tb_frame.f_code.co_filename
    return own(path) and _RAISE.search(linecache.getline(path, trace.tb_lineno)) is not None


def place_of(exception: BaseException, path: str, name: str, own: Callable[[str], bool]) -> Dict[str, Any]:
    """Where in the test function it was raised: `line`, and `helper`, the function of the suite that
    was called there.

    Empty for one that did not come through a function of this name in this file. Functions within
    it are its own.
    """
    inside: Set[CodeType] = set()
    line: Optional[int] = None
    helper: Optional[str] = None
    for frame, number in _frames(exception):
        code = frame.f_code
        if not inside and code.co_name == name and code.co_filename == path:
            inside.update(_nested(code))
        if code in inside:
            line, helper = number, None
        elif line is not None and helper is None and own(code.co_filename):
            helper = code.co_name
    return {} if line is None else {"line": line, "helper": helper}


def _frames(exception: BaseException) -> Iterator[Tuple[FrameType, int]]:
    """From the outermost to where it was raised; of a group, on to its first exception."""
    seen: List[BaseException] = []
    while not any(known is exception for known in seen):
        seen.append(exception)
        trace = exception.__traceback__
        while trace is not None:
            yield trace.tb_frame, trace.tb_lineno
            trace = trace.tb_next
        leaves = getattr(exception, "exceptions", None)
        if isinstance(leaves, (tuple, list)) and leaves and isinstance(leaves[0], BaseException):
            exception = leaves[0]


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def text_of(exception: BaseException) -> str:
    """Its text, whatever the suite's own class does."""
    try:
        return str(exception)
    except Exception:
        # The suite's own __str__.
        return "<its text cannot be read>"
