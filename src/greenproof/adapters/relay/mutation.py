"""The value fault: the same shape, other values.

Pure and deterministic: every change is seeded by the content that is changed, so that two runs see the same fault.
"""

import json
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from greenproof.model.faults import Blank

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?=[T ]\d{2}:\d{2}|\Z)")
_URL = re.compile(r"(?:https?|wss?)://[^/?#\s]+")
_TAG = re.compile(r"(<[^>]*>|&#?\w+;)")
_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")(?P<key>\s*:)?|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)',
    re.DOTALL,
)
_NEEDED = re.compile(r"(?:^|[_-])(?:id|uuid|href|url|uri|link|token|ref|cursor)$|[a-z](?:Id|Uuid|Url|Uri|Ref|Token)$")
"""Names of values with which later requests find what an earlier one made."""
_ESCAPE = re.compile(r"(\\u[0-9a-fA-F]{4}|\\.)")


def mutate_json(value: Any) -> Any:
    """Every leaf changed; keys, nesting and array lengths kept."""
    if isinstance(value, dict):
        return {key: item if _frames(key, item) else mutate_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [mutate_json(item) for item in value]
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return mutate_number(value)
    if isinstance(value, str):
        return mutate_string(value)
    return "changed" if value is None else value


def _frames(key: str, value: Any) -> bool:
    """The version of the protocol, which every answer carries, is no value (JSON-RPC 2.0, section 5)."""
    return key == "jsonrpc" and value == "2.0"


@dataclass(frozen=True, slots=True)
class Emptying:
    """What is taken out of an answer."""

    blank: Blank = Blank.OTHER
    lists: bool = False
    """Lists keep their length; else they are empty, or hold something where they were empty."""
    without: tuple[str, ...] = ()
    """Names of fields that go."""
    whole: bool = True
    """Else what later requests need stays: ids and addresses."""
    again: bool = False
    """Values are changed twice: two answers that were equal differ then."""


LISTS_EMPTIED = Emptying()


def empty_json(value: Any, emptying: Emptying = LISTS_EMPTIED, name: str = "") -> Any:
    """The fields are kept, so that nobody only stumbles over the shape. Of lists and values, see `Blank`."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in emptying.without or _frames(key, item)}
        return {key: empty_json(item, emptying, str(key)) for key, item in kept.items()}
    if isinstance(value, list):
        if emptying.lists:
            return [empty_json(item, emptying) for item in value]
        if emptying.blank is Blank.NULL and value and name:
            return None
        return [] if value or emptying.blank is Blank.OTHER else ["changed"]
    if not emptying.whole and _NEEDED.search(name):
        return value
    if emptying.blank is not Blank.OTHER:
        return _nothing(value, emptying.blank)
    if value is None:
        # It holds nothing already.
        return value
    changed = mutate_json(value)
    twice = mutate_json(changed) if emptying.again else value
    # What is changed twice may be what it was.
    return changed if twice == value else twice


def _nothing(value: Any, blank: Blank) -> Any:
    """Nothing in the place of something, and something in the place of nothing."""
    if value is None:
        return "changed"
    if not value:
        return mutate_json(value)
    return type(value)() if blank is Blank.NOTHING else None


def filled_json(value: Any) -> Any:
    """Every empty list with something in it."""
    if isinstance(value, dict):
        return {key: filled_json(item) for key, item in value.items()}
    return value or ["changed"] if isinstance(value, list) else value


def empty(data: bytes, charset: str | None, emptying: Emptying = LISTS_EMPTIED, textual: bool = False) -> bytes:
    """A body with nothing in it, or with something where there was nothing at all.

    What is no JSON has no word left, or other words.
    """
    try:
        value = json.loads(data.decode(charset or "utf-8"))
        emptied = empty_json(value, emptying)
        fills = emptying.blank is Blank.OTHER and not emptying.lists and emptied == value
        return json.dumps(filled_json(value) if fills else emptied).encode()
    except (ValueError, LookupError, RecursionError):
        return mutate_body(data, charset, True) if textual and emptying.lists else b""


def is_blank(data: bytes, charset: str | None) -> bool:
    """Whether it is JSON with nothing in it from the start."""
    try:
        value = json.loads(data.decode(charset or "utf-8"))
    except (ValueError, LookupError, RecursionError):
        return False
    return _holds_nothing(value)


def _holds_nothing(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_frames(key, item) or _holds_nothing(item) for key, item in value.items())
    return value is None or value == []


def mutate_number(value: float) -> float:
    """Another number of the same type and sign, further away than rounding."""
    if isinstance(value, int):
        return value * 2 + 7 if value >= 0 else value * 2 - 7
    if not math.isfinite(value):
        return 7.5
    if abs(value) > 1e300:
        return value / 2
    return value * 2 + 7.5 if value >= 0 else value * 2 - 7.5


def mutate_string(text: str) -> str:
    """Another string of the same length and kind: UUIDs, timestamps and addresses stay what they are."""
    if not text:
        return "x"
    if _UUID.fullmatch(text):
        return _shift_hex(text)
    day = _DAY.match(text)
    if day and (shifted := _shift_day(day)):
        return shifted + text[day.end() :]
    url = _URL.match(text)
    if url and url.end() < len(text):
        return text[: url.end()] + _shift_words(text[url.end() :])
    return _shift_words(text)


def mutate_text(text: str) -> str:
    """A document: JSON by its leaves, else words changed and mark-up kept. The same text: nothing can differ."""
    changed = _mutate_document(text)
    if changed is not None:
        return changed
    parts = _TAG.split(text)
    if not any(_can_shift(part) for part in parts[::2]):
        return text
    return "".join(
        part if index % 2 or not _can_shift(part) else mutate_string(part) for index, part in enumerate(parts)
    )


def mutate_same_length(text: str) -> str:
    """Values of a document changed in place, its length in characters kept; it may be cut off anywhere."""
    if text.lstrip()[:1] in ("{", "["):
        return _TOKEN.sub(_mutate_token, text)
    return "".join(
        part if index % 2 else _shift_words(part) if _can_shift(part) else part
        for index, part in enumerate(_TAG.split(text))
    )


def mutate_bytes(data: bytes) -> bytes:
    """Some bytes changed, the length kept."""
    changed = bytearray(data)
    if changed:
        # The head of a file says what it is: it is spared where there is more to change.
        start = 0 if len(changed) < 32 else 16 + zlib.crc32(data) % 16
        for index in range(start, len(changed), 64):
            changed[index] ^= 0x15
    return bytes(changed)


def mutate_body(data: bytes, charset: str | None, textual: bool) -> bytes:
    """A whole body. The same bytes: nothing in it can differ."""
    return _with_text(data, charset, mutate_text, textual)


def mutate_head(data: bytes, charset: str | None, textual: bool) -> bytes:
    """The first part of a body that is too large to be changed as a whole; its length is kept."""
    return _with_text(data, charset, mutate_same_length, textual)


def mutate_line(line: bytes) -> bytes:
    """One line of a stream of events: the value of a `data:` line, or a line that is JSON itself."""
    body = line.rstrip(b"\r\n")
    end = line[len(body) :]
    if body.startswith(b"data:"):
        space = 6 if body[5:6] == b" " else 5
        return body[:space] + mutate_body(body[space:], None, True) + end
    if body[:1] in (b"{", b"["):
        return mutate_body(body, None, True) + end
    return line


def other_bytes(data: bytes) -> bytes:
    """Bytes of another length and content, for a binary message that is replaced by an error."""
    seed = zlib.crc32(data)
    length = 1 + seed % (2 * len(data) + 16)
    made = bytes((seed >> (index % 24)) & 0xFF ^ (index & 0xFF) for index in range(length))
    return made if made != data else made + b"\x00"


def _with_text(data: bytes, charset: str | None, change: Callable[[str], str], textual: bool) -> bytes:
    if not textual:
        return mutate_bytes(data)
    try:
        return change(data.decode(charset or "utf-8")).encode(charset or "utf-8")
    except (UnicodeError, LookupError):
        return mutate_bytes(data)


def _mutate_document(text: str) -> str | None:
    if text.lstrip()[:1] not in ("{", "[", '"', "t", "f", "n", "-", *"0123456789"):
        return None
    try:
        value = json.loads(text)
        changed = mutate_json(value)
        # Compact or spaced as it was: some tests compare lengths, and nothing else may change.
        compact = ", " not in text and ": " not in text
        separators = (",", ":") if compact else (", ", ": ")
        same = repr(changed) == repr(value)
        ascii_only = text.isascii()
        return text if same else json.dumps(changed, separators=separators, ensure_ascii=ascii_only)
    except (ValueError, RecursionError):
        return None


def _mutate_token(match: re.Match[str]) -> str:
    if match["key"] is not None:
        return match[0]
    if match["number"] is not None:
        return _shift_number(match["number"])
    inner = match["string"][1:-1]
    pieces = _ESCAPE.split(inner)
    return (
        '"'
        + "".join(
            piece if index % 2 or not _can_shift(piece) else _shift_words(piece) for index, piece in enumerate(pieces)
        )
        + '"'
    )


def _shift_number(text: str) -> str:
    """Each digit raised by one, 9 to 1: never a leading zero where there was none."""
    mantissa, mark, exponent = re.split(r"([eE])", text) if re.search("[eE]", text) else (text, "", "")
    return mantissa.translate(_DIGITS) + mark + exponent


_DIGITS = str.maketrans("0123456789", "1234567891")


def _shift_hex(text: str) -> str:
    step = 1 + zlib.crc32(text.lower().encode()) % 15
    # The digits that say version and variant are spared: it stays a UUID of its kind.
    return "".join(
        char if char == "-" or index in (14, 19) else _shift_hex_digit(char, step) for index, char in enumerate(text)
    )


def _shift_hex_digit(char: str, step: int) -> str:
    digit = f"{(int(char, 16) + step) % 16:x}"
    return digit.upper() if char.isupper() else digit


def _shift_day(match: re.Match[str]) -> str | None:
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    try:
        return (day + timedelta(days=400)).isoformat()
    except OverflowError:
        return (day - timedelta(days=400)).isoformat()


def _can_shift(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _shift_words(text: str) -> str:
    seed = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    letters, digits = 1 + seed % 25, 1 + seed % 9
    shifted = "".join(_shift_char(char, letters, digits) for char in text)
    if shifted != text:
        return shifted
    return ("x" if text[0] != "x" else "y") + text[1:]


def _shift_char(char: str, letters: int, digits: int) -> str:
    if "a" <= char <= "z":
        return chr((ord(char) - 97 + letters) % 26 + 97)
    if "A" <= char <= "Z":
        return chr((ord(char) - 65 + letters) % 26 + 65)
    if "0" <= char <= "9":
        return chr((ord(char) - 48 + digits) % 10 + 48)
    if char.isalpha():
        return next((c for c in (chr(ord(char) ^ 1), chr(ord(char) ^ 2)) if c.isalpha()), char)
    return char
