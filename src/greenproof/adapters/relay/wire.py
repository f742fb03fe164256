"""Frozen dataclasses to JSON and back, for the pipe between the orchestrator and the witness."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin, get_type_hints


def dump(value: Any) -> Any:
    """The value as JSON can hold it."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: dump(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: dump(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [dump(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def load[T](kind: type[T], value: Any) -> T:
    """The inverse of `dump` for a value of type `kind`. Raises ValueError or TypeError."""
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
