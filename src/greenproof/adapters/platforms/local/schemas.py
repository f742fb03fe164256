"""Schemas of stores: named by a digest, kept beside the releases, and what changed from one to another."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from greenproof.adapters.platforms.local.layout import read_json, write_json

SHOWN = 20
"""Changes that are told one by one."""

type Schema = Mapping[str, str]


def digest_of(schema: Schema) -> str:
    """Names a schema: the first 32 hex digits of the SHA-256 over its sorted lines."""
    text = json.dumps(sorted(schema.items()), separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def changes_between(before: Schema, after: Schema) -> tuple[str, ...]:
    """What was added, changed and removed, sorted by name; of a table that came or went only the table."""
    found = list(_changes(before, after))
    shown = found if len(found) <= SHOWN else [*found[: SHOWN - 1], f"and {len(found) - SHOWN + 1} more"]
    return tuple(shown)


def _changes(before: Schema, after: Schema) -> Iterator[str]:
    whole = {name.partition(" ")[2] for name in before.keys() ^ after.keys() if name.startswith("table ")}
    for name in sorted(before.keys() | after.keys(), key=_readably):
        if before.get(name) == after.get(name) or _inside(name, whole):
            continue
        if name not in after:
            yield f"{name}: removed"
        elif name not in before:
            yield f"{name}: added" + (f", {after[name]}" if after[name] else "")
        else:
            yield f"{name}: {before[name] or '-'}, now {after[name] or '-'}"


def _readably(name: str) -> tuple[bool, str]:
    # Tables and columns tell the most.
    return not name.startswith(("table ", "column ")), name


def _inside(name: str, tables: set[str]) -> bool:
    kind, _, path = name.partition(" ")
    return kind in {"column", "constraint", "trigger", "policy"} and path.rpartition(".")[0] in tables


class Schemas:
    """Schemas by their digest, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, schema: Schema) -> str:
        """Keep a schema; its digest."""
        digest = digest_of(schema)
        path = self._folder / f"{digest}.json"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(path, dict(schema))
        return digest

    def load(self, digest: str) -> Schema | None:
        """A schema that was kept; None if it is gone."""
        found = read_json(self._folder / f"{digest}.json")
        return found if isinstance(found, dict) else None

    def changes(self, before: str, after: str) -> tuple[str, ...]:
        """What changed between two that were kept."""
        first, second = self.load(before), self.load(after)
        if first is None or second is None:
            return ("what changed is not known",) if before != after else ()
        return changes_between(first, second)

    def prune(self, needed: Iterable[str]) -> None:
        """Remove all others."""
        names = {f"{digest}.json" for digest in needed}
        for path in self._folder.glob("*.json"):
            if path.name not in names:
                path.unlink(missing_ok=True)
