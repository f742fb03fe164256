"""Counting asserts: each tells the counter once its expression was evaluated, held or not.
not.

Before the expression would be too early: `assert client.get(url).ok` fetches the answer that it
checks. An expression that raises is no check."""

from __future__ import annotations

import ast
from typing import Any, List, Optional, Union

from _pytest.assertion.rewrite import AssertionRewriter

from pytest_greenproof.checks import NAME

_DISABLED = "PYTEST_DONT_REWRITE"


def count_plainly(tree: ast.Module) -> None:
    """Count the asserts of a module and leave them plain otherwise."""
    _PlainCounting().visit(tree)
    ast.fix_missing_locations(tree)


def count_rewritten(tree: ast.Module, source: bytes, path: str, config: Any) -> None:
    """Rewrite the asserts of a module as pytest does, and count them."""
    if _DISABLED in (ast.get_docstring(tree, clean=False) or ""):
        count_plainly(tree)
    else:
        _RewrittenCounting(path, config, source).run(tree)


def _tick(at: ast.stmt) -> ast.Call:
    call = ast.Call(func=ast.Name(id=NAME, ctx=ast.Load()), args=[], keywords=[])
    return ast.fix_missing_locations(ast.copy_location(call, at))


def _tick_statement(at: ast.stmt) -> ast.Expr:
    return ast.copy_location(ast.Expr(value=_tick(at)), at)


class _PlainCounting(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> Union[ast.stmt, List[ast.stmt]]:
        if isinstance(node.test, ast.Tuple) and node.test.elts:
            # Always true; keep the literal, so that the compiler's warning stays.
            return [node, _tick_statement(node)]
        # The test becomes the first of a pair whose second is the call of the counter.
        pair = ast.Tuple(elts=[node.test, _tick(node)], ctx=ast.Load())
        first = ast.Subscript(value=pair, slice=ast.Constant(value=0), ctx=ast.Load())
        for made in (pair, first, first.slice):
            ast.copy_location(made, node.test)
        node.test = first
        return node


class _RewrittenCounting(AssertionRewriter):
    def visit_Assert(self, assert_: ast.Assert) -> List[ast.stmt]:
        statements = super().visit_Assert(assert_)
        decision = _decision(statements)
        place = len(statements) if decision is None else decision
        statements.insert(place, _tick_statement(assert_))
        return statements


def _decision(statements: List[ast.stmt]) -> Optional[int]:
    """Where pytest's rewritten assert decides: the last `if not ...:` of its statements."""
    for place in range(len(statements) - 1, -1, -1):
        statement = statements[place]
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.UnaryOp):
            return place
    return None
