"""Values as JSON-able records and back: what events, and the state of a run between its steps, are kept as."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints


def fields_of(value: Any) -> dict[str, object]:
    """The fields of a dataclass as JSON-able values, by name.

    Raises ValueError for a number that is not finite, TypeError for a value that JSON doesn't know.
    """
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"{value} is not a finite number")
        return value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return fields_of(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def read[T](kind: type[T], record: object) -> T:
    """The value of a dataclass `kind` that `fields_of` turned into this record.

    Fields that `kind` doesn't have are left out. Raises TypeError, ValueError or KeyError for what is no such value.
    """
    return cast("T", _reader(kind)(record))


type _Reader = Callable[[Any], Any]


_READERS: dict[Any, _Reader] = {}


def _reader(kind: Any) -> _Reader:
    """A function that reads values of a field's type."""
    if kind not in _READERS:
        _READERS[kind] = _new_reader(kind)
    return _READERS[kind]


def _new_reader(kind: Any) -> _Reader:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind
    if origin in {Union, UnionType}:
        return _optional_reader(arguments)
    if origin is tuple:
        return _tuple_reader(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_reader(arguments)
    return _scalar_reader(kind)


def _dataclass_reader(kind: Any) -> _Reader:
    readers = {name: _reader(hint) for name, hint in get_type_hints(kind).items()}

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError(f"{kind.__name__} needs fields")
        return kind(**{name: readers[name](item) for name, item in value.items() if name in readers})

    return read


def _optional_reader(arguments: tuple[Any, ...]) -> _Reader:
    (inner,) = (_reader(argument) for argument in arguments if argument is not NoneType)
    return lambda value: None if value is None else inner(value)


def _tuple_reader(arguments: tuple[Any, ...]) -> _Reader:
    repeated = len(arguments) == 2 and arguments[1] is Ellipsis
    readers = [_reader(argument) for argument in arguments if argument is not Ellipsis]

    def read(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise TypeError("a list was expected")
        if repeated:
            return tuple(readers[0](item) for item in value)
        return tuple(reader(item) for reader, item in zip(readers, value, strict=True))

    return read


def _mapping_reader(arguments: tuple[Any, ...]) -> _Reader:
    inner = _reader(arguments[1])

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise TypeError("a mapping was expected")
        return {str(key): inner(item) for key, item in value.items()}

    return read


def _scalar_reader(kind: Any) -> _Reader:
    accepted: tuple[type, ...] = (int, float) if kind is float else (kind,)

    def read(value: Any) -> Any:
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{kind.__name__} was expected, found {type(value).__name__}")
        return value

    return read
