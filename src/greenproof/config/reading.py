"""From a file to a TOML document: everything that can be wrong before the first key is looked at."""

import re
import stat
import tomllib
from pathlib import Path

from greenproof.model.errors import ConfigurationError, Problem

LARGEST = 1024 * 1024
"""Bytes; a larger file is refused without being read."""

DEEPEST = 32
"""Levels of tables and lists."""

_AT = re.compile(r"\s*\(at line (\d+), column (\d+)\)|\s*\(at end of document\)")
# A key of thousands of parts takes tomllib quadratic time, so such keys are refused before it sees them.
_DEEP_KEY = re.compile(
    r"(?<![\w-])(?:(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}" % DEEPEST,  # noqa: UP031
)
_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def read(path: Path) -> tuple[str, dict[str, object]]:
    """The text and the parsed document of a TOML file.

    Raises ConfigurationError with one problem.
    """
    text = _decoded(_bytes(path), path)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise _error(
            path, line, "config-nul-byte", "the file holds a NUL byte", "text", "save it again as plain text in UTF-8"
        )
    _refuse_deep_keys(text, path)
    return text, _parsed(text, path)


def _bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _error(
                path,
                None,
                "config-not-a-file",
                "this is a folder",
                "a file",
                f"name the file in it: {path / 'greenproof.toml'}",
            )
        if not stat.S_ISREG(status.st_mode):
            raise _error(path, None, "config-not-a-file", "this is not an ordinary file", "a file of text")
        if status.st_size > LARGEST:
            raise _error(
                path, None, "config-too-large", f"the file has {status.st_size:,} bytes", f"at most {LARGEST:,} bytes"
            )
        with path.open("rb") as stream:
            return stream.read(LARGEST)
    except FileNotFoundError as error:
        raise _error(
            path, None, "config-missing-file", "there is no such file", "a configuration", "is this the right folder?"
        ) from error
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise _error(
            path, None, "config-unreadable", f"the file cannot be read: {detail}", "a file that this user may read"
        ) from error


def _decoded(content: bytes, path: Path) -> str:
    # Some editors write a byte order mark; TOML has none.
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        guess = _ENCODINGS.get(content[:2])
        hint = f"the file looks like {guess}; " if guess else ""
        raise _error(
            path,
            line,
            "config-not-utf8",
            f"byte 0x{content[error.start]:02x} (the {column}. of line {line}) is not UTF-8",
            "text in UTF-8",
            f"{hint}save it again as UTF-8",
        ) from error


def _refuse_deep_keys(text: str, path: Path) -> None:
    found = _DEEP_KEY.search(text)
    if found:
        line = text[: found.start()].count("\n") + 1
        raise _error(path, line, "config-too-deep", "a key has too many parts", f"at most {DEEPEST} levels")


def _parsed(text: str, path: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise _error(
            path, None, "config-too-deep", "lists or tables are nested too deeply", f"at most {DEEPEST} levels"
        ) from error
    except ValueError as error:
        raise _syntax(error, text, path) from error
    if _depth(document) > DEEPEST:
        raise _error(
            path, None, "config-too-deep", "lists or tables are nested too deeply", f"at most {DEEPEST} levels"
        )
    return document


def _syntax(error: ValueError, text: str, path: Path) -> ConfigurationError:
    message = str(error)
    found = _AT.search(message)
    line = None
    if found:
        line = int(found[1]) if found[1] else text.rstrip("\n").count("\n") + 1
    return _error(
        path, line, "config-not-toml", f"this is not TOML: {_AT.sub('', message)}", "TOML", "see https://toml.io"
    )


def _depth(document: object) -> int:
    deepest, waiting = 0, [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [(item, depth + 1) for item in inner]
    return deepest


def _error(
    path: Path, line: int | None, code: str, message: str, expected: str, hint: str | None = None
) -> ConfigurationError:
    return ConfigurationError(str(path), [Problem(line, "the file", message, expected, hint, code)])
