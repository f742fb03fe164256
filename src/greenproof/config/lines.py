"""A line index: on which line each key and each element of a TOML document stands. `tomllib` doesn't say."""

import re
import tomllib
from bisect import bisect_right

type Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*+")
_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BARE = re.compile(r"[A-Za-z0-9_-]++")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
_LITERAL = re.compile(r"'[^'\n]*+'")
_LONG_BASIC = re.compile(r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*+"{3,5}')
_LONG_LITERAL = re.compile(r"'''(?:[^']|'(?!''))*+'{3,5}")
_SCALAR = re.compile(r"[^,\]}#\n]*+")


def index(text: str) -> dict[Path, int]:
    """The 1-based line of every key and element in a document that `tomllib` accepts.

    Tables stand where their header stands, or else where they are first mentioned. Elements of lists have their
    number as the last part of their path.
    """
    return _Scanner(text.replace("\r\n", "\n")).lines()


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest table or list around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    """Walks once over a document that is known to be valid."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._table: Path = ()

    def lines(self) -> dict[Path, int]:
        """Scan all statements."""
        while self._skip(_BLANK) < len(self._text):
            if self._text.startswith("[[", self._at):
                self._header(2)
            elif self._text[self._at] == "[":
                self._header(1)
            else:
                self._pair(self._table)
        return self._lines

    def _header(self, brackets: int) -> None:
        line = self._line()
        self._at += brackets
        self._skip(_SPACE)
        parts = self._key()
        self._skip(_SPACE)
        self._at += brackets
        path = self._resolve(parts[:-1], line)
        path = (*path, parts[-1])
        if brackets == 2:
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            self._lines.setdefault(path, line)
            path = (*path, number)
        self._table = path
        self._lines[path] = line

    def _resolve(self, parts: list[str], line: int) -> Path:
        """The path of the tables around a header: the last element, where they are arrays of tables."""
        path: Path = ()
        for part in parts:
            path = (*path, part)
            self._lines.setdefault(path, line)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._skip(_SPACE)
        self._at += 1
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        parts = [self._key_part()]
        while self._skip(_SPACE) < len(self._text) and self._text[self._at] == ".":
            self._at += 1
            self._skip(_SPACE)
            parts.append(self._key_part())
        return parts

    def _key_part(self) -> str:
        start = self._at
        mark = self._text[start]
        end = self._skip({'"': _BASIC, "'": _LITERAL}.get(mark, _BARE))
        part = self._text[start:end]
        if end == start:
            raise ValueError(f"no key on line {self._line()}")
        if mark == "'":
            return part[1:-1]
        if mark != '"':
            return part
        return str(tomllib.loads(f"key = {part}")["key"]) if "\\" in part else part[1:-1]

    def _value(self, path: Path) -> None:
        start = self._text[self._at : self._at + 3]
        if start == '"""':
            self._skip(_LONG_BASIC)
        elif start == "'''":
            self._skip(_LONG_LITERAL)
        elif start[:1] == '"':
            self._skip(_BASIC)
        elif start[:1] == "'":
            self._skip(_LITERAL)
        elif start[:1] == "[":
            self._list(path)
        elif start[:1] == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)

    def _list(self, path: Path) -> None:
        self._at += 1
        number = 0
        while self._skip(_BLANK) < len(self._text) and self._text[self._at] != "]":
            self._lines[(*path, number)] = self._line()
            self._value((*path, number))
            number += 1
            self._comma()
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._skip(_BLANK) < len(self._text) and self._text[self._at] != "}":
            self._pair(path)
            self._comma()
        self._at += 1

    def _comma(self) -> None:
        if self._skip(_BLANK) < len(self._text) and self._text[self._at] == ",":
            self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)
