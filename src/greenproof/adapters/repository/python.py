"""What the source of tests says: variables that hold addresses, addresses, and whether pytest is needed."""

import ast
import re
from dataclasses import dataclass, field

from greenproof.model.repository import Found

MOST = 200
"""Findings of one kind; nobody reads more."""
_ADDRESS = re.compile(r"(https?|wss?)://[A-Za-z0-9._-]+(:\d{1,5})?(?=[/\"'\s?#{]|\Z)")
_NAMED = re.compile(r"(URL|URI|HOST|ADDR|ADDRESS|ENDPOINT|BASE|SERVER|ORIGIN)(_|\Z)")
# Reserved for documentation, or the names of formats.
_NOWHERE = re.compile(
    r"://(www\.)?(example\.(com|org|net)|[a-z0-9.-]+\.example|[a-z0-9.-]*schema[a-z.-]*|www\.w3\.org)\b"
)


@dataclass(slots=True)
class Seen:
    """What was found so far."""

    tests: int = 0
    needs_pytest: bool = False
    variables: list[Found] = field(default_factory=list)
    urls: list[Found] = field(default_factory=list)

    def test(self, text: str, where: str) -> None:
        """A file of tests."""
        tree = _parsed(text)
        if tree is None:
            return
        self.tests += 1
        kinds = ast.FunctionDef | ast.AsyncFunctionDef
        functions = any(isinstance(node, kinds) and node.name.startswith("test") for node in tree.body)
        self.needs_pytest = (
            self.needs_pytest or functions or re.search(r"^\s*(import|from) pytest\b", text, re.MULTILINE) is not None
        )
        self._look(tree, where)

    def helper(self, text: str, where: str) -> None:
        """A file beside the tests that may say where the addresses come from."""
        tree = _parsed(text)
        if tree is not None:
            self._look(tree, where)

    def _look(self, tree: ast.Module, where: str) -> None:
        defaults = set()
        for node in ast.walk(tree):
            named = _variable(node)
            if named is not None and len(self.variables) < MOST:
                name, default = named
                if default is not None:
                    defaults.add(default)
                if _NAMED.search(name.upper()) or (default and _ADDRESS.match(default)):
                    self.variables.append(Found(name, f"{where}:{getattr(node, 'lineno', 0)}", default))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(self.urls) < MOST:
                match = _ADDRESS.match(node.value)
                if match and node.value not in defaults and not _NOWHERE.search(node.value):
                    self.urls.append(Found(match[0], f"{where}:{node.lineno}"))


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _variable(node: ast.AST) -> tuple[str, str | None] | None:
    """(name, default) of `os.environ[...]`, `os.environ.get(...)`, `os.getenv(...)`."""
    if isinstance(node, ast.Subscript) and _last(node.value) == "environ":
        name = _string(node.slice)
        return (name, None) if name else None
    if isinstance(node, ast.Call):
        through = (
            isinstance(node.func, ast.Attribute) and node.func.attr == "get" and _last(node.func.value) == "environ"
        )
        if (through or _last(node.func) == "getenv") and node.args:
            name = _string(node.args[0])
            default = _string(node.args[1]) if len(node.args) > 1 else None
            return (name, default) if name else None
    return None


def _string(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
