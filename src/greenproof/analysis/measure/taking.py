"""From files to the form in which a run keeps their measure. Files that an earlier form holds are not parsed again."""

import ast
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from greenproof.analysis.measure.facts import Facts, facts_of, facts_row, imports_of, read_facts
from greenproof.analysis.measure.forms import Node, encode, parse
from greenproof.analysis.measure.keeping import DEFAULTS, PLAN, SCHEMA, Measure, settings_of, toml
from greenproof.model.measure import Form, MeasureFiles
from greenproof.model.redaction import redact

RULES = "3"
"""Changes with what is taken from files: then the same files are not the same measure."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an earlier form holds of a file."""

    digest: str
    form: Node
    facts: Facts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_of(files: MeasureFiles) -> str:
    """The same for the same files, whatever the order: paths, contents, what can't be read, and how it is read here."""
    held = hashlib.sha256(f"{RULES} {sys.version_info.major}.{sys.version_info.minor} {files.cut}".encode())
    said = [(path, "t", text) for path, text in files.texts.items()]
    for path, kind, text in sorted([*said, *((path, "u", why) for path, why in files.unread.items())]):
        content = _digest(text)
        held.update(f"\0{kind}{content}".encode() + path.encode("utf-8", "surrogateescape"))
    return held.hexdigest()


def form_of(files: MeasureFiles, clean: Callable[[object], object] = redact, known: Form | None = None) -> Form:
    """The measure of these files as JSON-able values, without secrets. What `known` holds of them is taken over."""
    unread = dict(files.unread)
    settings = settings_of(files.texts)
    plan = toml(files.texts.get(PLAN, ""))
    if plan is None:
        unread[PLAN] = "it is not TOML"
    probe = Measure({}, settings=settings)
    held = {
        "schema": SCHEMA,
        "rules": RULES,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "settings": [[folder, [[k, list(v)] for k, v in sorted(said.items())]] for folder, said in settings.items()],
        "plan": plan or {},
        "cut": files.cut,
    }
    made = clean(_plain(held))
    assert isinstance(made, dict)
    code: dict[str, object] = {}
    facts: dict[str, list[object]] = {}
    wanted = set()
    for path, found in _scope(files.texts, probe, _kept(known, made), _sources(plan or {})):
        wanted.add(path)
        if isinstance(found, _Kept):
            code[path], facts[path] = found.form, facts_row(found.digest, found.facts)
            continue
        # The facts first: to encode a tree masks what is secret in it.
        row = facts_row(_digest(files.texts[path]), facts_of(found, path, settings)) if found is not None else []
        form = encode(found) if found is not None else None
        if form is None:
            unread[path] = "Python can't parse it"
        else:
            code[path], facts[path] = clean(form), row
    said = [
        [path, why]
        for path, why in sorted(unread.items())
        if path in wanted or path == PLAN or _is_testing(path, probe)
    ]
    made["unread"] = clean(said)
    made["code"] = [[path, code[path]] for path in sorted(code)]
    made["facts"] = [[path, facts[path]] for path in sorted(facts)]
    return made


def _kept(known: Form | None, made: Mapping[str, object]) -> Mapping[str, _Kept]:
    """What can be taken over, by path; nothing if it was made by other rules or for other settings."""
    if known is None or any(known.get(key) != made[key] for key in ("schema", "rules", "python", "settings")):
        return {}
    facts, code = read_facts(known), known.get("code")
    rows = code if isinstance(code, list) else []
    return {row[0]: _Kept(*facts[row[0]][:1], row[1], facts[row[0]][1]) for row in rows if row[0] in facts}


def _scope(
    texts: Mapping[str, str], probe: Measure, kept: Mapping[str, _Kept], sources: tuple[str, ...]
) -> Iterator[tuple[str, _Kept | ast.Module | None]]:
    """Tests, conftest files, what lies in their folders, and what they import that is not the system itself.

    Each with what is known of it, else with its syntax; None for one that can't be parsed.
    """
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
        known = kept.get(path)
        if known is not None and known.digest == _digest(texts[path]):
            imported: Iterable[str] = known.facts.imports
            yield path, known
        else:
            tree = parse(texts[path])
            imported = () if tree is None else dict.fromkeys(imports_of(tree, path))
            yield path, tree
        for name in imported:
            for ending in (f"{name}.py", f"{name}/__init__.py"):
                same = by_ending.get(PurePosixPath(ending).name, ())
                new = [p for p in same if p not in found and (p == ending or p.endswith(f"/{ending}"))]
                new = [p for p in new if not _is_product(p, sources)]
                found.update(new)
                waiting += new


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
    usual = any(fnmatch(PurePosixPath(path).name, pattern) for pattern in DEFAULTS["python_files"])
    return path.endswith(".py") and (usual or PurePosixPath(path).name == "conftest.py" or probe.is_test_file(path))


def _plain(value: Any) -> Any:
    """JSON-able: dates and odd numbers become texts."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return value if value and value[0] in ("*", "=") else [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return str(value)
