"""Statements that nothing can come after, and conditions that are known without running anything."""

import ast
import operator
from collections.abc import Callable, Sequence

_LEAVE = frozenset({"_exit", "abort"})
_COMPARED: dict[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip


def truth(node: ast.expr) -> bool | None:
    """What a condition of constants is; None for one that depends on anything else."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            return bool(items) if not any(isinstance(item, ast.Starred) for item in items) else None
        case ast.Dict(keys=keys):
            return bool(keys) if None not in keys else None
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return False
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            found = truth(inner)
            return None if found is None else not found
        case ast.BoolOp(op=op, values=values):
            every = [truth(value) for value in values]
            deciding = isinstance(op, ast.Or)
            return deciding if deciding in every else (None if None in every else not deciding)
        case ast.Compare(left=ast.Constant(value=a), ops=[op], comparators=[ast.Constant(value=b)]):
            compared = _COMPARED.get(type(op))
            return compared(a, b) if compared else None
    return None


def repeats(source: ast.expr) -> bool | None:
    """Whether a loop over this runs at all; None if that depends."""
    match source:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int() as count)], keywords=[]):
            return count > 0
        case ast.Call(func=ast.Name(id="list" | "tuple" | "set" | "dict" | "frozenset"), args=[], keywords=[]):
            return False
    return truth(source) if not isinstance(source, ast.Name | ast.Attribute) else None


def ends(node: ast.AST) -> bool:
    """Whether what follows in the same block can't be reached."""
    return _left(node, raising=True)


def _left(node: ast.AST, *, raising: bool) -> bool:
    match node:
        case ast.Return() | ast.Continue() | ast.Break():
            return True
        case ast.Raise():
            return raising
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name in _LEAVE
        case ast.If(test=test, body=body, orelse=orelse):
            known = truth(test)
            if known is not None:
                return _block(body if known else orelse, raising=raising)
            return _block(body, raising=raising) and _block(orelse, raising=raising)
        case ast.With(body=body) | ast.AsyncWith(body=body):
            # An exception may be what the block is there for: `with pytest.raises(...)`.
            return _block(body, raising=False)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            whole = _block(body, raising=not handlers and raising) or _block(orelse, raising=raising)
            caught = all(_block(handler.body, raising=raising) for handler in handlers)
            return _block(final, raising=raising) or (whole and caught)
        case ast.While(test=test, body=body):
            return truth(test) is True and not _breaks(body)
        case ast.For(iter=source, body=body) | ast.AsyncFor(iter=source, body=body):
            return repeats(source) is True and not _breaks(body) and _returns(body)
    return False


def _block(body: Sequence[ast.stmt], *, raising: bool) -> bool:
    return any(_left(node, raising=raising) for node in body)


def _returns(body: Sequence[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Return) for node in body)


def _breaks(body: Sequence[ast.AST]) -> bool:
    """Whether a loop with this body can be left by `break`."""
    for node in body:
        if isinstance(node, ast.Break):
            return True
        if isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner: Sequence[ast.AST] = getattr(node, "orelse", [])
        else:
            inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
        if _breaks(inner):
            return True
    return False
