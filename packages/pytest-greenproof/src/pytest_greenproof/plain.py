"""Counting plain asserts, where nothing of pytest rewrites them."""

from __future__ import annotations

import ast
from typing import List, Union

from pytest_greenproof.checks import NAME


def count_plainly(tree: ast.Module) -> None:
    """Count the asserts of a module and leave them plain otherwise."""
    _PlainCounting().visit(tree)
    ast.fix_missing_locations(tree)


def tick(at: ast.stmt) -> ast.Call:
    """The call of the counter."""
    call = ast.Call(func=ast.Name(id=NAME, ctx=ast.Load()), args=[], keywords=[])
    return ast.fix_missing_locations(ast.copy_location(call, at))


def tick_statement(at: ast.stmt) -> ast.Expr:
    """The same as a statement."""
    return ast.copy_location(ast.Expr(value=tick(at)), at)


class _PlainCounting(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> Union[ast.stmt, List[ast.stmt]]:
        if isinstance(node.test, ast.Tuple) and node.test.elts:
            # Always true; keep the literal, so that the compiler's warning stays.
            return [node, tick_statement(node)]
        # The test becomes the first of a pair whose second is the call of the counter.
        pair = ast.Tuple(elts=[node.test, tick(node)], ctx=ast.Load())
        first = ast.Subscript(value=pair, slice=ast.Constant(value=0), ctx=ast.Load())
        for made in (pair, first, first.slice):
            ast.copy_location(made, node.test)
        node.test = first
        return node
