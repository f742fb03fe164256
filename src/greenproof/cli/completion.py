"""`greenproof completion SHELL`: the script that teaches a shell to complete."""

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_GREENPROOF_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that teaches SHELL to complete commands, options, names, runs and codes.

    \b
    ~/.bashrc:                   eval "$(greenproof completion bash)"
    ~/.zshrc:                    eval "$(greenproof completion zsh)"
    ~/.config/fish/config.fish:  greenproof completion fish | source
    """
    from greenproof.cli.main import root

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(root, {}, "greenproof", _VARIABLE)
    click.echo(script.source_template % script.source_vars())
