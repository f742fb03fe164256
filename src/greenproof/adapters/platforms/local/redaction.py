"""Keeps secrets out of logs, errors and screens."""

import re
from collections.abc import Iterable

REPLACEMENT = "[redacted]"
SHORTEST = 4
"""Values shorter than this are not replaced: they would tear up ordinary words."""

_IN_URL = re.compile(r"(?P<head>\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@]*:)[^\s@/]+(?=@)")
_NAMED = re.compile(
    r"(?P<head>\b(?:password|passwd|pwd|pgpassword)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+",
    re.IGNORECASE,
)


class Redactor:
    """Replaces known secret values, and whatever looks like a password."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Add values that must never be shown."""
        self._values |= {value for value in values if len(value) >= SHORTEST}
        # The longest first: one secret may begin with another.
        ordered = sorted(self._values, key=lambda value: (-len(value), value))
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REPLACEMENT, text)
        if "://" in text:
            text = _IN_URL.sub(rf"\g<head>{REPLACEMENT}", text)
        return _NAMED.sub(rf"\g<head>{REPLACEMENT}", text)
