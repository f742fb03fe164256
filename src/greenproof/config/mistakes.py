"""Mistakes: from what pydantic and the rules say to problems with a line, a key, an expectation and a hint."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from greenproof.config.document import (
    HEADER_PATTERN,
    NAME_PATTERN,
    PATH_PATTERN,
    SCHEMA,
    TEXT_PATTERN,
    VARIABLE_PATTERN,
    Document,
)
from greenproof.config.lines import Path, line_of
from greenproof.model.errors import Problem

NAME_EXPECTED = "lower-case letters, digits, '_' and '-', at most 41, beginning with a letter or digit"

MOST_SEARCHES = 100
MOST_NAMES = 20

_PATTERNS = {
    NAME_PATTERN: NAME_EXPECTED,
    VARIABLE_PATTERN: "the name of a variable: letters, digits and '_', not beginning with a digit",
    HEADER_PATTERN: "the name of a header: letters, digits and !#$%&'*+.^_`|~-",
    PATH_PATTERN: "a path that begins with '/', without spaces, '?' and '#'",
    TEXT_PATTERN: "a text that is not empty",
}
_TYPES = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_FOUND = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list"}


type Hint = str | Callable[[], str | None] | None


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake, before its line is known."""

    path: Path
    code: str
    """As the catalogue of error codes knows it."""
    message: str
    expected: str
    hint: Hint = None


def problems(mistakes: Sequence[Mistake], lines: dict[Path, int]) -> list[Problem]:
    """The mistakes in the order of the file, each once."""
    once = {(mistake.path, mistake.message): mistake for mistake in mistakes}
    ordered = sorted(once.values(), key=lambda mistake: (line_of(lines, mistake.path) or 0, dotted(mistake.path)))
    return [_problem(mistake, lines, number) for number, mistake in enumerate(ordered)]


def _problem(mistake: Mistake, lines: dict[Path, int], number: int) -> Problem:
    hint = mistake.hint
    if callable(hint):
        # The search for a near name is slow; nobody reads the hundred and first.
        hint = hint() if number < MOST_SEARCHES else None
    line, where = line_of(lines, mistake.path), dotted(mistake.path)
    return Problem(line, where, mistake.message, mistake.expected, hint, mistake.code)


def dotted(path: Path) -> str:
    """`claims[0].tests[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def did_you_mean(name: str, known: Collection[str]) -> Hint:
    """A hint that names the nearest known name, searched for when it is shown."""
    return lambda: _nearest(name, known)


def one_of(known: Collection[str]) -> str:
    """`one of a, b, c`, cut off where nobody reads on."""
    shown = ", ".join(sorted(known)[:MOST_NAMES])
    return f"one of {shown}" + (f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else "")


def _nearest(name: str, known: Collection[str]) -> str | None:
    near = get_close_matches(name[:100], sorted(known)[:500], n=1)
    if not near:
        near = [one for one in known if one.lower() == name.lower()]
    return f"did you mean {near[0]!r}?" if near else None


def from_pydantic(error: ValidationError) -> list[Mistake]:
    """One mistake for each error of the shape."""
    return [_mistake(detail) for detail in error.errors(include_url=False)]


def _mistake(detail: ErrorDetails) -> Mistake:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return _missing(path)
    if kind in _TYPES:
        return Mistake(path, "config-wrong-type", f"found {_found(detail['input'])}", _TYPES[kind])
    if "[key]" in detail["loc"]:
        expected = _PATTERNS.get(context.get("pattern", ""), detail["msg"])
        return Mistake(path, "config-bad-name", f"{path[-1]!r} can't be a name here", expected)
    return _wrong_value(path, kind, detail, context)


def _wrong_value(path: Path, kind: str, detail: ErrorDetails, context: Mapping[str, Any]) -> Mistake:
    value = detail["input"]
    if path == ("schema",):
        return Mistake(path, "config-version", f"{value} is not a version of this format", f"{SCHEMA}")
    if kind == "literal_error":
        options = context["expected"].replace("'", "")
        return Mistake(
            path,
            "config-unknown-value",
            f"{_shown(value)} is not known here",
            f"one of {options}",
            did_you_mean(str(value), options.replace(" or ", ", ").split(", ")),
        )
    if kind == "string_pattern_mismatch":
        expected = _PATTERNS.get(context["pattern"], f"a text that matches {context['pattern']}")
        return Mistake(path, "config-bad-text", f"{_shown(value)} doesn't fit", expected)
    if kind == "too_short":
        return Mistake(path, "config-empty-list", "the list is empty", "at least one element")
    if kind == "finite_number":
        return Mistake(path, "config-not-finite", f"{value} is not a number to reckon with", "a finite number")
    if kind in _BOUNDS:
        expected = f"{_BOUNDS[kind]} {_bound(context)}"
        return Mistake(path, "config-out-of-range", f"{_shown(value)} is out of range", expected)
    return Mistake(path, "config-invalid", detail["msg"][:200], "a value that fits")


_BOUNDS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
    "string_too_long": "characters: at most",
    "string_too_short": "characters: at least",
}


def _bound(context: Mapping[str, Any]) -> str:
    keys = ("gt", "ge", "lt", "le", "max_length", "min_length")
    return next((f"{context[key]:g}" for key in keys if key in context), "")


def _unknown_key(path: Path) -> Mistake:
    known = _keys_at(path[:-1])
    return Mistake(
        path,
        "config-unknown-key",
        f"{path[-1]!r} is not a key of this table",
        one_of(known),
        did_you_mean(str(path[-1]), known),
    )


def _missing(path: Path) -> Mistake:
    model = _model_at(path[:-1])
    field = _field(model, str(path[-1])) if model else None
    meaning = (field.description or "").rstrip(".") if field else ""
    return Mistake(path, "config-missing-key", f"{path[-1]!r} is missing", meaning or "a value")


def _found(value: object) -> str:
    return _FOUND.get(type(value), "a table" if isinstance(value, dict) else f"a {type(value).__name__}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys_at(path: Path) -> list[str]:
    model = _model_at(path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_at(path: Path) -> type[BaseModel] | None:
    """The model of the table at `path`."""
    kind: Any = Document
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = _field(kind, str(part))
            kind = _inner(field.annotation) if field else None
        else:
            kind = _inner(get_args(kind)[-1]) if get_args(kind) else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _field(model: type[BaseModel], name: str) -> Any:
    return next((field for key, field in model.model_fields.items() if name in (key, field.alias)), None)


def _inner(annotation: Any) -> Any:
    """The annotation without `| None` and `Annotated`; containers stay, to be entered by their next part."""
    if get_origin(annotation) in (dict, list):
        return annotation
    options = [option for option in get_args(annotation) if option is not type(None)]
    return _inner(options[0]) if options else annotation
