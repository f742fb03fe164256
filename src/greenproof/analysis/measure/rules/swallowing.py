"""Failures that are swallowed, and were not before."""

import ast
from collections.abc import Iterator

from greenproof.analysis.measure.checks import fails
from greenproof.analysis.measure.kinds import weakened
from greenproof.analysis.measure.reaching import Comparison, Trait
from greenproof.analysis.measure.shapes import last, shown
from greenproof.analysis.measure.suite import Function, Suite
from greenproof.analysis.measure.telling import always, told
from greenproof.model.measure import MeasureFinding

SWALLOWED = weakened(
    "except-added",
    "A failure is caught and not raised again.",
    "try: check(answer) except AssertionError: pass",
    "Let the failure fail the test.",
)
KINDS = (SWALLOWED,)


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """New handlers that give up nothing, and exceptions that old ones catch as well."""
    yield from told(comparison, _swallows, always(SWALLOWED))


def _swallows(function: Function, suite: Suite) -> Iterator[Trait]:
    for part in function.body:
        for node in ast.walk(part):
            if isinstance(node, ast.ExceptHandler) and not _gives_up(node.body):
                yield from (
                    Trait(kind, function.path, getattr(node, "lineno", 0), _said(node), function.id)
                    for kind in _kinds(node.type)
                )
            elif isinstance(node, ast.With | ast.AsyncWith):
                for item in node.items:
                    call = item.context_expr
                    if isinstance(call, ast.Call) and last(call.func) == "suppress":
                        for kind in call.args:
                            yield Trait(last(kind), function.path, node.lineno, shown(call), function.id)
            elif isinstance(node, ast.keyword) and node.arg == "return_exceptions" and _true(node.value):
                text = "return_exceptions=True"
                yield Trait(text, function.path, getattr(node.value, "lineno", 0), text, function.id)


def _true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _kinds(node: ast.expr | None) -> list[str]:
    if node is None:
        return ["everything"]
    return [last(one) for one in (node.elts if isinstance(node, ast.Tuple) else [node])]


def _gives_up(body: list[ast.stmt]) -> bool:
    """Whether the handler fails the test in its own way. A check counts: it is one of the new checks then."""
    return any(
        isinstance(node, ast.Raise | ast.Assert) or (isinstance(node, ast.stmt) and fails(node))
        for one in body
        for node in ast.walk(one)
    )


def _said(node: ast.ExceptHandler) -> str:
    kind = shown(node.type) if node.type is not None else ""
    first = shown(node.body[0]) if node.body else ""
    return f"except {kind}: {first}".replace("except :", "except:")
