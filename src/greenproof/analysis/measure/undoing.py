"""Statements that take a test away after its definition: `del`, another value for its name, `__test__`."""

import ast
from collections.abc import Iterator, Sequence

type Undone = tuple[str, int, str]
"""The name (`test_a`, `TestB::test_c`), the line, and what happens to it."""


def undone(body: Sequence[ast.stmt], prefix: str = "") -> Iterator[Undone]:
    """What the statements of a module or class undo, in whatever block they stand; not those of functions."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.ClassDef):
            yield from undone(node.body, f"{prefix}{node.name}::")
            continue
        for name, why in _undone(node):
            yield prefix + name, node.lineno, why
        for field in ("body", "orelse", "finalbody"):
            yield from undone(getattr(node, field, []), prefix)
        for handler in getattr(node, "handlers", []):
            yield from undone(handler.body, prefix)


def _undone(node: ast.stmt) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Delete(targets=targets):
            yield from ((name, "it is deleted after its definition") for target in targets if (name := _named(target)))
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _assigned(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _assigned(target, value)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            for alias in names:
                yield (alias.asname or alias.name).partition(".")[0], "an import takes its name"
        case ast.Expr(value=ast.Call() as call):
            yield from _called(call)


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple | ast.List):
        values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        for number, one in enumerate(target.elts):
            yield from _assigned(one, values[number] if len(values) == len(target.elts) else value)
    elif isinstance(target, ast.Attribute) and target.attr == "__test__":
        if isinstance(value, ast.Constant) and not value.value and (name := _named(target.value)):
            yield name, "`__test__ = False` switches it off"
    elif (name := _named(target)) and not _wraps(value, name):
        yield name, "its name stands for something else after its definition"


def _called(call: ast.Call) -> Iterator[tuple[str, str]]:
    """`setattr(test_a, "__test__", False)`, `delattr(TestB, "test_c")`, `globals().pop("test_a")`."""
    arguments = call.args
    texts = [one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    match call.func:
        case ast.Name(id="setattr") if len(arguments) == 3 and texts and (owner := _named(arguments[0])):
            if texts[0] != "__test__":
                if not _wraps(arguments[2], texts[0]):
                    yield f"{owner}::{texts[0]}", "its name stands for something else after its definition"
            elif isinstance(arguments[2], ast.Constant) and not arguments[2].value:
                yield owner, "`__test__ = False` switches it off"
        case ast.Name(id="delattr") if len(arguments) == 2 and texts and (owner := _named(arguments[0])):
            yield f"{owner}::{texts[0]}", "it is deleted after its definition"
        case ast.Attribute(value=ast.Call(func=ast.Name(id="globals" | "vars" | "locals")), attr="pop") if texts:
            yield texts[0], "it is deleted after its definition"
        case ast.Attribute(value=ast.Call(func=ast.Name(id="globals" | "vars" | "locals")), attr="clear"):
            yield "", "all names of its file are deleted"


def _named(node: ast.expr) -> str:
    """`test_a`, `TestB::test_c`, `globals()["test_a"]`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return f"{owner}::{name}"
        case ast.Subscript(value=ast.Call(func=ast.Name(id="globals" | "vars" | "locals")), slice=key):
            return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
    return ""


def _wraps(value: ast.expr, name: str) -> bool:
    """`test_a = pytest.mark.slow(test_a)` keeps it."""
    bare = name.rpartition("::")[2]
    return any(
        (isinstance(one, ast.Name) and one.id == bare) or (isinstance(one, ast.Attribute) and one.attr == bare)
        for one in ast.walk(value)
    )
