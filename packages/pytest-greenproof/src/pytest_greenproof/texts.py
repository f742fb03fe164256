"""Texts and messages as they go over the wire."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Sequence, TypeVar

LIMIT = 2000
"""Longest text of a failure, in characters."""

PART = 200_000
"""Characters of ids in one message: even if each is escaped it stays below 1 MiB."""

Entry = TypeVar("Entry")

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
_decode = json.JSONDecoder().decode


def encode(message: Dict[str, Any]) -> bytes:
    """One line. ASCII only, so that lone surrogates and NULs of hostile ids survive as escapes."""
    return _encode(message).encode("ascii") + b"\n"


def decode(line: bytes) -> Dict[str, Any]:
    """The object of one line; ValueError if it is anything else."""
    try:
        message = _decode(line.decode("utf-8"))
    except RecursionError:
        raise ValueError("a message is not so deep") from None
    if not isinstance(message, dict):
        raise ValueError("a message is an object")
    return message


def head(text: str, limit: int = LIMIT) -> str:
    """The first `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def tail(text: str, limit: int = LIMIT) -> str:
    """The last `limit` characters: where a traceback says what happened."""
    return text if len(text) <= limit else "…" + text[1 - limit :]


def size(entries: Sequence[Any]) -> int:
    """Characters of a list of texts, or of lists of texts, with what JSON puts around each."""
    return sum(4 + (len(entry) if isinstance(entry, str) else size(entry)) for entry in entries)


def parts(entries: Sequence[Entry], limit: int = PART) -> Iterator[List[Entry]]:
    """Cut a list so that each part has at most `limit` characters (see `size`), or one entry."""
    part: List[Entry] = []
    room = limit
    for entry in entries:
        length = size([entry])
        if part and length > room:
            yield part
            part, room = [], limit
        part.append(entry)
        room -= length
    if part:
        yield part
