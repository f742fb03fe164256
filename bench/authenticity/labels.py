"""Reads labels.tsv, which the product never does, and says what is wrong with one."""

import csv
from dataclasses import dataclass
from pathlib import Path

LABELS = ("real", "hollow")
VERDICTS = (
    "proven", "hollow", "unproven", "failed", "flaky", "quarantined", "not-run", "passed-offline",
)  # fmt: skip
_NEEDED = ("nodeid", "label", "class", "acceptable")
_COLUMNS = "nodeid, label, class, stack, acceptable, routes, note, with tabs between them"


class UnusableError(Exception):
    """What was given can't be measured; the text says why, where, and what was expected."""


@dataclass(frozen=True)
class Label:
    """One row of labels.tsv."""

    label: str
    kind: str
    stack: str
    acceptable: frozenset[str]


def labels(path: Path) -> dict[str, Label]:
    """Node id -> label. Raises UnusableError."""
    try:
        # A spreadsheet writes a mark before the first column.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            lacking = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
            if lacking:
                raise UnusableError(f"{path}: no column {', '.join(lacking)}; expected a first line of {_COLUMNS}")
            known: dict[str, Label] = {}
            for row in rows:
                _add(known, row, f"{path}, line {rows.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise UnusableError(f"{path} can't be read as a table: {problem}") from problem
    if not known:
        raise UnusableError(f"{path} names no case; expected a line for each case below the first, which names columns")
    return known


def _add(known: dict[str, Label], row: dict[str, str | None], where: str) -> None:
    node, label, kind, accepted = ((row.get(name) or "").strip() for name in _NEEDED)
    if not node:
        raise UnusableError(f"{where}: no node id in the column nodeid")
    if node in known:
        raise UnusableError(f"{where}: {node} was named before; expected each case once")
    if label not in LABELS:
        raise UnusableError(
            f"{where}: the label {label!r} of {node} is not known; expected one of: {', '.join(LABELS)}"
        )
    acceptable = frozenset(word.strip() for word in accepted.split(","))
    if wrong := sorted(acceptable - set(VERDICTS)):
        raise UnusableError(f"{where}: {wrong[0]!r} is no verdict; expected of acceptable: {', '.join(VERDICTS)}")
    known[node] = Label(label, kind, (row.get("stack") or "-").strip(), acceptable)
