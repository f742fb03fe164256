"""Rules about single tables that their shape alone can't say: choices, names, routes, globs and folders."""

from collections.abc import Iterator
from pathlib import Path as Folder
from urllib.parse import urlsplit

from greenproof.config import promises
from greenproof.config.lines import Path
from greenproof.config.mistakes import Hint, Mistake, did_you_mean, one_of
from greenproof.config.raw import Raw, table, texts
from greenproof.model.routes import METHODS, Route

RESERVED = frozenset({"secret", "python", "port", "greenproof", "env", "file", "host", "url"})
"""Names that mean something else in placeholders."""

_TESTED = ("claims", "features", "priorities", "categories")


def check(raw: Raw, root: Folder) -> Iterator[Mistake]:
    """Every mistake inside a single table."""
    yield from _choices(raw)
    yield from promises.check(raw)
    yield from _reserved(raw)
    yield from _identities(raw)
    yield from _routes(raw)
    yield from _globs(raw)
    yield from _folders(raw, root)
    yield from _addresses(raw)


def _choices(raw: Raw) -> Iterator[Mistake]:
    for section, keys in (("secrets", ("generate", "env", "file")), ("targets", ("service", "url"))):
        for name, found in raw.tables(section).items():
            given = [key for key in keys if key in found]
            if len(given) != 1:
                said = f"{' and '.join(given)} exclude each other" if given else f"none of {', '.join(keys)} is given"
                yield Mistake((section, name), "config-choice", said, f"exactly one of {', '.join(keys)}")
    for name, found in raw.tables("services").items():
        yield from _migration(("services", name), found)
    for name, found in raw.tables("dependencies").items():
        if found.get("kind") == "redis" and "database" in found:
            path: Path = ("dependencies", name, "database")
            yield Mistake(path, "config-redis-database", "a redis has no database to create", "no such key")


def _migration(path: Path, service: dict[str, object]) -> Iterator[Mistake]:
    for key in ("migrate_undo", "migration"):
        if key in service and "migrate" not in service:
            said = f"{key} is about a migration, and there is none"
            yield Mistake((*path, key), "config-migration", said, "migrate = [...] beside it")
    if service.get("migration") == "reversible" and "migrate_undo" not in service:
        said = "a migration that is reversible needs the command that takes it back"
        yield Mistake((*path, "migration"), "config-migration", said, "migrate_undo = [...] beside it")


def _reserved(raw: Raw) -> Iterator[Mistake]:
    for section in ("services", "dependencies", "targets"):
        for name in raw.tables(section):
            if name in RESERVED:
                said, hint = f"{name!r} is reserved", f"for example '{name}-1'"
                yield Mistake((section, name), "config-reserved-name", said, "another name", hint)


def _identities(raw: Raw) -> Iterator[Mistake]:
    for section in ("services", "targets"):
        for name, found in raw.tables(section).items():
            if isinstance(found.get("identity"), dict):
                yield from _identity((section, name, "identity"), table(found, "identity"))


def _identity(path: Path, identity: dict[str, object]) -> Iterator[Mistake]:
    kinds = [kind for kind in ("header", "path", "log_field") if kind in identity]
    if "field" in identity and "path" not in identity:
        yield Mistake((*path, "field"), "config-identity", "a field needs the path of its document", "path and field")
    elif len(kinds) != 1:
        said = f"{' and '.join(kinds)} exclude each other" if kinds else "the table is empty"
        yield Mistake(path, "config-identity", said, "header, or path and field, or log_field")
    elif "path" in identity and "field" not in identity:
        yield Mistake(
            (*path, "path"), "config-identity", "a path needs the field that holds the revision", "path and field"
        )


def _routes(raw: Raw) -> Iterator[Mistake]:
    targets = raw.names("targets")
    for at, text in texts(table(raw.document, "routes"), "plumbing"):
        yield from _route(("routes", *at), text, targets)
    for section in ("claims", "performance"):
        for path, row in raw.rows(section):
            for at, text in texts(row, "routes"):
                yield from _route((*path, *at), text, targets)


def _route(path: Path, text: str, targets: set[str]) -> Iterator[Mistake]:
    try:
        route = Route.parse(text)
    except ValueError as error:
        expected = "'METHOD /path' or 'target: METHOD /path'"
        yield Mistake(path, "config-route", str(error), expected, _method_hint(text))
        return
    # Targets may also come from the command line; with none in the file, any name may be right.
    if route.target is not None and targets and route.target not in targets:
        said, near = f"there is no target {route.target!r}", did_you_mean(route.target, targets)
        yield Mistake(path, "config-unknown-reference", said, one_of(targets), near)
    if "?" in route.path or "#" in route.path:
        yield Mistake(path, "config-route", f"{route.path!r} has a query", "a path alone; a route covers every query")
    if "**" in route.path.removesuffix("/**"):
        yield Mistake(path, "config-route", f"{route.path!r} has '**' in its middle", "'**' as the last segment only")


def _method_hint(text: str) -> Hint:
    words = text.split(":", 1)[-1].split() or [""]
    if words[0].upper() in METHODS and words[0] not in METHODS:
        return f"write the method in capitals: {words[0].upper()}"
    return "a method comes first, as in 'GET /orders'" if words[0].startswith("/") else did_you_mean(words[0], METHODS)


def _globs(raw: Raw) -> Iterator[Mistake]:
    for section in _TESTED:
        for path, row in raw.rows(section):
            for at, glob in texts(row, "tests"):
                yield from _glob((*path, *at), glob, "the root of the suite")
    for name, service in raw.tables("services").items():
        for at, glob in texts(service, "include"):
            yield from _glob(("services", name, *at), glob, "source")


def _glob(path: Path, glob: str, base: str) -> Iterator[Mistake]:
    expected = f"a glob relative to {base}, with '/' between folders"
    if glob.startswith("/"):
        yield Mistake(path, "config-glob", f"{glob!r} is absolute", expected)
    if ".." in glob.split("::", maxsplit=1)[0].split("/"):
        yield Mistake(path, "config-glob", f"{glob!r} leads out of its folder", expected)
    if "\\" in glob:
        yield Mistake(path, "config-glob", f"{glob!r} holds a backslash", expected)
    if any(ord(character) < 32 for character in glob):
        yield Mistake(path, "config-glob", f"{glob!r} holds a control character", expected)
    if glob.count("[") > glob.count("]"):
        said = f"{glob!r} opens a '[' that it doesn't close"
        yield Mistake(path, "config-glob", said, expected, "write '[[]' for a '[' itself")


def _folders(raw: Raw, root: Folder) -> Iterator[Mistake]:
    for section, key in (("services", "source"), ("suites", "directory")):
        for name, found in raw.tables(section).items():
            for at, text in texts(found, key):
                yield from _folder((section, name, *at), text, root)


def _folder(path: Path, text: str, root: Folder) -> Iterator[Mistake]:
    expected = "a folder inside the folder of this file"
    try:
        folder = (root / text).resolve()
        inside, there = folder.is_relative_to(root.resolve()), folder.is_dir()
    except (OSError, ValueError, RuntimeError):
        yield Mistake(path, "config-folder", f"{text[:60]!r} can't be a path", expected)
        return
    if not inside:
        yield Mistake(path, "config-folder", f"{text!r} leads out of the folder of this file", expected)
    elif not there:
        yield Mistake(path, "config-folder", f"there is no folder {text!r}", expected, _near_folder(root, text))


def _near_folder(root: Folder, text: str) -> Hint:
    parent = (root / text).parent
    if not parent.is_dir():
        return None
    return did_you_mean((root / text).name, [entry.name for entry in parent.iterdir() if entry.is_dir()])


def _addresses(raw: Raw) -> Iterator[Mistake]:
    for name, target in raw.tables("targets").items():
        for at, text in texts(target, "url"):
            yield from _address(("targets", name, *at), text)


def _address(path: Path, text: str) -> Iterator[Mistake]:
    expected = "an address: https://host/path"
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        yield Mistake(path, "config-address", f"this is not an address: {error}", expected)
        return
    if not host or port == 0:
        yield Mistake(path, "config-address", "the address names no host", expected)
    if parts.password is not None:
        # The address itself is not shown: it holds a password.
        hint = "hand credentials to the suite in a variable"
        yield Mistake(path, "config-password-in-address", "the address holds a password", expected, hint)
    if parts.query or parts.fragment:
        yield Mistake(path, "config-address", "the address has a query or a fragment", expected)
