"""The functions of a measure: which of them pytest runs, under which id, and which stand in the way."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cached_property
from pathlib import PurePosixPath

from greenproof.analysis.measure.keeping import Measure
from greenproof.analysis.measure.undoing import undone

MODULE = "<module>"
"""The name under which the statements of a module outside of its functions and classes are held."""

FOLLOWED = 3
"""Functions of one name in other files; of more, none is followed."""

type Def = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False)
class Function:
    """One function, or what stands on the level of a module or class outside of functions."""

    path: str
    name: str
    """`test_a`, `TestB::test_c`, `test_a.inner`, `<module>`, `TestB::<module>`."""
    body: Sequence[ast.AST]
    node: Def | None
    line: int
    test: bool = False
    """pytest collects it."""
    why_not: str = ""
    """Looks like a test, and is not collected: why."""
    guard: str = ""
    """The condition under which it is defined at all."""
    fixture: bool = False
    autouse: bool = False
    decorators: Sequence[ast.expr] = ()

    @cached_property
    def id(self) -> str:
        """`tests/test_a.py::test_b`."""
        return f"{self.path}::{self.name}"

    @property
    def last(self) -> str:
        """The bare name."""
        return self.name.rpartition("::")[2].rpartition(".")[2]

    @cached_property
    def digest(self) -> str:
        """Its decorators, arguments and body, without its own name, and whatever its locals are called."""
        if self.node is None:
            return ""
        return _anonymous(self.node)

    @cached_property
    def statements(self) -> tuple[str, ...]:
        """Each statement in it, to see how similar another is."""
        found = (ast.unparse(n) for b in self.body for n in ast.walk(b) if isinstance(n, ast.stmt) and not _holds(n))
        return tuple(sorted(found))


def _holds(node: ast.stmt) -> bool:
    return hasattr(node, "body")


def _anonymous(node: Def) -> str:
    names: dict[str, str] = {}
    bound = frozenset(_binds(node))
    kept = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name | ast.ExceptHandler):
            name = inner.id if isinstance(inner, ast.Name) else inner.name
            if name and name in bound and name not in kept:
                names.setdefault(name, f"v{len(names)}")
    parts = [*node.decorator_list, node.args, *node.body]
    dumped = "\n".join(ast.dump(part) for part in parts)
    for name, short in names.items():
        dumped = dumped.replace(f"id='{name}'", f"id='{short}'").replace(f"name='{name}'", f"name='{short}'")
    return dumped


def _binds(node: Def) -> Iterator[str]:
    """Names that a function gives a value to."""
    for inner in ast.walk(node):
        match inner:
            case ast.Assign(targets=targets):
                yield from (n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))
            case ast.For() | ast.AsyncFor() | ast.comprehension() | ast.AnnAssign() | ast.AugAssign() | ast.NamedExpr():
                yield from (n.id for n in ast.walk(inner.target) if isinstance(n, ast.Name))
            case ast.withitem(optional_vars=ast.expr() as target):
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
            case ast.ExceptHandler(name=str(name)):
                yield name


@dataclass
class Suite:
    """All functions of a measure, and how to find them."""

    measure: Measure
    functions: dict[str, Function] = field(default_factory=dict)
    """By id. Of two with one id the later one counts, as in Python."""
    shadowed: list[Function] = field(default_factory=list)
    """Tests that a later definition of the same name hides."""
    by_name: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))
    constants: dict[str, dict[str, ast.expr]] = field(default_factory=dict)
    """What names mean on the level of a module, by path."""
    _imported: dict[str, frozenset[str]] = field(default_factory=dict)
    _everywhere: dict[str, ast.expr | None] = field(default_factory=dict)

    @classmethod
    def of(cls, measure: Measure) -> "Suite":
        """Index a measure."""
        suite = cls(measure)
        for path in sorted(measure.modules):
            _Reader(suite, path).module(measure.modules[path])
        for function in suite.functions.values():
            suite.by_name[function.last].append(function)
        for held in suite.constants.values():
            for name, value in held.items():
                same = name not in suite._everywhere or ast.dump(suite._everywhere[name] or value) == ast.dump(value)
                suite._everywhere[name] = value if same else None
        return suite

    @cached_property
    def tests(self) -> dict[str, Function]:
        """What pytest collects, by id."""
        return {id_: f for id_, f in self.functions.items() if f.test}

    def constant(self, path: str, name: str) -> ast.expr | None:
        """The literal that a name of a module stands for; one from another module if all agree on it."""
        return self.constants.get(path, {}).get(name) or self._everywhere.get(name)

    def imported(self, path: str) -> frozenset[str]:
        """The names that a file imports, wherever in it."""
        if path not in self._imported:
            names = (
                alias.asname or alias.name.partition(".")[0]
                for node in ast.walk(self.measure.modules[path])
                if isinstance(node, ast.Import | ast.ImportFrom)
                for alias in node.names
            )
            self._imported[path] = frozenset(names)
        return self._imported[path]

    def called(self, name: str, path: str) -> list[Function]:
        """The functions of the suite that a call may mean: those of its own file, else a few of others."""
        found = [f for f in self.by_name.get(name, ()) if f.node is not None]
        # A name that stands for many things stands for nothing that could be followed.
        own = [f for f in found if f.path == path]
        return own or (found if len(found) <= FOLLOWED and name not in self.measure.frequent else [])


class _Reader:
    def __init__(self, suite: Suite, path: str) -> None:
        self._suite, self._path = suite, path
        measure = suite.measure
        self._is_file = measure.is_test_file(path)
        self._off = frozenset(_switched_off(measure.modules[path].body))
        self._undone = tuple(undone(measure.modules[path].body))
        self._functions = measure.setting(path, "python_functions")
        self._classes = measure.setting(path, "python_classes")

    def module(self, tree: ast.Module) -> None:
        self._suite.constants[self._path] = dict(_literals(tree.body))
        loose = [
            s for s in _flat(tree.body) if not isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        self._add(Function(self._path, MODULE, loose, None, 0))
        self._body(tree.body, "", "", unittest=False, collected=True)

    def _body(self, body: Sequence[ast.stmt], prefix: str, guard: str, *, unittest: bool, collected: bool) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(node, prefix, guard, unittest=unittest, collected=collected)
            elif isinstance(node, ast.ClassDef):
                self._class(node, prefix, guard)
            elif isinstance(node, ast.If):
                said = ast.unparse(node.test)
                self._body(node.body, prefix, f"if {said}", unittest=unittest, collected=collected)
                self._body(node.orelse, prefix, f"if not ({said})", unittest=unittest, collected=collected)
            elif isinstance(node, ast.Try | ast.With | ast.For | ast.While):
                word = type(node).__name__.lower()
                for inner in (node.body, getattr(node, "orelse", []), getattr(node, "finalbody", [])):
                    self._body(inner, prefix, word, unittest=unittest, collected=collected)
                for handler in getattr(node, "handlers", []):
                    self._body(handler.body, prefix, "except", unittest=unittest, collected=collected)

    def _class(self, node: ast.ClassDef, prefix: str, guard: str) -> None:
        unittest = any(ast.unparse(base).endswith("TestCase") for base in node.bases)
        named = unittest or is_named(node.name, self._classes)
        hidden = any(
            (isinstance(s, ast.FunctionDef) and s.name in ("__init__", "__new__") and not unittest)
            or (isinstance(s, ast.Assign) and ast.unparse(s) == "__test__ = False")
            for s in node.body
        )
        loose = [s for s in node.body if not isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        inner = f"{prefix}{node.name}::"
        self._add(Function(self._path, inner + MODULE, loose, None, node.lineno, decorators=node.decorator_list))
        self._body(node.body, inner, guard, unittest=unittest, collected=named and not hidden)

    def _function(self, node: Def, prefix: str, guard: str, *, unittest: bool, collected: bool) -> None:
        fixture = any("fixture" in ast.unparse(d) for d in node.decorator_list)
        named = node.name.startswith("test") if unittest else is_named(node.name, self._functions)
        off = bool(self._off & {node.name, ""})
        gone = self._gone(prefix + node.name, node.lineno)
        test = named and collected and self._is_file and not fixture and not off and not gone
        why = ""
        if not test:
            for condition, text in (
                (fixture, "it is a fixture now"),
                (not self._is_file, "its file is none that pytest collects"),
                (not collected, "its class is not collected"),
                (off, "`__test__ = False` switches it off"),
                (bool(gone), gone),
                (not named, "its name is none that pytest collects"),
            ):
                if condition:
                    why = text
                    break
        autouse = fixture and any("autouse=True" in ast.unparse(d) for d in node.decorator_list)
        found = Function(
            self._path, prefix + node.name, node.body, node, node.lineno, test, why, guard, fixture, autouse,
            node.decorator_list,
        )  # fmt: skip
        self._add(found)
        for inner in ast.walk(node):
            if inner is not node and isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}{node.name}.{inner.name}"
                nested = Function(self._path, name, inner.body, inner, inner.lineno, decorators=inner.decorator_list)
                nested.why_not = f"it is nested inside {node.name}"
                self._add(nested)

    def _gone(self, name: str, line: int) -> str:
        """What a later statement does to a test, or to a class that holds it; else nothing."""
        parts = name.split("::")
        names = {"", *("::".join(parts[:count]) for count in range(1, len(parts) + 1))}
        return next((why for other, where, why in self._undone if other in names and where >= line), "")

    def _add(self, function: Function) -> None:
        old = self._suite.functions.get(function.id)
        if old is not None and old.test and not old.guard and not _overloads(old):
            self._suite.shadowed.append(old)
        self._suite.functions[function.id] = function


def _overloads(function: Function) -> bool:
    return any("overload" in ast.unparse(d) for d in function.decorators)


def _flat(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If | ast.Try) and any(_defines(s) for s in ast.walk(node)):
            for inner in (node.body, node.orelse, getattr(node, "finalbody", [])):
                yield from _flat(inner)
        else:
            yield node


def _defines(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _switched_off(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Names of tests whose `__test__` is false; `` for the module as a whole."""
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and not node.value.value:
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == "__test__":
                    yield ""
                elif isinstance(target, ast.Attribute) and target.attr == "__test__":
                    yield ast.unparse(target.value)


def _literals(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign) and is_literal(node.value):
            yield from ((t.id, node.value) for t in node.targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield from [(node.target.id, node.value)] if is_literal(node.value) else []


def is_literal(node: ast.expr) -> bool:
    """Whether an expression is made of constants alone."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=inner):
            return is_literal(inner)
        case ast.BinOp(left=left, right=right):
            return is_literal(left) and is_literal(right)
        case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
            return all(is_literal(e) for e in elts)
        case ast.Dict(keys=keys, values=values):
            return all(k is not None and is_literal(k) for k in keys) and all(is_literal(v) for v in values)
        case ast.Call(func=ast.Name(id="range" | "frozenset" | "set" | "tuple" | "list"), args=args, keywords=[]):
            return all(is_literal(a) for a in args)
    return False


def is_named(name: str, patterns: Sequence[str]) -> bool:
    """pytest's rule: a prefix, or a glob if it holds one."""
    return any(fnmatch(name, p) if any(c in p for c in "*?[") else name.startswith(p) for p in patterns)


def folders_above(path: str) -> frozenset[str]:
    """The folders that a file lies in; `` is the root."""
    return frozenset("" if str(f) == "." else f.as_posix() for f in PurePosixPath(path).parents)
