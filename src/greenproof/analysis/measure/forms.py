"""Syntax trees as JSON-able lists: what a run keeps of its tests, so that later runs can be compared without git.

Formatting, comments and docstrings are not in it; lines are. A node is `[kind, line, field, value, ...]`. Names and
texts stand apart from each other, so that masking a secret in the ledger never breaks the syntax.
"""

import ast
import hashlib
from typing import Any

from greenproof.model.redaction import MASK, sensitive

LONGEST = 300
"""Characters of a text; a longer one is kept as its beginning and its digest."""
_SKIPPED = frozenset({"ctx", "type_comment", "kind", "type_ignores", "simple", "is_async"})

type Node = list[Any]


def parse(text: str) -> ast.Module | None:
    """The syntax of a file; None for one that can't be parsed."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def encode(tree: ast.Module) -> Node | None:
    """The tree as lists; None for one that is nested too deeply."""
    try:
        return _node(_without_secrets(tree))
    except RecursionError:
        return None


def _without_secrets(tree: ast.Module) -> ast.Module:
    """The same tree; texts that stand under a name of a secret are masked."""
    for node in ast.walk(tree):
        named: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.keyword):
            named = [(node.arg or "", node.value)]
        elif isinstance(node, ast.Dict):
            named = [(_said(key), value) for key, value in zip(node.keys, node.values, strict=True)]
        elif isinstance(node, ast.Assign):
            named = [(_said(target), node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign):
            named = [(_said(node.target), node.value)]
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            named = [(_said(one), other) for one in sides for other in sides if one is not other]
        elif isinstance(node, ast.arguments):
            every = [*node.posonlyargs, *node.args]
            named = [(a.arg, d) for a, d in zip(every[len(every) - len(node.defaults) :], node.defaults, strict=True)]
            named += [(a.arg, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
        for name, value in named:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value and sensitive(name):
                value.value = MASK
    return tree


def _said(node: ast.expr | None) -> str:
    """The name that an expression ends with."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            return name
        case ast.Subscript(slice=inner):
            return _said(inner)
    return ""


def decode(form: object) -> ast.Module | None:
    """The tree again; None for what is not one."""
    try:
        found = _decoded(form)
    except (RecursionError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        return None
    return found if isinstance(found, ast.Module) else None


def _node(node: ast.AST) -> Node:
    if isinstance(node, ast.Constant):
        return ["=", getattr(node, "lineno", 0), *_constant(node.value)]
    found: Node = [type(node).__name__, getattr(node, "lineno", 0)]
    for name in node._fields:
        if name in _SKIPPED:
            continue
        value = getattr(node, name, None)
        if name == "body" and isinstance(node, _DOCUMENTED) and isinstance(value, list):
            value = _undocumented(value)
        if value is None or value == []:
            continue
        found += [name, _value(value)]
    return found


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return body[1:] if text else body


def _value(value: Any) -> Any:
    if isinstance(value, ast.AST):
        return _node(value)
    if isinstance(value, list):
        return ["*", *(_value(item) for item in value)]
    return value


def _constant(value: object) -> tuple[str, object]:
    if value is None or isinstance(value, bool):
        return "b", value
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode()
        cut = len(text) == LONGEST + 13 and text[LONGEST] == "#"  # as it was kept
        return "s", text if cut or len(text) <= LONGEST else f"{text[:LONGEST]}#{_digest(text.encode())}"
    if isinstance(value, int | float | complex):
        # As a text: JSON knows neither infinity nor integers of any length.
        text = repr(value) if not isinstance(value, int) or value.bit_length() < 2048 else hex(value)[:LONGEST]
        return "n", text
    if isinstance(value, bytes):
        return "s", f"bytes#{_digest(value)}"
    return "b", "..."


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _decoded(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind = value[0]
    if kind == "*":
        return [ast.Constant(MASK) if item == MASK else _decoded(item) for item in value[1:]]
    if kind == "=":
        return _read_constant(value)
    made = None if kind in _GONE else getattr(ast, kind)
    if not (isinstance(made, type) and issubclass(made, ast.AST)):
        raise TypeError(kind)
    given = {value[i]: _decoded(value[i + 1]) for i in range(2, len(value), 2)}
    if not given.keys() <= set(made._fields):
        raise TypeError(kind)
    # What a redactor masked as a whole is a text where a node was.
    given = {n: ast.Constant(v) if isinstance(v, str) and n in _EXPRESSIONS else v for n, v in given.items()}
    for name in made._fields:
        given.setdefault(name, [] if name in _LISTS else None)
    node = made(**given)
    node.lineno = value[1]  # type: ignore[attr-defined]
    return node


_GONE = frozenset({"Num", "Str", "Bytes", "NameConstant", "Ellipsis"})
"""Names that ast still answers to, with a warning, and never gives."""
_EXPRESSIONS = frozenset({"value", "test", "left", "right", "func", "operand", "iter", "slice", "elt"})
_LISTS = frozenset({
    "body", "orelse", "finalbody", "handlers", "decorator_list", "bases", "keywords", "args", "posonlyargs",
    "kwonlyargs", "kw_defaults", "defaults", "targets", "names", "items", "elts", "keys", "values", "generators", "ifs",
    "ops", "comparators", "type_params", "cases", "patterns", "kwd_attrs", "kwd_patterns", "type_ignores",
})  # fmt: skip


def _read_constant(value: list[Any]) -> ast.Constant:
    kind, held = value[2], value[3]
    if kind == "n" and isinstance(held, str):
        node = ast.Constant(_number(held))
    elif held == "..." and kind == "b":
        node = ast.Constant(...)
    else:
        node = ast.Constant(held)
    node.lineno = value[1]
    return node


def _number(text: str) -> int | float | complex | str:
    readers: tuple[type[int | float | complex], ...] = (int, float, complex)
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    return text
