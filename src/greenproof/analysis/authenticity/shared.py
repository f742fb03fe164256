"""Which statements of a test function are those at which a helper turned it red."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

type Lines = tuple[int, int]


@dataclass(slots=True)
class Statements:
    """The statements of the files of a suite."""

    texts: Mapping[str, str]
    _trees: dict[str, ast.Module | None] = field(default_factory=dict)

    def of_helper(self, case: str, line: int, helper: str) -> tuple[Lines, ...]:
        """The statement at this line of a case's file, then all others of that function that name the same helper.

        Of a statement with a body, only its head. Empty where the source is not known.
        """
        tree = self._tree(case.partition("::")[0])
        function = _innermost(tree, line) if tree is not None else None
        if function is None:
            return ()
        found = [(_lines(statement), statement) for statement in _statements(function)]
        first = next((lines for lines, _ in found if lines[0] <= line <= lines[1]), None)
        if first is None:
            return ()
        same = (lines for lines, statement in found if lines != first and helper in _names(statement))
        return (first, *same)

    def _tree(self, path: str) -> ast.Module | None:
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(self.texts[path])
            except (KeyError, SyntaxError, ValueError, RecursionError, MemoryError):
                self._trees[path] = None
        return self._trees[path]


type _Function = ast.FunctionDef | ast.AsyncFunctionDef


def _innermost(tree: ast.Module, line: int) -> _Function | None:
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return max(around, key=lambda node: node.lineno, default=None)


def _statements(function: _Function) -> Iterator[ast.stmt]:
    """All of it, without those of functions and classes within."""
    waiting: list[ast.AST] = list(reversed(function.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.expr):
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _lines(statement: ast.stmt) -> Lines:
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if not body:
        return statement.lineno, statement.end_lineno or statement.lineno
    first = body[0].pattern.lineno if isinstance(body[0], ast.match_case) else body[0].lineno
    return statement.lineno, max(statement.lineno, first - 1)


def _names(statement: ast.stmt) -> set[str]:
    """What its head, or all of a simple statement, names."""
    names = set()
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        waiting += [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.stmt | ast.ExceptHandler)]
    return names
