"""The measure of a tree: which of its files belong to it, and the form in which a run keeps it."""

import ast
import configparser
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from greenproof.analysis.measure.forms import decode

SCHEMA = "greenproof.measure/1"
RULES = "2"
"""Changes with what is taken from files: then the same files are not the same measure."""
PLAN = "greenproof.toml"
_PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""In the order in which pytest prefers them."""
_LISTS = ("python_files", "python_functions", "python_classes", "testpaths", "norecursedirs", "addopts")
DEFAULTS = {"python_files": ("test_*.py", "*_test.py"), "python_functions": ("test",), "python_classes": ("Test",)}

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
    frequent: frozenset[str] = frozenset()
    """Names of functions that stand too often in the whole to be followed, where only a part of it is held."""

    def setting(self, path: str, key: str) -> tuple[str, ...]:
        """What pytest is told for a file by the nearest folder that says anything; else its default."""
        for folder in PurePosixPath(path).parents:
            name = "" if str(folder) == "." else folder.as_posix()
            if name in self.settings:
                return self.settings[name].get(key) or DEFAULTS.get(key, ())
        return DEFAULTS.get(key, ())

    def is_test_file(self, path: str) -> bool:
        """Whether pytest takes the file for one of tests."""
        name = PurePosixPath(path).name
        return any(fnmatch(name, p) or fnmatch(path, p) for p in self.setting(path, "python_files"))


def read_form(
    form: object, only: frozenset[str] | None = None, frequent: frozenset[str] = frozenset()
) -> Measure | None:
    """The measure of a form, or only these files of it; None for what is not one."""
    if not isinstance(form, Mapping) or form.get("schema") != SCHEMA:
        return None
    modules, unread = {}, {}
    try:
        for path, held in form["code"]:
            if only is not None and path not in only:
                continue
            tree = decode(held)
            if tree is None:
                unread[str(path)] = "what was kept of it can't be read"
            else:
                modules[str(path)] = tree
        settings = {str(f): {str(k): tuple(map(str, v)) for k, v in said} for f, said in form["settings"]}
        unread |= {str(path): str(why) for path, why in form["unread"]}
        plan = form["plan"] if isinstance(form["plan"], Mapping) else {}
        return Measure(modules, unread, settings, plan, bool(form.get("cut")), frequent)
    except (KeyError, TypeError, ValueError):
        return None


def settings_of(texts: Mapping[str, str]) -> dict[str, Settings]:
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
        held: Any = toml(text) or {}
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


def toml(text: str) -> dict[str, Any] | None:
    """A document; None for what is not TOML."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
