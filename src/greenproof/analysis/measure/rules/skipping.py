"""Tests that may be skipped, or are expected to fail, and were not before."""

import ast
from collections.abc import Iterator, Sequence

from greenproof.analysis.measure.kinds import weakened
from greenproof.analysis.measure.reaching import Comparison, Trait
from greenproof.analysis.measure.shapes import dotted, last, shown
from greenproof.analysis.measure.suite import Function, Suite
from greenproof.analysis.measure.telling import always, told
from greenproof.model.measure import MeasureFinding

SKIP = weakened(
    "skip-added",
    "A test may be skipped, or is expected to fail, and was not before.",
    "pytest.importorskip, a skip or xfail on the test, its class, its module or a fixture",
    "Remove it and mend the cause; what can't run is not green.",
)
RETURN = weakened(
    "early-return-added",
    "A test may end before its checks.",
    "if answer.status_code == 503: return",
    "Let the test fail there.",
)
KINDS = (SKIP, RETURN)

_SKIPS = frozenset({
    "skip", "skipif", "skipIf", "skipUnless", "xfail", "importorskip", "skipTest", "SkipTest", "expectedFailure",
    "exit", "deselect",
})  # fmt: skip
_OWNERS = ("pytest", "mark", "unittest", "self")


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """New skips and new ways out."""
    yield from told(comparison, _skips, always(SKIP))
    yield from told(comparison, _returns, always(RETURN))


def _skips(function: Function, suite: Suite) -> Iterator[Trait]:
    for part in (*function.decorators, *function.body):
        for node in ast.walk(part):
            if isinstance(node, ast.Attribute | ast.Name) and last(node) in _SKIPS and _is_pytest(node):
                text = shown(_around(part, node))
                yield Trait(last(node), function.path, getattr(node, "lineno", 0), text, function.id)


def _is_pytest(node: ast.expr) -> bool:
    owner = dotted(node.value).rpartition(".")[2] if isinstance(node, ast.Attribute) else ""
    return owner in _OWNERS or (isinstance(node, ast.Name) and node.id not in ("exit", "deselect"))


def _around(part: ast.AST, node: ast.expr) -> ast.AST:
    """The call that a name belongs to, with its condition and reason."""
    for outer in ast.walk(part):
        if isinstance(outer, ast.Call) and outer.func is node:
            return outer
    return node


def _returns(function: Function, suite: Suite) -> Iterator[Trait]:
    """Only in a test itself, and only before its end."""
    if not function.test:
        return
    yield from _conditional(function, function.body)


def _skips_checks(leaving: ast.stmt, body: Sequence[ast.AST]) -> bool:
    """Whether checks come later in the loop that it leaves or goes on with."""
    loops = (n for part in body for n in ast.walk(part) if isinstance(n, ast.For | ast.AsyncFor | ast.While))
    holding = [n for n in loops if any(inner is leaving for inner in ast.walk(n))]
    if not holding:
        return False
    inner = min(holding, key=lambda n: sum(1 for _ in ast.walk(n)))
    return any(isinstance(n, ast.Assert) and n.lineno > leaving.lineno for n in ast.walk(inner))


def _conditional(function: Function, body: object) -> Iterator[Trait]:
    for node in body if isinstance(body, list) else []:
        for name in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                break
            inner = getattr(node, name, None)
            if not isinstance(inner, list):
                continue
            for one in inner:
                if isinstance(one, ast.Continue | ast.Break) and _skips_checks(one, function.body):
                    word = type(one).__name__.lower()
                    said = f"{shown(node.test)}: {word}" if isinstance(node, ast.If) else word
                    yield Trait(word, function.path, getattr(one, "lineno", 0), said, function.id)
                if isinstance(one, ast.Return):
                    said = f"{shown(node.test)}: return" if isinstance(node, ast.If) else "return"
                    yield Trait("return", function.path, getattr(one, "lineno", 0), said, function.id)
            yield from _conditional(function, inner)
