"""Assertions of `unittest.TestCase` are checks."""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable

# unittest and pytest leave frames of modules with this name out of tracebacks.
__unittest = True

_CONTEXTS = ("_AssertRaisesContext", "_AssertWarnsContext", "_AssertLogsContext")


def watch(module: Any, check: Callable[[], None]) -> None:
    """Count the assertions of `unittest.case`, each once, however many others it is made of."""
    own = module.__dict__
    for name, method in list(vars(module.TestCase).items()):
        if name.startswith("assert") and callable(method) and not _makes_context(name):
            setattr(module.TestCase, name, _counting(method, check, own))
    watch_contexts(module, check)


def watch_contexts(module: Any, check: Callable[[], None]) -> None:
    """Count the assertions of `unittest.case`, each once, whatever others it is made of."""
    for name in _CONTEXTS:
        context = vars(module).get(name)
        if context is not None and context.__module__ == module.__name__:
            _wrap_context(context, check)


def _makes_context(name: str) -> bool:
    # assertRaises(E) checks nothing until its `with` block ends; with a callable it enters the same
    # block.
    return name.startswith(("assertRaises", "assertWarns", "assertLogs", "assertNoLogs"))


def _counting(method: Any, check: Callable[[], None], own: Any) -> Any:
    @functools.wraps(method)
    def assertion(self: Any, *args: Any, **kwargs: Any) -> Any:
        if sys._getframe(1).f_globals is own:
            return method(self, *args, **kwargs)
        try:
            result = method(self, *args, **kwargs)
        except self.failureException:
            check()
            raise
        check()
        return result

    return assertion


def _wrap_context(context: Any, check: Callable[[], None]) -> None:
    leave = context.__exit__
    expects_exception = context.__name__ == "_AssertRaisesContext"

    @functools.wraps(leave)
    def counting(self: Any, exc_type: Any, exc_value: Any, tb: Any) -> Any:
        result = leave(self, exc_type, exc_value, tb)
        if result is True if expects_exception else exc_type is None:
            check()
        return result

    context.__exit__ = counting
