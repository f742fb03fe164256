"""What the code of a test depends on, as far as files tell: its module, the helpers that it imports, conftest files.

Too much is harmless here, too little is not: what can't be told makes a test depend on every file of its suite.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_WORD = re.compile(r"[\w.-]+")
_LONGEST_TEXT = 400
_BUILT_IN = frozenset({"exec", "eval", "compile", "__import__"})
_LOADERS = frozenset({"runpy", "spec_from_file_location", "SourceFileLoader"})
"""Names that make code out of what no import names."""
_SHORTEST_STEM = 3


@dataclass(frozen=True)
class Dependence:
    """The code that the tests of one file run."""

    file: str
    files: tuple[str, ...]
    """Its own and all that it imports, sorted."""
    texts: frozenset[str]
    """Every text in that code: among them the names of variables and data files that it reads."""

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of the texts."""
        return frozenset(word for text in self.texts for word in _WORD.findall(text))

    def reads(self, path: str) -> bool:
        """Whether the code may read this data file: it names it, its folder, or all files of its kind."""
        place = PurePosixPath(path)
        if place.stem.startswith(PurePosixPath(self.file).stem):
            return True
        names = {place.name, place.parent.name} | ({place.stem} if len(place.stem) >= _SHORTEST_STEM else set())
        return not self.words.isdisjoint(names - {""}) or place.suffix in self.texts or f"*{place.suffix}" in self.texts


class Dependences:
    """The dependences of all files of a suite."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """`sources`: the text of each Python file, by its path from the root of the suite."""
        self._sources = sources
        self._modules: dict[str, _Module] = {}
        self._found: dict[str, Dependence] = {}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in sources:
            self._by_name[PurePosixPath(path).name].append(path)

    def of(self, file: str) -> Dependence | None:
        """What the tests of a file depend on; None for a file that is not known."""
        if file not in self._sources:
            return None
        if file not in self._found:
            self._found[file] = self._closure(file)
        return self._found[file]

    def _closure(self, file: str) -> Dependence:
        waiting, seen = [file, *self._beside(file)], set[str]()
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            module = self._module(path)
            if module.dynamic:
                seen = set(self._sources)
                break
            waiting += [found for name in module.imports for found in self._files_of(name, path)]
        texts = frozenset(text for path in seen for text in self._module(path).texts)
        return Dependence(file, tuple(sorted(seen)), texts)

    def _beside(self, file: str) -> Iterator[str]:
        for folder in PurePosixPath(file).parents:
            for name in ("conftest.py", "__init__.py"):
                path = (folder / name).as_posix()
                if path in self._sources:
                    yield path

    def _files_of(self, module: str, importer: str) -> Iterator[str]:
        """The files that an import may mean, wherever the path leads: any file whose path ends like that."""
        dots = len(module) - len(module.lstrip("."))
        parts = module.lstrip(".").split(".") if module.strip(".") else []
        if dots:
            folder = PurePosixPath(importer)
            for _ in range(dots):
                folder = folder.parent
            parts = [*folder.parts, *parts]
        for count in range(1, len(parts) + 1):
            place = "/".join(parts[:count])
            for ending in (f"{place}.py", f"{place}/__init__.py"):
                same = self._by_name.get(PurePosixPath(ending).name, ())
                yield from (path for path in same if path == ending or path.endswith(f"/{ending}"))

    def _module(self, path: str) -> "_Module":
        if path not in self._modules:
            self._modules[path] = _read(self._sources[path])
        return self._modules[path]


@dataclass(frozen=True, slots=True)
class _Module:
    imports: frozenset[str]
    """Names of modules, also such as only a text gives; relative ones with their dots."""
    texts: frozenset[str]
    dynamic: bool


def _read(source: str) -> _Module:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Module(frozenset(), frozenset(), dynamic=True)
    imports, texts = set[str](), set[str]()
    dynamic = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
            dynamic = dynamic or any(alias.name in _LOADERS for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imports.update(_imported(node))
            dynamic = dynamic or any(alias.name in _LOADERS for alias in node.names)
        elif isinstance(node, ast.Name):
            dynamic = dynamic or node.id in _BUILT_IN | _LOADERS
        elif isinstance(node, ast.Attribute):
            dynamic = dynamic or node.attr in _LOADERS
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= _LONGEST_TEXT:
            texts.add(node.value)
    # `pytest_plugins` and `import_module` name their modules in texts.
    imports.update(_modules_in(texts))
    return _Module(frozenset(imports), frozenset(texts), dynamic)


def _imported(node: ast.ImportFrom) -> Iterator[str]:
    base = "." * node.level + (node.module or "")
    yield base
    for alias in node.names:
        yield f"{base}{'' if base.endswith('.') or not base else '.'}{alias.name}"


def _modules_in(texts: Iterable[str]) -> Iterator[str]:
    return (text for text in texts if _MODULE.fullmatch(text))
