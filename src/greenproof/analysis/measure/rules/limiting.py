"""Time limits that are gone: what had to answer in time may take for ever now."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from greenproof.analysis.measure.kinds import weakened
from greenproof.analysis.measure.reaching import Comparison
from greenproof.analysis.measure.shapes import dotted, last, shown
from greenproof.analysis.measure.suite import Function, Suite
from greenproof.model.measure import MeasureFinding, Place

REMOVED = weakened(
    "timeout-removed",
    "A time limit is gone.",
    "client.get('/orders', timeout=5) became client.get('/orders')",
    "Keep the limit, and find out why it is not met.",
)
KINDS = (REMOVED,)

_WORDS = ("timeout", "deadline", "max_wait")
_AROUND = frozenset({
    "timeout", "wait_for", "settimeout", "setdefaulttimeout", "set_default_timeout", "fail_after", "move_on_after",
    "set_default_navigation_timeout",
})  # fmt: skip
"""Calls that set a limit for what else is called."""


@dataclass
class _Limits:
    """The calls that a test makes, by the name of what is called."""

    limited: dict[str, list[tuple[Function, ast.Call]]] = field(default_factory=dict)
    free: dict[str, list[tuple[Function, ast.Call]]] = field(default_factory=dict)

    def count(self) -> Counter[str]:
        return Counter({name: len(calls) for name, calls in self.limited.items()})


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Each limit once that some test has lost."""
    told: dict[tuple[str, int, str], tuple[MeasureFinding, int]] = {}
    known: dict[int, _Limits] = {}
    for old, new in comparison.pairs():
        reached = comparison.old.of(old), comparison.new.of(new)
        past, present = _limits(reached[0], comparison.before, known), _limits(reached[1], comparison.after, known)
        gained = present.count() - past.count()
        if any(name in _AROUND or name[:1].isupper() or name in ("Session", "session") for name in gained):
            # Another limit around the calls, or of the client that makes them.
            continue
        for name, calls in past.limited.items():
            if len(calls) <= len(present.limited.get(name, ())):
                continue
            freed = len(present.free.get(name, ())) > len(past.free.get(name, ()))
            if not freed and (name not in _AROUND or gained):
                continue
            holder, call = calls[-1]
            after = present.free[name][-1] if freed else None
            place = Place(after[0].path, after[1].lineno) if after else Place(new.path, new.line)
            owner = after[0].id if after else new.id
            found = REMOVED.finding(owner, place, was=shown(call), now=shown(after[1]) if after else "gone")
            key = (holder.id, call.lineno, found.now)
            told[key] = (found, (told[key][1] if key in told else 0) + old.test)
    for found, count in told.values():
        yield REMOVED.finding(found.subject, found.place, was=found.was, now=found.now, tests=count)


def _limits(functions: tuple[Function, ...], suite: Suite, known: dict[int, _Limits]) -> _Limits:
    found = _Limits()
    for function in functions:
        if id(function) not in known:
            known[id(function)] = _own(function, suite)
        for side, calls in (("limited", known[id(function)].limited), ("free", known[id(function)].free)):
            for name, those in calls.items():
                getattr(found, side).setdefault(name, []).extend(those)
    return found


def _own(function: Function, suite: Suite) -> _Limits:
    found = _Limits()
    for part in (*function.decorators, *function.body):
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and (name := last(node.func)):
                side = found.limited if _is_limited(node, name, function, suite) else found.free
                side.setdefault(name, []).append((function, node))
    return found


def _is_limited(node: ast.Call, name: str, function: Function, suite: Suite) -> bool:
    if name in _AROUND:
        return bool(node.args or node.keywords)
    # What is handed on may hold a limit; so may an argument without a name.
    if any(keyword.arg is None for keyword in node.keywords) or (name == "urlopen" and len(node.args) > 2):
        return True
    given = any(any(word in (keyword.arg or "").lower() for word in _WORDS) for keyword in node.keywords)
    helpers = suite.called(name, function.path) if _may_mean(node, function, suite) else []
    return given or any(_has_default(one) for one in helpers)


def _may_mean(node: ast.Call, caller: Function, suite: Suite) -> bool:
    """`requests.get` is no function of the suite, though one may have the same name."""
    root = dotted(node.func).partition(".")[0]
    if isinstance(node.func, ast.Name) or root not in suite.imported(caller.path):
        return True
    return any(PurePosixPath(path).stem == root for path in suite.measure.modules)


def _has_default(function: Function) -> bool:
    """Whether a helper has a limit of its own, if nobody gives it one."""
    if function.node is None:
        return False
    arguments = function.node.args
    every = [*arguments.posonlyargs, *arguments.args]
    held = [a.arg for a in every[len(every) - len(arguments.defaults) :]] if arguments.defaults else []
    held += [a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    return any(word in name.lower() for name in held for word in _WORDS)
