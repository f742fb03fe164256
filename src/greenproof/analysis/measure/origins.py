"""Which answer an expression comes from: `want = a.json()["total"]` is of `a`, another call of another answer."""

import ast
from copy import deepcopy
from dataclasses import dataclass

_FRESH = frozenset({"read", "next", "iter", "recv", "pop", "readline", "post", "put", "patch", "delete", "request"})
"""Calls that may bring something else each time."""
_LARGEST = 300
"""Nodes of an expression that is followed: each local may double it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an expression is, in terms of what calls have brought."""

    text: str
    roots: frozenset[str]
    """The names, each with the number of its assignment, that it was made of."""
    fresh: bool
    """It asks again each time it is evaluated."""


class Origins:
    """The locals of a function at one point of it."""

    def __init__(self, views: frozenset[str]) -> None:
        self._views = views - _FRESH
        self._known: dict[str, ast.expr] = {}
        self._count = 0

    def learn(self, statement: ast.stmt) -> None:
        """Take over what a statement gives names to."""
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, value)
            case ast.AugAssign(target=target) | ast.For(target=target) | ast.AsyncFor(target=target):
                self._bind(target, None)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, None)

    def of(self, node: ast.expr) -> Origin:
        """Where an expression comes from."""
        found = self._replaced(node)
        if found is None:
            return Origin("", frozenset(), fresh=True)
        fresh = any(isinstance(one, ast.Call) and not self._is_view(one) for one in ast.walk(found))
        inner = {one.func for one in ast.walk(found) if isinstance(one, ast.Call)}
        bound = {n.id for c in ast.walk(found) if isinstance(c, ast.comprehension) for n in _names(c.target)}
        roots = frozenset(n.id for n in _names(found) if n not in inner and n.id not in bound)
        return Origin(ast.unparse(found), roots, fresh)

    def _replaced(self, node: ast.expr) -> ast.expr | None:
        """The expression with what locals stand for; None for one that is too large to be followed."""
        try:
            found: ast.expr = _Replacer(self._known).visit(deepcopy(node))
            return found if sum(1 for _ in ast.walk(found)) <= _LARGEST else None
        except RecursionError:
            return None

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            origin = self.of(value) if value is not None else None
            known = (
                self._replaced(value) if value is not None and origin and origin.roots and not origin.fresh else None
            )
            if known is not None:
                self._known[target.id] = known
            else:
                self._count += 1
                self._known[target.id] = ast.Name(f"{target.id}__{self._count}", ast.Load())
        elif isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            for number, one in enumerate(target.elts):
                single = one.value if isinstance(one, ast.Starred) else one
                self._bind(single, values[number] if len(values) == len(target.elts) else None)

    def _is_view(self, call: ast.Call) -> bool:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == "get":
            # A key of a mapping, and no path of a request.
            first = call.args[0] if call.args and not call.keywords else None
            key = first.value if isinstance(first, ast.Constant) else None
            return isinstance(key, str | int) and "/" not in str(key)
        return name in self._views


def _names(node: ast.AST) -> list[ast.Name]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Name)]


class _Replacer(ast.NodeTransformer):
    def __init__(self, known: dict[str, ast.expr]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._known.get(node.id, node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        found: ast.AST = self.visit(node.value)
        return found

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        found: ast.AST = self.visit(node.value)
        return found
