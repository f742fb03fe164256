"""Walk a repository and read what tells of tests and services."""

import os
import re
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser, Error
from itertools import islice
from pathlib import Path

from greenproof.adapters.repository import containers, python
from greenproof.model.repository import Container, Found, Repository

MOST_FILES = 5_000
LARGEST = 512 << 10
"""Bytes of a file that is read."""
_DEEPEST = 8
_SKIPPED = frozenset({"node_modules", "build", "dist", "__pycache__", "site-packages", "vendor", "target"})
_ENV_FILE = re.compile(r"\.env(\.(example|sample|template|dist|test))?\Z")
_ENV_LINE = re.compile(
    r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*[\"']?((?:https?|wss?)://[^\s\"'#]+)", re.MULTILINE
)


def read(root: Path) -> Repository:
    """What stands in the folder and below it."""
    tests: dict[str, None] = {}
    seen = python.Seen()
    configured: list[Found] = []
    boxes: list[Container] = []
    health: list[Found] = []
    environments: list[Found] = []
    paths = list(islice(_files(root, environments), MOST_FILES + 1))
    tested = {path.parent for path in paths if _is_test(path)}
    for path in paths[:MOST_FILES]:
        inside = path.relative_to(root).as_posix()
        text = _text(path)
        if text is None:
            continue
        configured += _pytest(path, inside, text)
        if _is_test(path):
            tests[inside.rpartition("/")[0] or "."] = None
            seen.test(text, inside)
        elif path.suffix == ".py" and (path.parent in tested or path.name == "conftest.py"):
            seen.helper(text, inside)
        elif _ENV_FILE.match(path.name):
            for match in _ENV_LINE.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                # Of a file that may hold secrets only addresses are read.
                seen.variables.append(Found(match[1], f"{inside}:{line}", match[2]))
        else:
            boxes += containers.of(path.name, inside, text)
            health += containers.health_routes(path.name, inside, text)
    return Repository(
        name=root.name,
        pytest=tuple(configured),
        tests=tuple(Found(folder, folder) for folder in _tops(tests)),
        unittest_only=seen.tests > 0 and not seen.needs_pytest and not configured,
        variables=tuple(seen.variables),
        urls=tuple(seen.urls),
        containers=tuple(boxes),
        health=tuple(health),
        environments=tuple(environments),
        cut=len(paths) > MOST_FILES,
    )


def _files(root: Path, environments: list[Found]) -> Iterator[Path]:
    # Not Path.walk: that one breaks off at a folder which can be opened, but not listed.
    for place, folders, names in os.walk(root):
        folder = Path(place)
        deep = len(folder.relative_to(root).parts)
        for name in sorted(folders):
            if _is_environment(folder / name):
                inside = (folder / name).relative_to(root).as_posix()
                environments.append(Found(inside, f"{inside}/pyvenv.cfg"))
        folders[:] = sorted(
            name
            for name in folders
            if deep < _DEEPEST
            and name not in _SKIPPED
            and (not name.startswith(".") or name == ".github")
            and not (folder / name).is_symlink()
            and not _is_environment(folder / name)
        )
        for name in sorted(names):
            path = folder / name
            if not path.is_symlink() and _is_file(path):
                yield path


def _is_environment(folder: Path) -> bool:
    return _is_file(folder / "pyvenv.cfg")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # A folder of somebody else: left out like everything that can't be read.
        return False


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None


def _is_test(path: Path) -> bool:
    return path.suffix == ".py" and (path.name.startswith("test_") or path.name.endswith("_test.py"))


def _tops(folders: dict[str, None]) -> list[str]:
    """The folders that no other one holds: at most the upper two levels, so that a command stays short."""
    tops = dict.fromkeys("/".join(folder.split("/")[:2]) for folder in sorted(folders))
    return [top for top in tops if not any(top != other and top.startswith(f"{other}/") for other in tops)]


def _pytest(path: Path, inside: str, text: str) -> list[Found]:
    if path.name == "pyproject.toml":
        try:
            options = tomllib.loads(text).get("tool", {}).get("pytest", {}).get("ini_options")
        except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
            return []
        paths = options.get("testpaths", []) if isinstance(options, dict) else []
        given = " ".join(map(str, paths)) if isinstance(paths, list) else str(paths)
        return [Found("pytest", inside, given or None)] if isinstance(options, dict) else []
    sections = {"pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}
    if path.name not in sections:
        return []
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except Error:
        return []
    section = sections[path.name]
    if not parser.has_section(section):
        return []
    return [Found("pytest", inside, parser.get(section, "testpaths", fallback=None))]
