"""A census of test functions, taken from the files and outside the test process.

It follows pytest's naming rules without importing anything, so no hook can hide a test from it. It counts functions,
not parameters.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from greenproof.model.facts import TestProcess

_SKIPPED_FOLDERS = {"node_modules", "build", "dist", "venv", "__pycache__"}
_FILE_LIMIT = 20_000
_SIZE_LIMIT = 2 * 1024 * 1024

type _Function = ast.FunctionDef | ast.AsyncFunctionDef


def census(process: TestProcess) -> tuple[str, ...]:
    """The node ids, without parameters, that the files hold below the paths which pytest was asked for."""
    return tuple(bodies(process))


def bodies(process: TestProcess) -> dict[str, str]:
    """The ids of the census, each with a digest of its function: decorators, arguments and body, but not its name.

    Formatting and comments don't count. The digests are those of one version of Python: another may parse differently.
    """
    root = Path(process.rootdir)
    found: dict[str, str] = {}
    for argument in process.arguments:
        path, _, inside = argument.partition("::")
        place = (root / path).resolve() if not Path(path).is_absolute() else Path(path)
        for file in files_below(place, process.python_files):
            if not file.is_relative_to(root):
                continue
            prefix = file.relative_to(root).as_posix()
            for name, function in _functions(file, process):
                node = f"{prefix}::{name}"
                if wanted_in(node, prefix, inside):
                    found[node] = _digest(function)
    return found


def wanted_in(node: str, prefix: str, inside: str) -> bool:
    """Whether a node id of the file `prefix` is asked for by what stood after it on the command line."""
    wanted = "::".join([prefix, inside.split("[", 1)[0]]) if inside else prefix
    return node == wanted or node.startswith(f"{wanted}::")


def _digest(function: _Function) -> str:
    try:
        dump = ast.dump(function).replace(f"name={function.name!r}", "name=''", 1)
    except (RecursionError, MemoryError):
        return ""
    return hashlib.sha256(dump.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def files_below(place: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """The files of these names, in order; not those of virtual environments, builds and hidden folders."""
    if place.is_file():
        yield place
        return
    count = 0
    for folder, folders, names in place.walk():
        folders[:] = sorted(
            f
            for f in folders
            if not f.startswith(".") and f not in _SKIPPED_FOLDERS and not (folder / f / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            if any(fnmatch(name, pattern) for pattern in patterns):
                count += 1
                if count > _FILE_LIMIT:
                    return
                yield folder / name


def _functions(file: Path, process: TestProcess) -> Iterator[tuple[str, _Function]]:
    """`test_a`, `TestB::test_c` of one file."""
    tree = tree_of(file)
    if tree is not None:
        yield from _in_body(tree.body, process, "")


def tree_of(file: Path) -> ast.Module | None:
    """The syntax of a file; None for one that can't be parsed (pytest says why)."""
    try:
        return None if file.stat().st_size > _SIZE_LIMIT else ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _in_body(body: Iterable[ast.stmt], process: TestProcess, prefix: str) -> Iterator[tuple[str, _Function]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if is_named(node.name, process.python_functions) and not is_fixture(node):
                yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            if is_unittest(node):
                inner = (f for f in node.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef))
                yield from ((f"{prefix}{node.name}::{f.name}", f) for f in inner if f.name.startswith("test"))
            elif is_named(node.name, process.python_classes) and not not_collected(node):
                yield from _in_body(node.body, process, f"{prefix}{node.name}::")


def is_named(name: str, patterns: Sequence[str]) -> bool:
    """pytest's rule: a prefix, or a glob if it holds one."""
    return any(fnmatch(name, p) if any(c in p for c in "*?[") else name.startswith(p) for p in patterns)


def is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator makes it a fixture."""
    return any("fixture" in ast.unparse(d) for d in node.decorator_list)


def is_unittest(node: ast.ClassDef) -> bool:
    """Whether it is a class of unittest, by the name of what it is made from."""
    return any(ast.unparse(base).endswith("TestCase") for base in node.bases)


def not_collected(node: ast.ClassDef) -> bool:
    """Classes with a constructor or `__test__ = False`, which pytest leaves out by its own rules."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name in ("__init__", "__new__"):
            return True
        if isinstance(item, ast.Assign) and ast.unparse(item) == "__test__ = False":
            return True
    return False
