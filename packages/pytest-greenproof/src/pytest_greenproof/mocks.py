"""How often objects of `unittest.mock` (or its backport) were called."""

from __future__ import annotations

import functools
from typing import Any

MODULES = ("unittest.mock", "mock.mock")


class Mocks:
    """Counts calls."""

    def __init__(self) -> None:
        self.calls = 0

    def watch(self, module: Any) -> None:
        """Count the calls of this module's mocks."""
        callable_mixin = getattr(module, "CallableMixin", None)
        count_call = getattr(callable_mixin, "_increment_mock_call", None)
        if callable_mixin is None or count_call is None:
            return

        @functools.wraps(count_call)
        def counting(mock: Any, /, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return count_call(mock, *args, **kwargs)

        callable_mixin._increment_mock_call = counting
