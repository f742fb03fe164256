"""`pytest.raises` and `pytest.warns` that matched are checks."""

from __future__ import annotations

import functools
from typing import Any, Callable

import _pytest.recwarn
import pytest


def watch(check: Callable[[], None]) -> None:
    """Count them from now on."""
    # pytest 8.4 has `RaisesExc` and `RaisesGroup`, earlier ones one class that is not exported.
    modern = [getattr(pytest, name) for name in ("RaisesExc", "RaisesGroup") if hasattr(pytest, name)]
    for context in modern or [type(pytest.raises(KeyError))]:
        _wrap(context, check, lambda result, type_: result is True)
    if not modern:
        _wrap_calls(check)
    # A warnings context lets exceptions through, and fails if nothing matched.
    _wrap(_pytest.recwarn.WarningsChecker, check, lambda result, type_: type_ is None)


def _wrap_calls(check: Callable[[], None]) -> None:
    """Before pytest 8.4, `pytest.raises(E, function)` enters no context."""
    raises = pytest.raises

    @functools.wraps(raises)
    def counting(expected_exception: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result: Any = raises(expected_exception, *args, **kwargs)
        if args:
            check()
        return result

    vars(pytest)["raises"] = counting


def _wrap(context: Any, check: Callable[[], None], matched: Callable[[Any, Any], bool]) -> None:
    leave = context.__exit__

    @functools.wraps(leave)
    def counting(self: Any, exc_type: Any, exc_val: Any, exc_tb: Any) -> Any:
        __tracebackhide__ = True
        result = leave(self, exc_type, exc_val, exc_tb)
        if matched(result, exc_type):
            check()
        return result

    context.__exit__ = counting
