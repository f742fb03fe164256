"""What several commands need: the plan, the environment, and where they speak."""

from pathlib import Path
from typing import Any

import click

from greenproof.cli.completing import names_in
from greenproof.model.errors import UsageError
from greenproof.model.plan import Plan

config_option = click.option(
    "--config", "config", type=click.Path(path_type=Path), help="The configuration; else greenproof.toml here or above."
)
environment_option = click.option(
    "--environment",
    "environment",
    shell_complete=names_in("environments"),
    help="The environment; else the first of the file.",
)


def load_plan(config: Path | None, *, required: bool = True) -> Plan:
    """The plan of the configuration that is named or found. Without one, and if none is required, an empty plan."""
    # Imported late: the configuration brings pydantic along.
    from greenproof.config import find, load

    path = config or find(Path.cwd())
    if path is not None:
        return load(path)
    if not required:
        return Plan(root=Path.cwd())
    raise UsageError(
        "there is no greenproof.toml here or above",
        code="no-configuration",
        where=str(Path.cwd()),
        expected="greenproof.toml, or --config FILE",
        hint="greenproof init writes one from what stands here",
    )


def check_json_place(path: str | None) -> None:
    """Whether a result could be written there: asked before the work, not after it."""
    target = Path(path or "-")
    # Pipes and devices are left alone: to open them is to use them.
    if path in (None, "-") or (target.exists() and not target.is_file() and not target.is_dir()):
        return
    new = not target.exists()
    try:
        with target.open("ab"):
            pass
        if new:
            target.unlink()
        return
    except OSError as error:
        why = error.strerror or str(error)
    raise UsageError(
        f"the result can't be written: {why}",
        code="json-not-writable",
        where=str(target),
        expected="a file in a folder that exists and can be written",
        hint="name another file; nothing was run",
    )


def write_json(path: str, value: dict[str, Any]) -> None:
    """Write a result as JSON to a file, or to stdout for `-`."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False)
    if path == "-":
        click.echo(text)
        return
    target = Path(path)
    try:
        # Lone surrogates in test ids can't be encoded; they become '?', the rest stays.
        target.write_text(text + "\n", encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"the result can't be written: {error.strerror}",
            code="json-not-writable",
            where=str(target),
            expected="a file in a folder that exists and can be written",
        ) from error
