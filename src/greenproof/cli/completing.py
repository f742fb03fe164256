"""What Tab offers: names from `greenproof.toml`, runs of the ledger, and codes.

It is asked while somebody types. So it reads tolerantly, brings nothing heavy along, and says nothing when it fails.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

_LARGEST = 1024 * 1024
_MOST = 200
# What is offered is put into a command line by a shell: nothing that a shell could read as more than a word.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")

type Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def names_in(*sections: str) -> Completer:
    """Offers the names of the tables in these sections of the configuration."""

    def offered(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
        document = _document(context)
        tables = (document.get(section) for section in sections)
        return _fitting((name for table in tables if isinstance(table, dict) for name in table), typed)

    return offered


def assigned(section: str) -> Completer:
    """Offers `NAME=` for the names in a section."""
    plain = names_in(section)
    return lambda context, parameter, typed: [f"{name}=" for name in plain(context, parameter, typed)]


def codes(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Offers reason and error codes."""
    from greenproof.analysis.authenticity.reasons import CATALOGUE
    from greenproof.analysis.authenticity.ways import WAYS
    from greenproof.analysis.authenticity.words import WORDS
    from greenproof.analysis.measure.rules import kinds
    from greenproof.model.error_codes import ERRORS

    return _fitting(iter((*CATALOGUE, *WAYS, *WORDS, *kinds(), *ERRORS)), typed)


def runs(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Offers the ids of recorded runs, the latest first."""
    with contextlib.suppress(Exception):
        from greenproof.ledger import Ledger

        path = _configuration(context)
        folder = path.parent if path else Path.cwd()
        with Ledger.open(folder / ".greenproof" / "ledger.db", create=False) as ledger:
            started = [entry.run for entry in ledger.entries(kinds=("RunStarted",))]
            return _fitting(iter(started[::-1]), typed)
    return []


def _configuration(context: click.Context) -> Path | None:
    from greenproof.config.finding import find

    named = context.params.get("config")
    return Path(named) if named else find(Path.cwd())


def _document(context: click.Context) -> dict[str, Any]:
    import tomllib

    with contextlib.suppress(OSError, ValueError, RecursionError):
        path = _configuration(context)
        if path is not None and path.is_file() and path.stat().st_size <= _LARGEST:
            return tomllib.loads(path.read_text("utf-8"))
    return {}


def _fitting(names: Iterator[str], typed: str) -> list[str]:
    found = dict.fromkeys(name for name in names if name.startswith(typed) and _WORD.fullmatch(name))
    return list(found)[:_MOST]
