"""Values that are written into Python sources: time-outs, addresses, ports, subprotocols, pool sizes, keys, variables.

Read by syntax; nothing is run. What is computed isn't seen.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from greenproof.analysis.drift.values import address_of, kind_of, names_address
from greenproof.model.drift import Kind, Role

MOST = 5_000
"""Values of one tree of files; the rest is left out, and said so."""

_PAYLOAD = frozenset({"json", "data", "params", "headers", "cookies", "content", "files", "body"})
"""What is sent, not where to or how long."""
_URLS = ("http://", "https://", "ws://", "wss://")
_TIME_CALLS = {"wait_for": 1, "Timeout": 0, "ClientTimeout": 0, "timeout": 0, "timeout_at": 0, "fail_after": 0}
"""Calls whose argument at this place is a time-out."""
_OF_TEXT = frozenset({
    "startswith", "endswith", "replace", "removeprefix", "removesuffix", "split", "partition", "match", "search",
    "compile", "format", "join", "index", "count", "append", "add", "print", "sub", "fullmatch",
})  # fmt: skip
"""Calls that do something with a text, and talk to nobody."""
_KNOWN = frozenset({Kind.URL, Kind.HOST, Kind.PORT, Kind.TIMEOUT, Kind.POOL, Kind.SUBPROTOCOL, Kind.KEY})


@dataclass(frozen=True, slots=True)
class Written:
    """A value that stands in a source."""

    path: str
    line: int
    name: str
    """`conftest.py::client.timeout`: the file, the scope, and what it is called there."""
    kind: Kind
    value: str
    role: Role = Role.USED
    variable: str = ""
    """It counts where this variable is not set."""


@dataclass(frozen=True, slots=True)
class WrittenValues:
    """What a tree of sources holds."""

    values: tuple[Written, ...] = ()
    words: frozenset[str] = frozenset()
    """Every short string: a variable that the code reads is one of them."""
    variables: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Variables that are read by name, and where first."""
    unread: tuple[str, ...] = ()
    """Files that are no Python, and why."""
    cut: bool = False


def written_in(texts: Mapping[str, str]) -> WrittenValues:
    """What stands in these files, by path. The same values for the same files in any order."""
    values: list[Written] = []
    words: set[str] = set()
    variables: dict[str, tuple[str, int]] = {}
    unread: list[str] = []
    for path in sorted(texts):
        try:
            tree = ast.parse(texts[path])
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            unread.append(f"{path}: {type(error).__name__}")
            continue
        reader = _Reader(path)
        reader.read(tree)
        values += reader.values
        words |= reader.words
        for name, line in reader.variables.items():
            variables.setdefault(name, (path, line))
    return WrittenValues(tuple(values[:MOST]), frozenset(words), variables, tuple(unread), len(values) > MOST)


class _Reader:
    """Walks over one file with a stack of its own: sources may be nested deeper than calls may be."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.values: list[Written] = []
        self._found: list[tuple[int, int, Written]] = []
        self.words: set[str] = set()
        self.variables: dict[str, int] = {}
        self._taken: set[int] = set()

    def read(self, tree: ast.Module) -> None:
        """Take every value."""
        waiting: list[tuple[ast.AST, str]] = [(tree, "")]
        while waiting:
            node, scope = waiting.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{scope}.{node.name}" if scope else node.name
                self._defaults(node, inner)
            else:
                inner = scope
                self._node(node, scope)
            # The last comes off first, so that values are found in the order of the file.
            waiting += [(child, inner) for child in reversed(list(self._children(node)))]
        # In the order of the source: of two entries of a table with one key, the last one counts.
        self.values = [found for _, _, found in sorted(self._found, key=lambda place: place[:2])]

    def _children(self, node: ast.AST) -> Iterator[ast.AST]:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        for child in ast.iter_child_nodes(node):
            if not (isinstance(child, ast.keyword) and child.arg in _PAYLOAD):
                yield child

    def _node(self, node: ast.AST, scope: str) -> None:
        if isinstance(node, ast.Call):
            self._call(node, scope)
        elif isinstance(node, ast.keyword) and node.arg:
            self._take(scope, node.arg, node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Dict):
            for name, value in _named(node):
                self._take(scope, name, value)
        elif isinstance(node, ast.Subscript) and _is_environ(node.value):
            self._variable(node.slice)
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            self._loose(node, scope)

    def _call(self, node: ast.Call, scope: str) -> None:
        called = _last_name(node.func) or ""
        place = _TIME_CALLS.get(called)
        if place is not None and len(node.args) > place:
            self._take(scope, "timeout", node.args[place])
        if called.endswith("Timeout"):
            for keyword in node.keywords:
                if keyword.arg and keyword.arg not in _PAYLOAD:
                    self._take(scope, f"timeout.{keyword.arg}", keyword.value)
        reads = called == "getenv" or (
            called in {"get", "setdefault"} and isinstance(node.func, ast.Attribute) and _is_environ(node.func.value)
        )
        if reads and node.args:
            name = self._variable(node.args[0])
            if name and len(node.args) > 1:
                self._take(scope, name, node.args[1], Role.FALLBACK, name)
        elif node.args and (text := _text(node.args[0])) and text.startswith(_URLS) and called not in _OF_TEXT:
            # The first argument of a call is what it talks to.
            self._add(node.args[0], scope, f"{called}()", Kind.URL, text, Role.USED)

    def _variable(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.variables.setdefault(node.value[:200], node.lineno)
            return node.value[:200]
        return None

    def _defaults(self, node: ast.AST, scope: str) -> None:
        if isinstance(node, ast.ClassDef):
            return
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        plain = [*node.args.posonlyargs, *node.args.args]
        named = [
            *zip(plain[len(plain) - len(node.args.defaults) :], node.args.defaults, strict=True),
            *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
        ]
        for argument, default in named:
            if default is not None:
                self._take(scope, argument.arg, default)

    def _take(self, scope: str, name: str, node: ast.expr, role: Role = Role.USED, variable: str = "") -> None:
        for text in _texts(node):
            kind = kind_of(name, text)
            if kind is Kind.URL and role is Role.USED and not names_address(name):
                role = Role.MENTIONED
            if kind is Kind.KEY and not _is_key(node, text):
                continue
            if kind in _KNOWN or variable:
                self._add(node, scope, name, kind, text, role, variable)

    def _loose(self, node: ast.Constant | ast.JoinedStr, scope: str) -> None:
        text = _text(node)
        if text is None:
            return
        if isinstance(node, ast.Constant) and len(text) <= 100:
            self.words.add(text)
        if text.startswith(_URLS) and address_of(text) is not None:
            self._add(node, scope, "a literal", Kind.URL, text, Role.MENTIONED)

    def _add(
        self, node: ast.expr, scope: str, name: str, kind: Kind, text: str, role: Role, variable: str = ""
    ) -> None:
        if id(node) in self._taken:
            return
        self._taken.add(id(node))
        # Its parts are not taken once more on their own.
        self._taken.update(id(part) for part in ast.walk(node))
        inside = f"{scope}.{name}" if scope else name
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        written = Written(self._path, line, f"{self._path}::{inside}", kind, text, role, variable)
        self._found.append((line, column, written))


def _named(node: ast.Assign | ast.AnnAssign | ast.Dict) -> Iterator[tuple[str, ast.expr]]:
    """What gets a name by an assignment, or as an entry of a table."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value
    elif node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if (name := _last_name(target)) is not None:
                yield name, node.value


def _texts(node: ast.expr) -> Sequence[str]:
    """The value of an expression as a text; those of a list as one."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        found = [text for item in node.elts if (text := _text(item)) is not None]
        return (", ".join(found),) if found else ()
    text = _text(node)
    return () if text is None else (text,)


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool | bytes | complex):
        return None if node.value is None or node.value is ... else str(node.value)[:2_000]
    if isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return "".join(parts)[:2_000]
    return None


def _is_key(node: ast.expr, text: str) -> bool:
    """Whether this can be a secret: not a number, nothing empty, and nothing that is put together later."""
    return bool(text) and isinstance(node, ast.Constant) and isinstance(node.value, str)


def _last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None


def _is_environ(node: ast.expr) -> bool:
    return _last_name(node) in {"environ", "env"}
