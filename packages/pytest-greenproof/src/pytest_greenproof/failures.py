"""What an exception says about a case, seen where it was raised and not where it was reported."""

from __future__ import annotations

import re
import sys
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import pytest
from _pytest.skipping import xfailed_key

from pytest_greenproof.blame import is_deliberate, place_of, text_of
from pytest_greenproof.texts import head

_Failed: Any = pytest.fail.Exception
_Skipped: Any = pytest.skip.Exception
_XFailed: Any = pytest.xfail.Exception

# pytest-timeout calls pytest.fail; a time-out is no check.
_TIME_OUT = re.compile(r"Timeout \(?>")


def is_check(exception: BaseException) -> bool:
    """Whether a check did not hold: an assertion, `pytest.fail`, or a group that holds one."""
    leaves = getattr(exception, "exceptions", None)
    if isinstance(leaves, (tuple, list)):
        return any(is_check(leaf) for leaf in leaves if isinstance(leaf, BaseException))
    if isinstance(exception, _Failed):
        return not _TIME_OUT.match(text_of(exception))
    return isinstance(exception, AssertionError)


def describe(
    exception: BaseException,
    phase: str,
    test_case: Any = None,
    own: Callable[[str], bool] = lambda path: False,
    function: Tuple[str, str] = ("", ""),
) -> Dict[str, Any]:
    """The failure as it goes over the wire; `test_case` may have its own `failureException`.

    `function` is the file and the name of the test function.
    """
    kind = getattr(test_case, "failureException", AssertionError)
    check = is_check(exception) or (isinstance(kind, type) and isinstance(exception, kind))
    check = check or (phase == "call" and is_deliberate(exception, own))
    return {
        "phase": phase,
        "kind": "check" if check else "error",
        "type": type(exception).__name__,
        "text": head(text_of(exception)),
        **(place_of(exception, *function, own) if phase == "call" else {}),
    }


def outcome(exception: Optional[BaseException], phase: str, item: pytest.Item) -> str:
    """`passed`, `failed`, `skipped`, `xfailed` or `xpassed`, by pytest's rules for exceptions."""
    if exception is not None:
        if isinstance(exception, _XFailed) and not item.config.option.runxfail:
            return "xfailed"
        if _is_skip(exception):
            return "skipped"
    mark = None if item.config.option.runxfail else item.stash.get(xfailed_key, None)
    if exception is None:
        return "xpassed" if mark is not None and phase == "call" else "passed"
    return "xfailed" if mark is not None and _expected(mark.raises, exception) else "failed"


def combine(outcomes: Mapping[str, str]) -> str:
    """The outcome of a case from those of its phases."""
    setup = outcomes.get("setup", "passed")
    if setup != "passed":
        return "error" if setup == "failed" else setup
    call = outcomes.get("call", "passed")
    if call != "failed" and outcomes.get("teardown") == "failed":
        return "error"
    return call


def skip_reason(exception: Optional[BaseException], item: pytest.Item) -> Optional[str]:
    """Why it was skipped or expected to fail."""
    if exception is None:
        return None
    if isinstance(exception, _XFailed) or _is_skip(exception):
        return head(text_of(exception))
    mark = item.stash.get(xfailed_key, None)
    return None if mark is None else head(str(mark.reason))


def _is_skip(exception: BaseException) -> bool:
    unittest = sys.modules.get("unittest")
    return isinstance(exception, _Skipped) or (unittest is not None and isinstance(exception, unittest.SkipTest))


def _expected(raises: Any, exception: BaseException) -> bool:
    if raises is None:
        return True
    if isinstance(raises, (type, tuple)):
        return isinstance(exception, _flat(raises))
    matches = getattr(raises, "matches", None)
    return bool(matches is not None and matches(exception))


def _flat(raises: Any) -> Tuple[Any, ...]:
    return raises if isinstance(raises, tuple) else (raises,)
