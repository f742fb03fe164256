"""Who raised an exception, and what it says: without a word of pytest."""

from __future__ import annotations

import linecache
import re
from typing import Callable

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


def text_of(exception: BaseException) -> str:
    """Its text, whatever the suite's own class does."""
    try:
        return str(exception)
    except Exception:
        # The suite's own __str__.
        return "<its text cannot be read>"
