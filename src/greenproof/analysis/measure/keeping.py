"""The measure of a tree: which of its files belong to it, and the form in which a run keeps it."""

import ast
import configparser
import hashlib
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from greenproof.analysis.measure.forms import decode, encode, parse
from greenproof.model.measure import Form, MeasureFiles
from greenproof.model.redaction import redact

SCHEMA = "greenproof.measure/1"
RULES = "2"
"""Changes with what is taken from files: then the same files are not the same measure."""
PLAN = "greenproof.toml"
_PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""In the order in which pytest prefers them."""
_LISTS = ("python_files", "python_functions", "python_classes", "testpaths", "norecursedirs", "addopts")
_DEFAULTS = {"python_files": ("test_*.py", "*_test.py"), "python_functions": ("test",), "python_classes": ("Test",)}

type Settings = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Measure:
    """Everything that decides what a green means, as it was at one time."""

    modules: Mapping[str, ast.Module]
    """Tests, helpers and conftest files, by path."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Why a file can't be judged, by path."""
    settings: Mapping[str, Settings] = field(default_factory=dict)
    """What pytest is told in a folder (`` is the root), by key."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """greenproof.toml."""
    cut: bool = False

    def setting(self, path: str, key: str) -> tuple[str, ...]:
        """What pytest is told for a file by the nearest folder that says anything; else its default."""
        for folder in PurePosixPath(path).parents:
            name = "" if str(folder) == "." else folder.as_posix()
            if name in self.settings:
                return self.settings[name].get(key) or _DEFAULTS.get(key, ())
        return _DEFAULTS.get(key, ())

    def is_test_file(self, path: str) -> bool:
        """Whether pytest takes the file for one of tests."""
        name = PurePosixPath(path).name
        return any(fnmatch(name, p) or fnmatch(path, p) for p in self.setting(path, "python_files"))


def digest_of(files: MeasureFiles) -> str:
    """The same for the same files, whatever the order: paths, contents, what can't be read, and how it is read here."""
    held = hashlib.sha256(f"{RULES} {sys.version_info.major}.{sys.version_info.minor} {files.cut}".encode())
    said = [(path, "t", text) for path, text in files.texts.items()]
    for path, kind, text in sorted([*said, *((path, "u", why) for path, why in files.unread.items())]):
        content = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        held.update(f"\0{kind}{content}".encode() + path.encode("utf-8", "surrogateescape"))
    return held.hexdigest()


def form_of(files: MeasureFiles, clean: Callable[[object], object] = redact) -> Form:
    """The measure of these files as JSON-able values, without secrets."""
    unread = dict(files.unread)
    settings = _settings(files.texts)
    plan = _toml(files.texts.get(PLAN, ""))
    if plan is None:
        unread[PLAN] = "it is not TOML"
    trees: dict[str, ast.Module] = {}
    probe = Measure({}, settings=settings)
    wanted = _scope(files.texts, probe, trees, _sources(plan or {}))
    code = []
    for path in sorted(wanted):
        tree = trees.get(path) or parse(files.texts[path])
        form = encode(tree) if tree is not None else None
        if form is None:
            unread[path] = "Python can't parse it"
        else:
            code.append([path, form])
    held = {
        "schema": SCHEMA,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "code": code,
        "settings": [[folder, [[k, list(v)] for k, v in sorted(said.items())]] for folder, said in settings.items()],
        "plan": plan or {},
        "unread": [[path, why] for path, why in sorted(unread.items()) if _counts(path, probe, wanted)],
        "cut": files.cut,
    }
    cleaned = clean(_plain(held))
    assert isinstance(cleaned, dict)
    return cleaned


def _counts(path: str, probe: Measure, wanted: Iterable[str]) -> bool:
    """Whether it matters that a file was not read."""
    return path in set(wanted) or path == PLAN or _is_testing(path, probe)


def read_form(form: object) -> Measure | None:
    """The measure of a form; None for what is not one."""
    if not isinstance(form, Mapping) or form.get("schema") != SCHEMA:
        return None
    modules, unread = {}, {}
    try:
        for path, held in form["code"]:
            tree = decode(held)
            if tree is None:
                unread[str(path)] = "what was kept of it can't be read"
            else:
                modules[str(path)] = tree
        settings = {str(f): {str(k): tuple(map(str, v)) for k, v in said} for f, said in form["settings"]}
        unread |= {str(path): str(why) for path, why in form["unread"]}
        plan = form["plan"] if isinstance(form["plan"], Mapping) else {}
        return Measure(modules, unread, settings, plan, bool(form.get("cut")))
    except (KeyError, TypeError, ValueError):
        return None


def _scope(
    texts: Mapping[str, str], probe: Measure, trees: dict[str, ast.Module], sources: tuple[str, ...]
) -> frozenset[str]:
    """Tests, conftest files, what lies in their folders, and what they import that is not the system itself."""
    python = sorted(path for path in texts if path.endswith(".py"))
    tests = [path for path in python if _is_testing(path, probe)]
    folders = {PurePosixPath(path).parent.as_posix() for path in tests}
    below = tuple(f"{folder}/" for folder in folders if folder != ".")
    found = {p for p in python if p in set(tests) or p.startswith(below)}
    if "." in folders:
        found |= {path for path in python if "/" not in path}
    by_ending: dict[str, list[str]] = {}
    for path in python:
        by_ending.setdefault(PurePosixPath(path).name, []).append(path)
    waiting = sorted(found)
    while waiting:
        path = waiting.pop()
        tree = parse(texts[path])
        if tree is None:
            continue
        trees[path] = tree
        for name in _imports(tree, path):
            for ending in (f"{name}.py", f"{name}/__init__.py"):
                same = by_ending.get(PurePosixPath(ending).name, ())
                new = [p for p in same if p not in found and (p == ending or p.endswith(f"/{ending}"))]
                new = [p for p in new if not _is_product(p, sources)]
                found.update(new)
                waiting += new
    return frozenset(found)


def _sources(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """The folders of the services: what they hold is under test, and no part of the measure."""
    services = plan.get("services")
    tables = services.values() if isinstance(services, dict) else ()
    named = (table.get("source") for table in tables if isinstance(table, dict))
    return tuple(
        f"{PurePosixPath(name).as_posix()}/" for name in named if isinstance(name, str) and name not in ("", ".")
    )


def _is_product(path: str, sources: tuple[str, ...]) -> bool:
    return "src" in PurePosixPath(path).parts[:-1] or path.startswith(sources)


def _is_testing(path: str, probe: Measure) -> bool:
    usual = any(fnmatch(PurePosixPath(path).name, pattern) for pattern in _DEFAULTS["python_files"])
    return path.endswith(".py") and (usual or PurePosixPath(path).name == "conftest.py" or probe.is_test_file(path))


def _imports(tree: ast.Module, path: str) -> Iterator[str]:
    """Paths, without ending, of the modules that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = PurePosixPath(path)
            for _ in range(node.level):
                folder = folder.parent
            parts = [*(folder.parts if node.level else ()), *(node.module.split(".") if node.module else ())]
            base = "/".join(parts)
            yield base
            yield from (f"{base}/{alias.name}" if base else alias.name for alias in node.names)


def _settings(texts: Mapping[str, str]) -> dict[str, Settings]:
    """What pytest is told, by folder: of several files the one that it prefers."""
    found: dict[str, Settings] = {}
    for path in sorted(texts, key=lambda p: (PurePosixPath(p).parent.as_posix(), _rank(p))):
        place = PurePosixPath(path)
        folder = "" if str(place.parent) == "." else place.parent.as_posix()
        if place.name in _PYTEST_FILES and folder not in found and (said := _said(place.name, texts[path])) is not None:
            found[folder] = said
    return found


def _rank(path: str) -> int:
    name = PurePosixPath(path).name
    return _PYTEST_FILES.index(name) if name in _PYTEST_FILES else len(_PYTEST_FILES)


def _said(name: str, text: str) -> Settings | None:
    """The settings for pytest in one file; None if it has none."""
    if name.endswith(".toml"):
        held: Any = _toml(text) or {}
        steps = ("pytest",) if name != "pyproject.toml" else ("tool", "pytest")
        for step in steps:
            held = held.get(step) if isinstance(held, dict) else None
        if isinstance(held, dict) and isinstance(held.get("ini_options"), dict):
            held = held["ini_options"]
        return {k: _words(k, v) for k, v in held.items()} if isinstance(held, dict) else None
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    if not parser.has_section(section):
        return None
    return {key: _words(key, value) for key, value in parser.items(section)}


def _words(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    if not isinstance(value, str):
        return (str(value),)
    if key in _LISTS:
        try:
            return tuple(shlex.split(value, comments=key != "addopts"))
        except ValueError:
            return tuple(value.split())
    return tuple(line.strip() for line in value.splitlines() if line.strip())


def _toml(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _plain(value: Any) -> Any:
    """JSON-able: dates and odd numbers become texts."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return value if value and value[0] in ("*", "=") else [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return str(value)
