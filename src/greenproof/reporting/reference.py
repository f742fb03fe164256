"""Reference pages from what the program itself knows, so that they can't fall behind it."""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum

_HEADER = "<!-- Made by `python scripts/reference.py`; a test compares it with the program. -->"


def reasons_page(
    rows: Iterable[tuple[str, str, str, str, str]],
    ways: Iterable[tuple[str, str, str, Iterable[str]]],
    words: Iterable[tuple[str, str, str, Iterable[str], str]] = (),
) -> str:
    """docs/reasons.md from (code, verdict or `finding`, meaning, example, remedy), ways: (code, meaning, example,
    codes of reasons), and words: (word, what it names, meaning, codes, remedy).
    """
    lines = [
        "# Reason codes",
        "",
        _HEADER,
        "",
        "`greenproof explain CODE` prints the same. A finding is about the run as a whole.",
        "",
        "| code | verdict | meaning | for example | what to do |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{code}` | {verdict} | {_cell(meaning)} | {_cell(example)} | {_cell(remedy)} |"
        for code, verdict, meaning, example, remedy in rows
    ]
    lines += ["", "## Verdicts, findings of the floor, and other words", ""]
    lines += ["| word | names | meaning | told as | what to do |", "|---|---|---|---|---|"]
    for code, sort, meaning, codes, remedy in words:
        told = ", ".join(f"`{one}`" for one in codes) or "-"
        lines.append(f"| `{code}` | {sort} | {_cell(meaning)} | {told} | {_cell(remedy)} |")
    lines += ["", "## Ways in which a test says nothing", "", "Each example is run by a test of Greenproof itself."]
    for code, meaning, example, reasons in ways:
        told = " or ".join(f"`{reason}`" for reason in reasons)
        lines += ["", f"### `{code}`", "", f"{meaning} Told as {told}.", "", "```python", example, "```"]
    return "\n".join(lines) + "\n"


def findings_page(rows: Iterable[tuple[str, str, str, str, str]]) -> str:
    """docs/measure-findings.md from (code, weight, meaning, example, remedy)."""
    lines = [
        "# Findings about the measure",
        "",
        _HEADER,
        "",
        "What `greenproof measure diff` finds; [measure.md](measure.md) says how. `weakened` gates, a `note` is only",
        "shown. `greenproof explain CODE` prints the same.",
        "",
        "| code | weight | meaning | for example | what to do |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{code}` | {weight} | {_cell(meaning)} | {_cell(example)} | {_cell(remedy)} |"
        for code, weight, meaning, example, remedy in rows
    ]
    return "\n".join(lines) + "\n"


def errors_page(rows: Iterable[tuple[str, str, str, str, str]]) -> str:
    """docs/errors.md from (code, exit codes, meaning, example, remedy)."""
    lines = [
        "# Error codes",
        "",
        _HEADER,
        "",
        "Every error says what happened, where, what was expected and what to do; its code stands at the end of its",
        "first line. `greenproof explain CODE` prints what stands here.",
        "",
        "| code | exit | meaning | for example | what to do |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{code}` | {exits} | {_cell(meaning)} | {_cell(example)} | {_cell(remedy)} |"
        for code, exits, meaning, example, remedy in rows
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    # What stands between backticks or looks like a tag or table would be read as Markdown.
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;").replace("[", "\\[")


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
