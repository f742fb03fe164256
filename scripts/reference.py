"""Write docs/commands.md, docs/reasons.md, docs/measure-findings.md and docs/errors.md from the program."""

import sys
from pathlib import Path
from typing import Any

import click

from greenproof.analysis.authenticity.reasons import CATALOGUE
from greenproof.analysis.authenticity.ways import WAYS, example_of, ways_to
from greenproof.analysis.authenticity.words import WORDS
from greenproof.analysis.measure.rules import kinds
from greenproof.cli.main import root
from greenproof.model.error_codes import ERRORS
from greenproof.model.exits import ExitCode
from greenproof.reporting.reference import commands_page, errors_page, findings_page, reasons_page

DOCS = Path(__file__).resolve().parent.parent / "docs"


def pages() -> dict[Path, str]:
    """Path of each page, and its text."""
    rows = (
        (k.code, k.verdict.value if k.verdict else "finding", k.meaning, _example(k.code), k.remedy)
        for k in CATALOGUE.values()
    )
    ways = ((way.code, way.meaning, way.example, way.reasons) for way in WAYS.values())
    words = ((w.code, w.sort.value, w.meaning, w.leads_to, w.remedy) for w in WORDS.values())
    return {
        DOCS / "reasons.md": reasons_page(rows, ways, words),
        DOCS / "measure-findings.md": findings_page(
            (k.code, k.weight.value, k.meaning, k.example, k.remedy) for k in kinds().values()
        ),
        DOCS / "errors.md": errors_page(
            (k.code, " or ".join(str(int(c)) for c in k.exits), k.meaning, k.example, k.remedy) for k in ERRORS.values()
        ),
        DOCS / "commands.md": commands_page(dict(_helps(root, "greenproof", None)), ExitCode),
    }


def _example(reason: str) -> str:
    example = example_of(reason)
    if "\n" not in example:
        return example
    return f"the way `{next(way.code for way in ways_to(reason) if way.example == example)}`"


def _helps(command: click.Command, name: str, parent: click.Context | None) -> list[tuple[str, str]]:
    # With the settings of the command, as a user sees it: click remembers the first help option that it made.
    settings: dict[str, Any] = {**command.context_settings, "terminal_width": 100}
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent, **settings)
    found = [(name, command.get_help(context))]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            inner = command.get_command(context, child)
            if inner is not None:
                found += _helps(inner, f"{name} {child}", context)
    return found


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.name}\n")
