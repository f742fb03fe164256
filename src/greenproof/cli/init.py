"""`greenproof init`: a commented greenproof.toml from what stands in the repository."""

import os
from pathlib import Path

import click

from greenproof.cli.context import write_json
from greenproof.cli.output import show
from greenproof.model.errors import UsageError

FILE = "greenproof.toml"


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--stdout", "to_stdout", is_flag=True, help="Show the file, and write nothing.")
@click.option(
    "--json", "json_file", metavar="FILE", help="What was found, as JSON; '-' is stdout. Writes nothing else."
)
def init(folder: Path | None, to_stdout: bool, json_file: str | None) -> None:
    """Write greenproof.toml in FOLDER (else here) from pytest's configuration, addresses, Docker and compose files.

    Each line says where it comes from, and a guess says that it is one. Nothing is asked, nothing is run, and a file
    that is there is never written over.
    """
    from greenproof.adapters.repository import read
    from greenproof.analysis.proposing import propose
    from greenproof.reporting.proposal import proposal_document, proposal_lines, proposal_toml

    root = (folder or Path.cwd()).resolve()
    proposal = propose(read(root))
    if json_file:
        write_json(json_file, proposal_document(proposal))
        return
    if to_stdout:
        click.echo(proposal_toml(proposal), nl=False)
        return
    _write_new(root / FILE, proposal_toml(proposal))
    show([*proposal_lines(proposal), "", f"written: {root / FILE}", *_next(proposal.targets[0].name)])


def _next(target: str) -> list[str]:
    return [
        "next: read the file, then",
        "  greenproof doctor",
        "  greenproof floor -- YOUR TEST COMMAND    # what is green though nothing serves it",
        f"  greenproof prove -- YOUR TEST COMMAND    # against the address of the target {target}",
    ]


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            "there is a greenproof.toml already, and it is never written over",
            code="configuration-exists",
            where=str(path),
            expected="a folder without one",
            hint="greenproof init --stdout shows what it would write",
        ) from None
    except OSError as error:
        raise UsageError(
            f"the file can't be written: {error.strerror}",
            code="configuration-not-writable",
            where=str(path),
            expected="a folder that can be written",
            hint="greenproof init --stdout shows what it would write",
        ) from None
