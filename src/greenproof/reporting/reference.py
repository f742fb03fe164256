"""Reference pages from what the program itself knows, so that they can't fall behind it."""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum

_HEADER = "<!-- Made by `python scripts/reference.py`; a test compares it with the program. -->"


def reasons_page(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """docs/reasons.md from (code, verdict or `finding`, meaning, remedy)."""
    lines = [
        "# Reason codes",
        "",
        _HEADER,
        "",
        "`greenproof explain CODE` prints the same. A finding is about the run as a whole.",
        "",
        "| code | verdict | meaning | what to do |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{code}` | {verdict} | {meaning} | {remedy} |" for code, verdict, meaning, remedy in rows]
    return "\n".join(lines) + "\n"


def commands_page(helps: Mapping[str, str], exits: type[IntEnum]) -> str:
    """docs/commands.md from the help text of each command."""
    return "\n".join(_commands(helps, exits)) + "\n"


def _commands(helps: Mapping[str, str], exits: type[IntEnum]) -> Iterator[str]:
    yield from ("# Commands", "", _HEADER, "", "Results go to stdout, talk goes to stderr.", "", "## Exit codes", "")
    yield from ("| code | name |", "|---|---|")
    for code in exits:
        yield f"| {int(code)} | {code.name.lower().replace('_', ' ')} |"
    yield ""
    yield "They apply in the order 3, 2, 4, 1, 5, 6, 0: a run that failed and is also inconclusive exits with 1."
    for name, text in helps.items():
        yield from ("", f"## {name}", "", "```text", text.rstrip(), "```")
