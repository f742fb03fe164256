"""`greenproof explain CODE`."""

import click

from greenproof.analysis.authenticity.reasons import CATALOGUE
from greenproof.model.errors import UsageError


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """What a reason code means, and what to do about it. Without CODE: the list of all."""
    if code is None:
        for name, kind in CATALOGUE.items():
            click.echo(f"{name:24} {kind.verdict.value if kind.verdict else 'finding':10} {kind.meaning}")
        return
    if code not in CATALOGUE:
        raise UsageError(
            f"there is no reason code {code!r}",
            code="unknown-reason",
            expected="one of the codes that `greenproof explain` lists",
        )
    kind = CATALOGUE[code]
    click.echo(f"{kind.code}: {kind.verdict.value if kind.verdict else 'a finding about the run'}")
    click.echo(f"  {kind.meaning}")
    click.echo(f"  What to do: {kind.remedy}")
