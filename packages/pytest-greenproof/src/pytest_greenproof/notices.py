"""One line on the real standard error, whatever pytest captures."""

from __future__ import annotations

import os
import sys
from typing import Callable, Optional


def keep_stderr() -> Callable[[str], None]:
    """A function that writes a line to what is standard error now, before pytest redirects it."""
    try:
        kept: Optional[int] = os.dup(2)
    except OSError:
        kept = None

    def notice(text: str) -> None:
        line = (text + "\n").encode("utf-8", "backslashreplace")
        try:
            if kept is not None:
                os.write(kept, line)
            elif sys.__stderr__ is not None:
                sys.__stderr__.write(text + "\n")
        except OSError:
            pass

    return notice
