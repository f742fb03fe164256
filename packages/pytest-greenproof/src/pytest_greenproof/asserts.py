"""Counting asserts: each tells the counter once its expression was evaluated, held or
not.

Before the expression would be too early: `assert client.get(url).ok` fetches the answer that it
checks. An expression that raises is no check."""

from __future__ import annotations

import ast
from typing import Any, List, Optional

from _pytest.assertion.rewrite import AssertionRewriter

from pytest_greenproof.plain import count_plainly, tick_statement

_DISABLED = "PYTEST_DONT_REWRITE"


def count_rewritten(tree: ast.Module, source: bytes, path: str, config: Any) -> None:
    """Rewrite the asserts of a module as pytest does, and count them."""
    if _DISABLED in (ast.get_docstring(tree, clean=False) or ""):
        count_plainly(tree)
    else:
        _RewrittenCounting(path, config, source).run(tree)


class _RewrittenCounting(AssertionRewriter):
    def visit_Assert(self, assert_: ast.Assert) -> List[ast.stmt]:
        statements = super().visit_Assert(assert_)
        decision = _decision(statements)
        place = len(statements) if decision is None else decision
        statements.insert(place, tick_statement(assert_))
        return statements


def _decision(statements: List[ast.stmt]) -> Optional[int]:
    """Where pytest's rewritten assert decides: the last `if not ...:` of its statements."""
    for place in range(len(statements) - 1, -1, -1):
        statement = statements[place]
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.UnaryOp):
            return place
    return None
