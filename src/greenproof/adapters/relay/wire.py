"""Frozen dataclasses to JSON and back, for the pipe between the orchestrator and the witness."""

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

PARTS = ("exchanges", "cases", "fixtures", "collected", "answers")
"""Fields of the facts of a run that are told in parts, before the rest."""


def encode(message: Any) -> bytes:
    """One line of JSON, with any of our values in it."""
    return _encode(message).encode() + b"\n"


def _plain(value: Any) -> Any:
    """What JSON does not know by itself, one level deep; enumerations of ours are texts."""
    if is_dataclass(value) and not isinstance(value, type):
        names, values = _fields(type(value))
        return dict(zip(names, values(value), strict=True))
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be told")


@lru_cache(maxsize=64)
def _fields(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind))
    get = attrgetter(*names)
    return names, get if len(names) > 1 else lambda value: (get(value),)


_encode = json.JSONEncoder(default=_plain).encode


def load[T](kind: type[T], value: Any) -> T:
    """The inverse of `encode`, after `json.loads`, for a value of type `kind`. Raises ValueError or TypeError."""
    return cast("T", _load(kind, value))


def _load(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _load(next(arm for arm in get_args(kind) if arm is not type(None)), value)
    if origin is tuple:
        return _load_tuple(get_args(kind), value)
    if origin is not None:
        arm = get_args(kind)[1]
        return {key: _load(arm, item) for key, item in value.items()}
    if is_dataclass(kind):
        record: Any = kind
        hints = _hints(record)
        return record(**{key: _load(hints[key], item) for key, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, (Enum, Path)):
        return kind(value)
    return value


def _load_tuple(arms: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if len(arms) == 2 and arms[1] is Ellipsis:
        return tuple(_load(arms[0], item) for item in value)
    return tuple(_load(arm, item) for arm, item in zip(arms, value, strict=True))


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
