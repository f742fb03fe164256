"""Which failures does a test put up with? Read from its source; believed only when a fault shows it.

A test that says `if answer.status_code == 503: return`, or that catches the error of a broken connection, turns red
under any other error. So the failure that its own source names is the one worth sending. What is read here is a hint
about which fault to choose, never evidence.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePosixPath

from greenproof.analysis.authenticity.looks import Looks, looks_of

MOST_FUNCTIONS = 40
"""Functions that are followed from one test: helpers and fixtures, by name."""
_STATUS_NAME = re.compile(r"(?:HTTP_)?([45]\d\d)(?:_[A-Z_]+)?\Z")
_BROKEN = (
    "Exception", "BaseException", "OSError", "IOError", "error", "Connect", "Connection", "Transport", "Network",
    "RequestException", "RequestError", "HTTPError", "ClientError", "Disconnected", "Protocol", "URLError", "ReadError",
)  # fmt: skip
"""Parts of the names of exceptions that a broken connection raises, in the libraries of the field."""
_OTHERS = (503, 404, 502, *range(400, 600))
_STATUS_WORDS = (
    "status",
    "ok",
    "code",
    "getcode",
    "is_success",
    "is_error",
    "returncode",
    "check_returncode",
    "reason",
)
_GIVES_UP = frozenset({"fail", "exit", "AssertionError"})

type Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a test, its helpers and its fixtures name."""

    statuses: tuple[int, ...] = ()
    """Error statuses that it may put up with, 500 left out."""
    broken_connection: bool = False
    """An error of the connection is caught, and not raised again."""
    blind_to_status: bool = False
    """Nothing that it does looks at a status."""


@dataclass(slots=True)
class Sources:
    """The functions of a suite, by file and by name."""

    _by_file: dict[str, dict[str, list[Function]]] = field(default_factory=dict)
    _by_name: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))
    _constants: dict[str, ast.expr] = field(default_factory=dict)
    """Collections that are given a name on the level of a module."""
    _foreign: set[str] = field(default_factory=set)
    """Names of imported modules that are none of the suite's: what is called in them is no helper."""
    _known: dict[str, Tolerance] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> "Sources":
        """Index the text of each file, named as in node ids. What cannot be parsed is left out: pytest says why."""
        sources = cls()
        own = frozenset(part for name in texts for part in PurePosixPath(name.removesuffix(".py")).parts)
        for name in sorted(texts):
            try:
                tree = ast.parse(texts[name])
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            sources._index(name, tree)
            sources._foreign.update(_foreign(tree, own))
        return sources

    def _index(self, name: str, tree: ast.Module) -> None:
        found: dict[str, list[Function]] = defaultdict(list)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[node.name].append(node)
                self._by_name[node.name].append(node)
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple | ast.List | ast.Set):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        self._constants[target.id] = statement.value
        self._by_file[name] = found

    def looks(self, case: str) -> Looks:
        """What the checks of a test function look at; where it has none, those of the functions that it calls."""
        path, _, inside = case.split("[", 1)[0].partition("::")
        start = self._by_file.get(path, {}).get(inside.rpartition("::")[2], [])
        own = looks_of(start)
        return own if own.found else looks_of(list(self._reached(path, start))).of_others()

    def tolerance(self, case: str) -> Tolerance:
        """Of the test function of a node id; nothing for one that is not in the files."""
        node = case.split("[", 1)[0]
        if node not in self._known:
            self._known[node] = self._tolerance(node)
        return self._known[node]

    def _tolerance(self, node: str) -> Tolerance:
        path, _, inside = node.partition("::")
        start = self._by_file.get(path, {}).get(inside.rpartition("::")[2], [])
        statuses: set[int] = set()
        broken, blind = False, bool(start)
        for function in self._reached(path, start):
            statuses.update(self._statuses(function))
            broken = broken or any(_tolerates_break(part) for part in ast.walk(function))
            blind = blind and not any(_looks_at_status(part) for part in ast.walk(function))
        return Tolerance(tuple(sorted(statuses - {500})), broken, blind)

    def _reached(self, path: str, start: list[Function]) -> Iterator[Function]:
        """The functions, and those that they name."""
        waiting, seen = list(start), {id(function) for function in start}
        count = 0
        while waiting and count < MOST_FUNCTIONS:
            function = waiting.pop(0)
            count += 1
            reached = [one for name in _arguments(function) for one in self._named(path, name) if _is_fixture(one)]
            if _is_fixture(function):
                # Its body runs in the set-up, where no substitute is sent; functions that it makes run in the test.
                reached += _inner(function)
            else:
                yield function
                reached += [one for name in _called(function, self._foreign) for one in self._named(path, name)]
            for found in reached:
                if id(found) not in seen and not found.name.startswith("test"):
                    seen.add(id(found))
                    waiting.append(found)

    def _named(self, path: str, name: str) -> list[Function]:
        """Of this name: in the same file if it has one, else anywhere in the suite."""
        return self._by_file.get(path, {}).get(name) or self._by_name.get(name, [])

    def _statuses(self, function: Function) -> Iterator[int]:
        for part in ast.walk(function):
            if isinstance(part, ast.Compare):
                named = {status for side in (part.left, *part.comparators) for status in self._constants_in(side)}
                if named and isinstance(part.ops[0], ast.NotEq | ast.NotIn):
                    # Every other one is let through.
                    yield next(status for status in _OTHERS if status not in named)
                else:
                    yield from named
                yield from _below(part)
            elif isinstance(part, ast.MatchValue):
                yield from self._constants_in(part.value)

    def _constants_in(self, side: ast.expr) -> Iterator[int]:
        if isinstance(side, ast.Name) and side.id in self._constants:
            side = self._constants[side.id]
        for part in ast.walk(side):
            if isinstance(part, ast.Constant) and type(part.value) is int and 400 <= part.value < 600:
                yield part.value
            elif isinstance(part, ast.Attribute) and (status := _status_named(part.attr)):
                yield status


def _is_fixture(function: Function) -> bool:
    decorators = (one.func if isinstance(one, ast.Call) else one for one in function.decorator_list)
    return any(_last(one) == "fixture" for one in decorators)


def _inner(function: Function) -> list[Function]:
    inner = (part for part in ast.walk(function) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
    return [part for part in inner if part is not function]


def _arguments(function: Function) -> list[str]:
    """Names of its arguments: these may be fixtures."""
    arguments = function.args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _called(function: Function, foreign: Collection[str]) -> list[str]:
    calls = [part.func for part in ast.walk(function) if isinstance(part, ast.Call)]
    methods = [call for call in calls if isinstance(call, ast.Attribute) and _root(call) not in foreign]
    return [_last(call) for call in (*(one for one in calls if isinstance(one, ast.Name)), *methods)]


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _foreign(tree: ast.Module, own: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if own.isdisjoint(alias.name.split(".")):
                    yield alias.asname or alias.name.partition(".")[0]


def _status_named(name: str) -> int | None:
    member = HTTPStatus.__members__.get(name.upper())
    if member is not None:
        return int(member) if member >= 400 else None
    match = _STATUS_NAME.match(name)
    return int(match[1]) if match else None


def _below(compare: ast.Compare) -> Iterator[int]:
    """`status < 500` lets every 4xx through."""
    for operator, side in zip(compare.ops, compare.comparators, strict=True):
        if isinstance(operator, ast.Lt | ast.LtE) and isinstance(side, ast.Constant) and side.value in (499, 500):
            yield 404


def _looks_at_status(part: ast.AST) -> bool:
    if isinstance(part, ast.Attribute):
        return part.attr in _STATUS_WORDS or "status" in part.attr
    return isinstance(part, ast.keyword) and (part.arg == "check" or "status" in (part.arg or ""))


def _tolerates_break(part: ast.AST) -> bool:
    if isinstance(part, ast.ExceptHandler):
        return _catches(part.type) and not any(_gives_up(inner) for inner in ast.walk(part))
    if isinstance(part, ast.With | ast.AsyncWith):
        calls = (item.context_expr for item in part.items)
        return any(
            isinstance(call, ast.Call) and _last(call.func) == "suppress" and any(_catches(a) for a in call.args)
            for call in calls
        )
    return False


def _catches(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(word in _last(one) for one in kinds for word in _BROKEN)


def _gives_up(part: ast.AST) -> bool:
    if isinstance(part, ast.Raise | ast.Assert):
        return True
    return isinstance(part, ast.Call) and (_last(part.func) in _GIVES_UP or _last(part.func).startswith("assert"))


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
