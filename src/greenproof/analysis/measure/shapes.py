"""What an expression looks at, whatever the locals on the way to it are called.

`body = answer.json()` and `body["total"]` are the same as `client.get("/orders/1").json()["total"]`: both look at
`_.json()['total']`. `_` is something that a call brought, or that was handed in.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from greenproof.analysis.measure.ending import ends, repeats, truth
from greenproof.analysis.measure.origins import Origins
from greenproof.analysis.measure.suite import Suite, is_literal

_VIEWS = frozenset({
    "json", "get", "len", "lower", "upper", "strip", "str", "int", "float", "sorted", "list", "dict", "set", "tuple",
    "keys", "values", "items", "any", "all", "round", "abs", "sum", "min", "max", "type", "bool", "text", "read",
    "decode", "startswith", "endswith", "isdigit", "loads", "split", "splitlines", "getcode", "isinstance", "hasattr",
    "approx", "is_visible", "inner_text", "text_content", "count", "replace", "next", "iter", "getattr",
})  # fmt: skip
"""Calls that show another side of a value, and bring no new one."""
UNKNOWN = "_"
_LONGEST = 200


class Shapes:
    """The locals of one function at one point of it, in the order of its statements."""

    def __init__(self, suite: Suite, path: str) -> None:
        self._suite, self._path = suite, path
        self._known: dict[str, ast.expr] = {}
        self.origins = Origins(_VIEWS)

    def takes(self, arguments: ast.arguments) -> None:
        """Whatever is handed in is unknown."""
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            self.forget(one.arg)

    def forget(self, name: str) -> None:
        """A name stands for something that can't be told."""
        self._known[name] = _unknown()

    def learn(self, statement: ast.stmt) -> None:
        """Take over what a statement gives names to."""
        self.origins.learn(statement)
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, value)
            case ast.AugAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.forget(name)
            case ast.For(target=target) | ast.AsyncFor(target=target):
                self._bind(target, None)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, item.context_expr)

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self._known[target.id] = self.resolved(value) if value is not None else _unknown()
        elif isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            for number, one in enumerate(target.elts):
                inner = one.value if isinstance(one, ast.Starred) else one
                self._bind(inner, values[number] if len(values) == len(target.elts) else None)

    def resolved(self, node: ast.expr) -> ast.expr:
        """The expression with locals and constants in their places' stead."""
        return _Resolver(self._suite, self._path, self._known).of(node)

    def text(self, node: ast.expr) -> str:
        """The resolved expression as one text, cut to a length that can be read."""
        return shown(self.resolved(node))


def shown(node: ast.AST) -> str:
    """An expression as a person reads it."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError, AttributeError, TypeError):
        return "..."
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def is_measured(node: ast.expr) -> bool:
    """Whether a resolved expression holds anything but constants."""
    return not is_literal(node)


class _Resolver:
    def __init__(self, suite: Suite, path: str, known: dict[str, ast.expr]) -> None:
        self._suite, self._path, self._known = suite, path, known
        self._inner: set[str] = set()
        self._left = 400

    def of(self, node: ast.expr) -> ast.expr:  # noqa: C901  (one line for each kind of expression)
        self._left -= 1
        if self._left < 0:
            return _unknown()
        if is_literal(node):
            return node
        match node:
            case ast.Await(value=inner) | ast.NamedExpr(value=inner) | ast.FormattedValue(value=inner):
                return self.of(inner)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.Call():
                return self._call(node)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name not in self._known and attr.isupper():
                # A constant of a module: `settings.TIMEOUT`.
                return self._suite.constant("", attr) or node
            case ast.Attribute(value=value, attr=attr):
                return ast.Attribute(self._root(self.of(value)), attr, ast.Load())
            case ast.Subscript(value=value, slice=index):
                return ast.Subscript(self._root(self.of(value)), self.of(index), ast.Load())
            case ast.Constant():
                return node
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp() | ast.Lambda():
                return self._comprehension(node)
        return self._children(node)

    def _name(self, node: ast.expr, name: str) -> ast.expr:
        if name in self._inner:
            return _unknown()
        if name in self._known:
            return self._known[name]
        constant = self._suite.constant(self._path, name)
        return constant if constant is not None else node

    def _call(self, node: ast.Call) -> ast.expr:
        name = last(node.func)
        arguments = [self.of(a.value if isinstance(a, ast.Starred) else a) for a in node.args]
        if name in _VIEWS:
            func: ast.expr = ast.Name(name, ast.Load())
            if isinstance(node.func, ast.Attribute):
                owner = node.func.value
                module = isinstance(owner, ast.Name) and owner.id not in self._known and owner.id in ("json", "pytest")
                func = func if module else ast.Attribute(self._root(self.of(owner)), name, ast.Load())
            keywords = [ast.keyword(k.arg, self.of(k.value)) for k in node.keywords]
            return ast.Call(func, arguments, keywords)
        return ast.Call(ast.Name(name or UNKNOWN, ast.Load()), [], [])

    def _root(self, node: ast.expr) -> ast.expr:
        """Below an attribute or an index it doesn't matter which call brought the value."""
        plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args
        return _unknown() if plain or isinstance(node, ast.Name) else node

    def _comprehension(self, node: ast.expr) -> ast.expr:
        names: set[str] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.comprehension):
                names |= {n.id for n in ast.walk(part.target) if isinstance(n, ast.Name)}
            elif isinstance(part, ast.arg):
                names.add(part.arg)
        before, self._inner = self._inner, self._inner | names
        found = self._children(node)
        self._inner = before
        return found

    def _children(self, node: ast.expr) -> ast.expr:
        given: dict[str, Any] = {}
        for name, value in ast.iter_fields(node):
            given[name] = self._value(value)
        return type(node)(**given)

    def _value(self, value: Any) -> Any:
        if isinstance(value, ast.expr):
            return self.of(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, ast.comprehension):
            ifs = [self.of(one) for one in value.ifs]
            return ast.comprehension(_unknown(), self.of(value.iter), ifs, value.is_async or 0)
        if isinstance(value, ast.keyword):
            return ast.keyword(value.arg, self.of(value.value))
        return value


def _unknown() -> ast.expr:
    return ast.Name(UNKNOWN, ast.Load())


def last(node: ast.expr) -> str:
    """The last name of `a.b.c`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Call(func=func):
            return last(func)
    return ""


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a chain of names; calls on the way are left out."""
    match node:
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}".lstrip(".")
        case ast.Name(id=name):
            return name
        case ast.Call(func=func):
            return dotted(func)
    return ""


def in_order(body: Sequence[ast.AST], guards: tuple[str, ...] = ()) -> Iterator[tuple[ast.stmt, tuple[str, ...]]]:
    """Statements in the order of the source, each with what it stands under; not those of nested functions."""
    for node in body:
        if not isinstance(node, ast.stmt):
            continue
        yield node, guards
        yield from _inside(node, guards)
        if ends(node):
            # What comes after it is never reached.
            return


def _inside(node: ast.stmt, guards: tuple[str, ...]) -> Iterator[tuple[ast.stmt, tuple[str, ...]]]:  # noqa: C901
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return
        case ast.If(test=test) if (known := truth(test)) is not None:
            yield from in_order(node.body if known else node.orelse, guards)
        case ast.If(test=test):
            said = f"if {shown(test)}"
            yield from in_order(node.body, (*guards, said))
            yield from in_order(node.orelse, (*guards, f"not {said}"))
        case ast.For(iter=source) | ast.AsyncFor(iter=source):
            inner = guards if is_literal(source) or last(source) == "range" else (*guards, "for")
            yield from in_order(node.body if repeats(source) is not False else [], inner)
            yield from in_order(node.orelse, guards)
        case ast.While(test=test):
            yield from in_order(node.body if truth(test) is not False else [], (*guards, "while"))
            yield from in_order(node.orelse, guards)
        case ast.Try() | ast.TryStar():
            yield from in_order(node.body, guards)
            for handler in node.handlers:
                yield from in_order(handler.body, (*guards, "except"))
            yield from in_order(node.orelse, guards)
            yield from in_order(node.finalbody, guards)
        case ast.With() | ast.AsyncWith():
            yield from in_order(node.body, guards)
        case ast.Match(cases=cases):
            for case in cases:
                yield from in_order(case.body, (*guards, "case"))
