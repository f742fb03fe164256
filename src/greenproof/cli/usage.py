"""Mistakes on the command line, in the shape of every other error: what click says becomes ours."""

import re
from typing import Any, override

import click
from click import exceptions

from greenproof.model.errors import UsageError

_EXTRA = re.compile(r"got unexpected extra arguments? \((.*)\)$", re.DOTALL)
_CLICK = re.compile(r"is not a valid (?:float|integer)(?: range)?$|is not in the range .*$")


def _plain(match: re.Match[str]) -> str:
    return "is out of range" if "in the range" in match[0] else "is not a number"


class Group(click.Group):
    """A group of commands that knows what was probably meant."""

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in known:
            raise no_command(args[0], ctx, known)
        return super().resolve_command(ctx, args)


def from_click(error: click.ClickException) -> UsageError:
    """What click objects to, with the command, what was expected, a hint and a stable code."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "greenproof"
    if isinstance(error, exceptions.NoSuchOption):
        return _no_option(error, context, command)
    if isinstance(error, exceptions.MissingParameter):
        return _missing(error, command)
    if isinstance(error, exceptions.BadParameter):
        return _bad_value(error, command)
    if isinstance(error, exceptions.BadOptionUsage):
        return UsageError(
            _sentence(error.message),
            code="option-value",
            where=f"{command} {error.option_name}" if context else error.option_name,
            expected=f"{error.option_name} followed by its value",
            hint=_help(command if context else "greenproof COMMAND"),
        )
    expected = "a command line as its help shows it"
    text = _sentence(error.format_message())
    if extra := _EXTRA.match(text):
        text = f"there is an argument too many: {extra[1]}"
        return UsageError(text, code="argument-extra", where=command, expected=expected, hint=_help(command))
    return UsageError(text, code="command-line", where=command, expected=expected, hint=_help(command))


def no_command(name: str, context: click.Context, known: list[str]) -> UsageError:
    """There is no such command."""
    # Imported late: --help and --version need none of it.
    from difflib import get_close_matches

    near = get_close_matches(name[:100], known, n=1)
    return UsageError(
        f"there is no command {name[:100]!r}",
        code="unknown-command",
        where=context.command_path,
        expected=f"one of {', '.join(known)}",
        hint=f"did you mean '{context.command_path} {near[0]}'?" if near else _help(context.command_path),
    )


def _no_option(error: exceptions.NoSuchOption, context: click.Context | None, command: str) -> UsageError:
    hint = f"did you mean {error.possibilities[0]}?" if error.possibilities else _help(command)
    if not error.possibilities and context and any(p.name == "command" for p in context.command.params):
        hint = "options of the test command come after '--'"
    return UsageError(
        f"there is no option {error.option_name}",
        code="unknown-option",
        where=command,
        expected=f"an option that `{command} --help` lists",
        hint=hint,
    )


def _missing(error: exceptions.MissingParameter, command: str) -> UsageError:
    name = _name(error)
    return UsageError(
        f"{name} is missing",
        code="argument-missing",
        where=command,
        expected=_expected(error.param) or "a value, as the help shows it",
        hint=_help(command),
    )


def _bad_value(error: exceptions.BadParameter, command: str) -> UsageError:
    return UsageError(
        f"{_name(error)}: {_CLICK.sub(_plain, _sentence(error.message))}",
        code="option-value",
        where=command,
        expected=_expected(error.param) or "a value that fits",
        hint=_help(command),
    )


def _name(error: exceptions.BadParameter) -> str:
    if error.param is None:
        return "a value"
    if isinstance(error.param, click.Option):
        return max(error.param.opts, key=len)
    return (error.param.name or "an argument").upper()


def _expected(parameter: click.Parameter | None) -> str | None:
    kind: Any = parameter.type if parameter else None
    if isinstance(kind, click.Choice):
        return f"one of {', '.join(map(str, kind.choices))}"
    if isinstance(kind, click.IntRange | click.FloatRange):
        noun = "a whole number" if isinstance(kind, click.IntRange) else "a number"
        if kind.max is None:
            return f"{noun}, {'more than' if kind.min_open else 'at least'} {kind.min:g}"
        return f"{noun} from {kind.min:g} to {kind.max:g}"
    plain = {"integer": "a whole number", "float": "a number", "path": "a path"}
    plain["glob"] = "a glob for ids of cases, such as 'test_orders.py::*'"
    return plain.get(getattr(kind, "name", ""))


def _sentence(message: str) -> str:
    """As our own messages are written: no capital at the start, no full stop at the end."""
    text = message.strip().removesuffix(".")
    return text[:1].lower() + text[1:]


def _help(command: str) -> str:
    return f"see `{command} --help`"
