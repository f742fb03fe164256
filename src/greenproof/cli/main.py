"""The root command, lazy sub-commands, and the one place where errors become exit codes."""

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, override

import click

from greenproof import __version__
from greenproof.adapters import interruption
from greenproof.cli.output import be_writable, tell, tell_lines
from greenproof.cli.usage import Group, from_click
from greenproof.model.errors import GreenproofError, from_system
from greenproof.model.exits import ExitCode

# name -> (module, one line for --help): a new command is one new file and one line here.
COMMANDS = {
    "prove": ("prove", "Run a test command and judge every case: is its green real?"),
    "floor": ("floor", "Before anything is deployed: which tests pass though no backend serves them?"),
    "init": ("init", "Write a commented greenproof.toml from what stands in this repository."),
    "doctor": ("doctor", "What this machine has of what a run needs, and what each missing thing costs."),
    "loop": ("loop", "Ready, deploy, select, execute, judge, remedy, report: turn after turn, unattended."),
    "pause": ("holding", "Ask the loop to wait before its next step."),
    "resume": ("holding", "Let a paused loop go on, or a frozen environment be acted on again."),
    "stop": ("holding", "Ask the loop to stop now; what was finished is recorded."),
    "up": ("environment", "Start the environment: supervisor, dependencies, ingress."),
    "down": ("environment", "Stop everything that `up` started; data is kept."),
    "deploy": ("environment", "Deploy the services as they are now, as one release."),
    "rollback": ("environment", "Go back to the release before, as a whole."),
    "side": ("side", "Mixes of revisions and configuration beside the release, without its traffic."),
    "ready": ("environment", "Is each service ready, proven by its identity?"),
    "status": ("environment", "What is deployed, where it listens, and in which state it is."),
    "logs": ("environment", "Show the log of a service."),
    "history": ("history", "What the runs showed of a case, or of a service."),
    "compare": ("compare", "What changed from one run to another, over a fixed denominator."),
    "measure": ("measure", "What changed in the tests themselves, so that they may be green for less."),
    "drift": ("drift", "Where what is declared, what is deployed and what the tests expect say different things."),
    "ledger": ("ledger", "The record of every run: verify it, read it."),
    "explain": ("explain", "What a reason or error code means, and what to do about it."),
    "completion": ("completion", "The script that teaches bash, zsh or fish to complete."),
}


class LazyGroup(Group):
    """A group whose commands are imported only when they are called."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"greenproof.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="greenproof", message="%(prog)s %(version)s")
def root() -> None:
    """Prove that every green is real, and ship with the evidence.

    Exit codes: 0 verified, 1 failed, 2 interrupted, 3 internal error, 4 usage or configuration, 5 nothing verified,
    6 inconclusive.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code. Whatever goes wrong is one clear message, never a traceback."""
    interruption.install()
    be_writable()
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        interruption.finished()
        tell_lines(["interrupted [interrupted]"], ExitCode.INTERRUPTED)
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        # The interpreter may hold on to an interrupt that came in the middle of an import, and would leave by a signal
        # of its own in the place of our exit code.
        os._exit(ExitCode.INTERRUPTED)
    interruption.finished()
    sys.exit(code)


def _reader_gone(error: Exception) -> bool:
    """Whether a pipe was closed, or the terminal, which a process under nohup outlives."""
    if isinstance(error, BrokenPipeError):
        return True
    if not isinstance(error, OSError) or error.errno != errno.EIO:
        return False
    import termios

    try:
        termios.tcgetattr(sys.stdout.fileno())
    except termios.error as gone:
        return bool(gone.args and gone.args[0] == errno.EIO)
    return False


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = root.main(args=arguments, prog_name="greenproof", standalone_mode=False)
        sys.stdout.flush()
        return int(code) if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return tell(from_click(error))
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except GreenproofError as error:
        return tell(error)
    except Exception as error:
        if _reader_gone(error):
            # Nobody can be told the result.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.FAILED
        known = from_system(error) if isinstance(error, OSError) else None
        if known is not None:
            return tell(known)
        if os.environ.get("GREENPROOF_TRACEBACK"):
            raise
        text = f"error: a defect in greenproof: {type(error).__name__}: {error} [internal-error]"
        lines = [text, "", "hint: set GREENPROOF_TRACEBACK=1 and report what it shows"]
        return tell_lines(lines, ExitCode.INTERNAL_ERROR)
