"""Which statements of a test depend on no answer: a file of its own, a counter, a database on the same machine.

Who turns red at one of these when it is repeated may have turned red by itself. Read from the source, as far as it
goes: whatever is not known to stay on this machine may have come from a service. It is a hint: the second run, in
which nothing is replaced for such a case, shows whether it was right.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from greenproof.model.facts import Phase, RunObservation

type _Function = ast.FunctionDef | ast.AsyncFunctionDef

_STAYS = frozenset(
    {
        "calendar", "collections", "configparser", "contextlib", "copy", "csv", "datetime", "dbm", "decimal", "enum",
        "fcntl", "functools", "getpass", "glob", "gzip", "hashlib", "io", "itertools", "json", "locale", "math",
        "operator", "os", "pathlib", "pickle", "platform", "pytest", "random", "re", "secrets", "shelve", "shutil",
        "sqlite3", "stat", "string", "sys", "tempfile", "textwrap", "time", "tomllib", "typing", "uuid", "zipfile",
        "zoneinfo",
    }
)  # fmt: skip
"""Modules that talk to nobody."""
_FIXTURES = frozenset({"tmp_path", "tmp_path_factory", "tmpdir", "tmpdir_factory", "request", "cache", "worker_id"})
_BUILT_IN = frozenset(dir(builtins))
_DEEPEST = 8
"""Functions of the suite that are followed, one from the other."""
_LEAVES = (ast.Return, ast.Break, ast.Continue)
_HEADS = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Match)


@dataclass(slots=True)
class Apart:
    """The statements of the files of a suite."""

    texts: Mapping[str, str]
    _trees: dict[str, ast.Module | None] = field(default_factory=dict)
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def at(self, case: str, line: int | None, check: bool = True) -> bool:
        """Whether the statement at this line of a case's file, and all that leads to it, depend on no answer.

        `check`: an assert raised it. That tells which one it was where there are several at the line.
        """
        path, tree = case.partition("::")[0], self._tree(case.partition("::")[0])
        if tree is None or line is None:
            return False
        try:
            return self._at(path, tree, line, check)
        except RecursionError:
            # A chain of a thousand `elif`.
            return False

    def _at(self, path: str, tree: ast.Module, line: int, check: bool) -> bool:
        function = max(
            (f for f in ast.walk(tree) if isinstance(f, _FUNCTIONS) and f.lineno <= line <= (f.end_lineno or 0)),
            key=lambda f: f.lineno,
            default=None,
        )
        if function is None:
            return False
        around = _around(function, line, check)
        if not around or any(isinstance(one, ast.ExceptHandler) for one in around):
            return False
        scope = self._scope(path, function, around, 0, given=False)
        if any(scope.may_leave(one) for one in _statements(function.body) if _place(one) < _place(around[-1])):
            return False
        return all(scope.stays(part) for one in around for part in _own_parts(one))

    def _scope(self, path: str, function: _Function, until: list[ast.AST], depth: int, *, given: bool) -> "_Scope":
        """What is known of the names of a function, by what its statements did with them, before the last of some.

        `given`: its arguments stay here; else they are fixtures, or nothing is known of them.
        """
        scope = _Scope(self, path, depth)
        for name in _arguments(function):
            scope.local[name] = given or name in _FIXTURES or self._fixture_stays(path, name, depth)
        loops = [one for one in until if isinstance(one, ast.For | ast.AsyncFor | ast.While)]
        end = max((one.end_lineno or 0 for one in loops), default=0)
        statements = [
            one
            for one in _statements(function.body)
            if one.lineno <= end or not until or _place(one) < _place(until[-1])
        ]
        for _ in range(2):
            # What comes from a service later in a loop is there in its next turn.
            for statement in statements:
                scope.go(statement)
        return scope

    def _fixture_stays(self, path: str, name: str, depth: int) -> bool:
        places = [path, *(p for p in self.texts if PurePosixPath(p).name == "conftest.py")]
        for place in places:
            tree = self._tree(place)
            found = next((f for f in tree.body if isinstance(f, _FUNCTIONS) and f.name == name), None) if tree else None
            if found is not None:
                return self.function_stays(place, found, depth)
        return False

    def function_stays(self, path: str, function: _Function, depth: int) -> bool:
        """Whether nothing in it can come from a service, given that its arguments don't."""
        if depth >= _DEEPEST:
            return False
        decorators = (one.func if isinstance(one, ast.Call) else one for one in function.decorator_list)
        given = not any(_last(one) == "fixture" for one in decorators)
        scope = self._scope(path, function, [], depth + 1, given=given)
        return all(scope.stays(part) for one in _statements(function.body) for part in _own_parts(one))

    def module_name_stays(self, path: str, name: str, depth: int) -> bool:
        """Whether what a module calls by this name stays on this machine."""
        if (path, name) not in self._known:
            # Who leads back to itself is not known to stay.
            self._known[path, name] = False
            self._known[path, name] = self._module_name_stays(path, name, depth)
        return self._known[path, name]

    def is_module(self, path: str, name: str) -> bool:
        """Whether a file imports a module by this name: nothing of an answer is kept in it."""
        tree = self._tree(path)
        imports = (one for one in tree.body if isinstance(one, ast.Import)) if tree else ()
        return any(_named(alias, one) == name for one in imports for alias in one.names)

    def _module_name_stays(self, path: str, name: str, depth: int) -> bool:
        tree = self._tree(path)
        if tree is None or depth >= _DEEPEST:
            return False
        for statement in tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for alias in statement.names:
                    if _named(alias, statement) == name:
                        return self._imported_stays(statement, alias.name, depth)
            elif isinstance(statement, _FUNCTIONS) and statement.name == name:
                return self.function_stays(path, statement, depth)
            elif isinstance(statement, ast.Assign) and name in _stored(statement):
                return _Scope(self, path, depth + 1).stays(statement.value)
        return False

    def _imported_stays(self, statement: ast.Import | ast.ImportFrom, name: str, depth: int) -> bool:
        if isinstance(statement, ast.Import):
            return name.partition(".")[0] in _STAYS
        module = (statement.module or "").rpartition(".")[2]
        own = [path for path in self.texts if PurePosixPath(path).stem == module]
        if own:
            return all(self.module_name_stays(path, name, depth + 1) for path in own)
        return not statement.level and (statement.module or "").partition(".")[0] in _STAYS

    def _tree(self, path: str) -> ast.Module | None:
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(self.texts[path])
            except (KeyError, SyntaxError, ValueError, RecursionError, MemoryError):
                self._trees[path] = None
        return self._trees[path]


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def told_apart(run: RunObservation, apart: Apart) -> RunObservation:
    """The run, with the failures marked that depend on no answer."""
    failures = {
        case.id: case.failure for case in run.cases if case.failure is not None and case.failure.phase is Phase.CALL
    }
    marked = {
        case.id: replace(case, failure=replace(failures[case.id], apart=True))
        for case in run.cases
        if case.id in failures and apart.at(case.id, failures[case.id].line, failures[case.id].type == "AssertionError")
    }
    return replace(run, cases=tuple(marked.get(case.id, case) for case in run.cases)) if marked else run


@dataclass(slots=True)
class _Scope:
    """Names of a function: whether what they stand for stays on this machine."""

    apart: Apart
    path: str
    depth: int
    local: dict[str, bool] = field(default_factory=dict)

    def go(self, statement: ast.stmt) -> None:
        """Remember what a statement does with names."""
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                self.local[_named(alias, statement)] = alias.name.partition(".")[0] in _STAYS
            return
        parts = _own_parts(statement)
        stored = [name for part in parts for name in _stored(part)]
        if all(self.stays(part) for part in parts):
            self.local.update(dict.fromkeys(stored, True))
            return
        # What it stores, and whose methods it calls, may hold something of an answer now.
        touched = (name for part in parts for name in _touched(part) if not self.apart.is_module(self.path, name))
        self.local.update(dict.fromkeys((*stored, *touched), False))

    def may_leave(self, statement: ast.stmt) -> bool:
        """Whether an answer may decide there that what comes after it is not reached: so it decides that it is."""
        if not hasattr(statement, "body") or not any(isinstance(one, _LEAVES) for one in ast.walk(statement)):
            return False
        return not all(self.stays(part) for one in _statements([statement]) for part in _own_parts(one))

    def stays(self, part: ast.AST) -> bool:
        """Whether no name in it leads elsewhere."""
        bound = {one.id for one in ast.walk(part) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        for one in ast.walk(part):
            if isinstance(one, ast.Lambda):
                bound |= {given.arg for given in ast.walk(one.args) if isinstance(given, ast.arg)}
            elif isinstance(one, _FUNCTIONS) and _arguments(one):
                # Who calls it, and with what?
                return False
        return all(self._name_stays(name) for name in _loaded(part) if name not in bound or name in self.local)

    def _name_stays(self, name: str) -> bool:
        if name in self.local:
            return self.local[name]
        return name in _BUILT_IN or self.apart.module_name_stays(self.path, name, self.depth)


def _named(alias: ast.alias, statement: ast.Import | ast.ImportFrom) -> str:
    return alias.asname or (alias.name.partition(".")[0] if isinstance(statement, ast.Import) else alias.name)


def _around(function: _Function, line: int, check: bool) -> list[ast.AST]:
    """The statements, and handlers, within a function that hold a line, from the outside in.

    Of several beside each other, the one that is an assert; empty if that does not tell which it was.
    """
    found: list[ast.AST] = []
    inside: list[ast.AST] = list(function.body)
    while here := [one for one in inside if _place(one)[0] <= line <= (getattr(one, "end_lineno", 0) or 0)]:
        if len(here) > 1:
            here = [one for one in here if check and isinstance(one, ast.Assert)]
        if len(here) != 1:
            return []
        found += here
        inside = [part for part in ast.iter_child_nodes(here[0]) if isinstance(part, ast.stmt | ast.ExceptHandler)]
    return found


def _place(one: ast.AST) -> tuple[int, int]:
    return getattr(one, "lineno", 0), getattr(one, "col_offset", 0)


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """All of them, without those of functions and classes within, which count as one."""
    for statement in body:
        yield statement
        if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, ()))
            for handler in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                yield from _statements(handler.body)


def _own_parts(statement: ast.AST) -> list[ast.AST]:
    """Of a statement with a body its head, of any other all of it; of `self.assertEqual(...)` what it compares."""
    if isinstance(statement, ast.Try | ast.TryStar):
        return []
    if isinstance(statement, _HEADS):
        bodies = {id(one) for name in ("body", "orelse", "cases") for one in getattr(statement, name, ())}
        return [part for part in ast.iter_child_nodes(statement) if id(part) not in bodies]
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and _is_check_of_self(call.func):
        return [*call.args, *(one.value for one in call.keywords)]
    return [statement]


def _is_check_of_self(function: ast.expr) -> bool:
    of_self = (
        isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"
    )
    return of_self and _last(function).startswith(("assert", "fail"))


def _loaded(part: ast.AST) -> list[str]:
    return [one.id for one in ast.walk(part) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)]


def _stored(part: ast.AST) -> list[str]:
    stored = [one.id for one in ast.walk(part) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    return [*stored, part.name] if isinstance(part, (*_FUNCTIONS, ast.ClassDef)) else stored


def _touched(part: ast.AST) -> Iterator[str]:
    """Names whose methods or items are used, and those that are handed over as they are."""
    for one in ast.walk(part):
        if isinstance(one, ast.Attribute | ast.Subscript) and isinstance(one.value, ast.Name):
            yield one.value.id
        elif isinstance(one, ast.Call) and not (isinstance(one.func, ast.Name) and one.func.id in _BUILT_IN):
            yield from (given.id for given in one.args if isinstance(given, ast.Name))


def _arguments(function: _Function) -> list[str]:
    arguments = function.args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
