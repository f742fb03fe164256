"""Keeps secrets out of logs, errors and screens, with the rules of the whole product and a list that grows."""

from collections.abc import Iterable

from greenproof.model import redaction

REPLACEMENT = redaction.MASK


class Redactor:
    """Replaces known secret values, and whatever looks like a secret; new values can be learnt."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = set(values)
        self._redactor = redaction.Redactor(self._values)

    def learn(self, values: Iterable[str]) -> None:
        """Add values that must never be shown."""
        new = set(values) - self._values
        if new:
            self._values |= new
            self._redactor = redaction.Redactor(self._values)

    def __call__(self, text: str) -> str:
        return self._redactor.text(text)
