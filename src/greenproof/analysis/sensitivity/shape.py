"""The places of a JSON document: how they are named, found and rewritten."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from greenproof.analysis.sensitivity.operator import REMOVED

MOST_PLACES = 500
"""Places of one document that are told apart."""
_DEEPEST = 40
_LONGEST_KEY = 80
_IDENTIFIER = re.compile(
    r"\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{12,}|(?=[a-f]*\d)[0-9a-f]{8,}|(?=.*\d)[A-Za-z0-9_-]{16,}"
)


def read(body: bytes) -> Any:
    """The document in a body. Raises ValueError if there is none that can be walked through."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("a document that is too deep") from None


def write(document: Any, like: bytes) -> bytes:
    """A document in the style of another one: compact or spaced, in ASCII or not."""
    compact = b", " not in like and b": " not in like
    separators = (",", ":") if compact else (", ", ": ")
    try:
        return json.dumps(document, separators=separators, ensure_ascii=like.isascii()).encode()
    except UnicodeEncodeError:
        # Half a character, which only an escape can hold.
        return json.dumps(document, separators=separators).encode()


def kind(value: Any) -> str:
    """`object`, `array-empty`, `array-one`, `array`, `string`, `integer`, `number`, `boolean` or `null`."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, list):
        return ("array-empty", "array-one")[len(value)] if len(value) < 2 else "array"
    names = {dict: "object", str: "string", int: "integer", float: "number"}
    return names.get(type(value), "null")


def shape(document: Any) -> tuple[tuple[str, str], ...]:
    """Each (pointer, kind) of a document once, sorted; at most MOST_PLACES.

    >>> shape({"items": [{"price": 1}, {"price": 2}]})
    (('', 'object'), ('/items', 'array'), ('/items/*', 'object'), ('/items/*/price', 'integer'))
    """
    found: set[tuple[str, str]] = set()
    for pointer, value in _walk(document, "", 0):
        found.add((pointer, kind(value)))
        if len(found) >= MOST_PLACES:
            break
    return tuple(sorted(found))


def rewrite(document: Any, pointer: str, change: Callable[[Any], Any]) -> Any:
    """The document with every place of that name changed; what becomes REMOVED is taken out."""
    return _rewritten(document, pointer.split("/")[1:], change)


def _walk(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, Any]]:
    yield pointer, value
    if depth >= _DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{pointer}/{_named(key)}", depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, f"{pointer}/*", depth + 1)


def _named(key: str) -> str:
    """A key as a part of a pointer (RFC 6901); one that is an identifier differs from run to run."""
    if _IDENTIFIER.fullmatch(key):
        return "{id}"
    text = key.encode("utf-8", "replace").decode()
    return text.replace("~", "~0").replace("/", "~1")[:_LONGEST_KEY]


def _rewritten(value: Any, tokens: list[str], change: Callable[[Any], Any]) -> Any:
    if not tokens:
        return change(value)
    first, rest = tokens[0], tokens[1:]
    if isinstance(value, dict):
        pairs = ((key, _rewritten(item, rest, change) if _named(key) == first else item) for key, item in value.items())
        return {key: item for key, item in pairs if item is not REMOVED}
    if isinstance(value, list) and first == "*":
        items = [_rewritten(item, rest, change) for item in value]
        return [item for item in items if item is not REMOVED]
    return value
