"""Single values: another one of the same kind, one of another kind, or none."""

import math
import random
from collections.abc import Callable
from typing import Any

from greenproof.analysis.sensitivity.operator import Operator
from greenproof.analysis.sensitivity.shape import kind
from greenproof.model.sensitivity import Means

KINDS = frozenset(
    {"object", "array-empty", "array-one", "array", "string", "integer", "number", "boolean", "null"},
)
_STRING = frozenset({"string"})
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_SPECIAL = "/\\*,;'\"<>´¡¿%&€#"
_LONGEST = 10_000
_OTHERS: tuple[Any, ...] = ("changed", 42, 4.5, True, {}, [])


def _typed(value: Any, dice: random.Random) -> Any:
    """A value of another JSON type; whole numbers and others are one type."""
    numbers = {"integer", "number"}
    own = kind(value)
    family = numbers if own in numbers else {"array", "array-empty", "array-one"} if own.startswith("array") else {own}
    return dice.choice([one for one in _OTHERS if kind(one) not in family])


def _all_typed(value: Any, dice: random.Random) -> Any:
    """The same skeleton, but each leaf in it is of another type."""
    if isinstance(value, dict):
        return {key: _all_typed(item, dice) for key, item in value.items()}
    if isinstance(value, list):
        return [_all_typed(item, dice) for item in value]
    return _typed(value, dice)


def _number(value: float, dice: random.Random) -> float:
    """Another number of the same type, further away than rounding."""
    step = dice.randrange(11, 1000)
    if isinstance(value, int):
        return value + step if value < 10**15 else value // 2
    if not math.isfinite(value):
        return step + 0.5
    return value + step + 0.5 if abs(value) < 1e12 else value / 2


def _string(value: str, dice: random.Random) -> str:
    made = "".join(dice.choice(_LETTERS) for _ in range(max(8, min(len(value), 64))))
    return made if made != value else f"{made}x"


def _special(value: str, dice: random.Random) -> str:
    place = dice.randrange(len(value) + 1)
    return f"{value[:place]}{dice.choice(_SPECIAL)}{value[place:]}"


def _length(value: str, dice: random.Random) -> str:
    """A case at the border: empty, one character, much longer, all small or all large letters."""
    longer = (value or "x") * 2 if len(value) > _LONGEST else (value or "x").ljust(len(value) + 200, "x")
    found = [made for made in ("", value[:1], longer, value.upper(), value.lower()) if made != value]
    return dice.choice(found)


def _operator(
    name: str,
    text: str,
    source: str | None,
    kinds: frozenset[str],
    value: Callable[[Any, random.Random], Any],
    root: bool = False,
) -> Operator:
    return Operator(name, Means.BODY, text, source, kinds=kinds, root=root, of_field=True, value=value)


OPERATORS = (
    _operator("type-changed", "a value of another type", "PTC", KINDS, _typed),
    _operator(
        "boolean-reversed", "true for false, false for true", "BPR", frozenset({"boolean"}),
        lambda value, dice: not value, root=True,
    ),
    _operator("null-set", "null for a value", "NPS", KINDS - {"null"}, lambda value, dice: None),
    _operator(
        "number-replaced", "another number", "NPR", frozenset({"integer", "number"}), _number, root=True
    ),
    _operator("string-replaced", "another text", "SPR", _STRING, _string, root=True),
    _operator("characters-added", "a text with a special character in it", "SCA", _STRING, _special, root=True),
    _operator(
        "string-length", "a text that is empty, shorter, longer or in other letters", "SRE", _STRING, _length, root=True
    ),
    Operator(
        "types-changed", Means.BODY, "every value of another type", kinds=frozenset({"object", "array", "array-one"}),
        value=_all_typed, whole=True,
    ),
)  # fmt: skip
