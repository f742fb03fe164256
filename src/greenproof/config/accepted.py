"""`greenproof-accepted.toml`: findings about the measure that a person accepted, kept beside the configuration.

It is committed and reviewed like code. `greenproof measure accept` appends to it; a person may edit it.
"""

import json
from datetime import date
from pathlib import Path

from greenproof.config.reading import read
from greenproof.model.errors import UsageError
from greenproof.model.measure import Acceptance
from greenproof.model.text import printable

NAME = "greenproof-accepted.toml"
LONGEST_DAYS = 366
"""How long an acceptance may hold."""
_HEAD = """\
# Changes of the tests that a person accepted, each for a while. `greenproof measure accept` writes it; commit it.
"""
_KEYS = ("finding", "reason", "by", "on", "expires", "code", "subject")


def read_accepted(root: Path) -> tuple[Acceptance, ...]:
    """Everything that was accepted. Raises UsageError or ConfigurationError for a file that can't be read."""
    path = root / NAME
    if not path.exists():
        return ()
    _, document = read(path)
    rows = document.get("accepted", [])
    if not isinstance(rows, list) or set(document) - {"accepted"}:
        raise _invalid(path, "the file holds something else than [[accepted]]")
    return tuple(_acceptance(path, number, row) for number, row in enumerate(rows, 1))


def _acceptance(path: Path, number: int, row: object) -> Acceptance:
    if not isinstance(row, dict):
        raise _invalid(path, f"[[accepted]] number {number} is no table")
    given = {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}
    for key in ("finding", "reason", "by", "on", "expires"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise _invalid(path, f"[[accepted]] number {number} has no {key}")
    if unknown := sorted(set(given) - set(_KEYS)):
        raise _invalid(path, f"[[accepted]] number {number} has an unknown key: {printable(unknown[0])}")
    try:
        begin, end = date.fromisoformat(given["on"]), date.fromisoformat(given["expires"])
    except ValueError:
        raise _invalid(path, f"[[accepted]] number {number}: `on` and `expires` are days, such as 2026-05-31") from None
    if (end - begin).days > LONGEST_DAYS:
        raise _invalid(path, f"[[accepted]] number {number} holds for more than {LONGEST_DAYS} days")
    return Acceptance(**{key: str(given.get(key, "")) for key in _KEYS})


def _invalid(path: Path, said: str) -> UsageError:
    return UsageError(
        said,
        code="acceptances-invalid",
        where=str(path),
        expected="[[accepted]] with finding, reason, by, on and expires",
    )


def write_accepted(root: Path, acceptance: Acceptance) -> Path:
    """Append one acceptance; what is in the file stays as it is."""
    path = root / NAME
    text = path.read_text("utf-8") if path.exists() else _HEAD
    lines = [f"{key} = {_quoted(str(getattr(acceptance, key)))}" for key in _KEYS if getattr(acceptance, key)]
    added = "\n".join(["", "[[accepted]]", *lines, ""])
    new = path.with_name(f"{NAME}.new")
    new.write_text(text.rstrip("\n") + "\n" + added, encoding="utf-8")
    new.replace(path)
    return path


def _quoted(text: str) -> str:
    # A basic string of TOML: what JSON escapes is escaped alike; what can't be printed is gone already.
    return json.dumps(printable(text).encode("utf-8", "replace").decode(), ensure_ascii=False)
