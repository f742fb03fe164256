"""The import hook: modules of the test tree are compiled with counted asserts."""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import importlib.util
import marshal
import os
import sys
import types
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import Any, Callable, Dict, Optional, Sequence

from pytest_greenproof import __version__
from pytest_greenproof.plain import count_plainly
from pytest_greenproof.tree import SuiteTree

_FLAVOURS = {True: "rewritten", False: "plain"}


class CountingLoader(SourceFileLoader):
    """Loads one module of the test tree, its asserts counted.

    The compiled code is kept beside Python's and pytest's own, under a name of its own: a module
    that plain pytest cached must not hide its checks, and counted code must never reach a run
    without the counter.
    """

    def __init__(self, name: str, path: str, rewriter: Any) -> None:
        """`rewriter` is pytest's configuration where pytest rewrites the module, else None."""
        super().__init__(name, path)
        self._rewriter = rewriter

    def get_code(self, fullname: str) -> types.CodeType:
        """The counted code, from the cache if its source is the same."""
        path = self.get_filename(fullname)
        source = self.get_data(path)
        kept = _cache_path(path, self._rewriter is not None)
        key = self._key(source, path)
        code = _read(kept, key)
        if code is None:
            code = self._compile(source, path)
            if not sys.dont_write_bytecode:
                _write(kept, key, code)
        return code

    def _compile(self, source: bytes, path: str) -> types.CodeType:
        tree = ast.parse(source, filename=path)
        if self._rewriter is not None:
            from pytest_greenproof.asserts import count_rewritten

            count_rewritten(tree, source, path, self._rewriter)
        else:
            count_plainly(tree)
        code: types.CodeType = compile(tree, path, "exec", dont_inherit=True)
        return code

    def _key(self, source: bytes, path: str) -> bytes:
        rewriter = self._rewriter
        explains = rewriter is not None and rewriter.getini("enable_assertion_pass_hook")
        told = f"\0{path}\0{bool(explains)}".encode("utf-8", "surrogateescape")
        return importlib.util.MAGIC_NUMBER + importlib.util.source_hash(source + told)


class CountedImports:
    """Finds modules of the test tree, and calls those who wait for some other module."""

    def __init__(self, tree: SuiteTree) -> None:
        self._tree = tree
        self._waiting: Dict[str, Callable[[Any], None]] = {}

    def when_imported(self, name: str, watch: Callable[[Any], None]) -> None:
        """Call `watch(module)` now, or as soon as the suite imports the module."""
        module = sys.modules.get(name)
        if module is not None:
            watch(module)
        else:
            self._waiting[name] = watch

    def refine(self, spec: ModuleSpec, rewriter: Any) -> ModuleSpec:
        """What pytest wants to rewrite: counted if it belongs to the test tree."""
        if spec.origin is None or not self._tree.holds(spec.origin):
            return spec
        return _counted(spec, spec.origin, rewriter)

    def find(self, name: str, path: Optional[Sequence[Any]]) -> Optional[ModuleSpec]:
        """What pytest does not rewrite: helpers, and every module under `--assert=plain`."""
        if name in self._waiting:
            return self._watched(name, path)
        folders = self._tree.folders(path)
        if not folders or PathFinder.find_spec(name, folders) is None:
            return None
        if name in sys.builtin_module_names or importlib.machinery.FrozenImporter.find_spec(name) is not None:
            return None
        # Once more with the whole path: an earlier entry may hold a module of the same name.
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.origin is None or type(spec.loader) is not SourceFileLoader:
            return None
        return _counted(spec, spec.origin, None) if self._tree.holds(spec.origin) else None

    def _watched(self, name: str, path: Optional[Sequence[Any]]) -> Optional[ModuleSpec]:
        spec = PathFinder.find_spec(name, path)
        loader: Any = None if spec is None else spec.loader
        if loader is None or not hasattr(loader, "exec_module"):
            return None
        execute = loader.exec_module

        @functools.wraps(execute)
        def execute_and_watch(module: types.ModuleType) -> None:
            execute(module)
            watch = self._waiting.pop(name, None)
            if watch is not None:
                watch(module)

        loader.exec_module = execute_and_watch
        return spec


class PlainFinder:
    """The import hook under `--assert=plain` and without pytest."""

    def __init__(self, imports: CountedImports) -> None:
        self._imports = imports

    def find_spec(self, name: str, path: Optional[Sequence[Any]] = None, target: Any = None) -> Optional[ModuleSpec]:
        """Part of the import protocol."""
        return self._imports.find(name, path)


def install_plainly(imports: CountedImports) -> None:
    """Count from now on, where pytest has no import hook."""
    sys.meta_path.insert(0, PlainFinder(imports))


def _counted(spec: ModuleSpec, origin: str, rewriter: Any) -> ModuleSpec:
    counted = importlib.util.spec_from_file_location(
        spec.name,
        origin,
        loader=CountingLoader(spec.name, origin, rewriter),
        submodule_search_locations=spec.submodule_search_locations,
    )
    return counted or spec


def _cache_path(path: str, rewritten: bool) -> str:
    folder = os.path.dirname(importlib.util.cache_from_source(path))
    name = os.path.splitext(os.path.basename(path))[0]
    runner = getattr(sys.modules.get("pytest"), "__version__", "none")
    tag = f"{sys.implementation.cache_tag}-pytest-{runner}-greenproof-{__version__}"
    return os.path.join(folder, f"{name}.{tag}-{_FLAVOURS[rewritten]}{'c' if __debug__ else 'o'}.pyc")


def _read(kept: str, key: bytes) -> Optional[types.CodeType]:
    try:
        with open(kept, "rb") as file:
            content = file.read()
        code = marshal.loads(content[len(key) :]) if content.startswith(key) else None
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return code if isinstance(code, types.CodeType) else None


def _write(kept: str, key: bytes, code: types.CodeType) -> None:
    # Several workers may write at once: each its own file, moved into place whole.
    own = f"{kept}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        with open(own, "wb") as file:
            file.write(key + marshal.dumps(code))
        os.replace(own, kept)
    except OSError:
        pass
