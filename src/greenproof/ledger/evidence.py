"""Evidence: what is too large for a row, in files named by the hash of what they hold."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from greenproof.ledger.chain import canonical
from greenproof.ledger.failures import in_words
from greenproof.ledger.files import Files
from greenproof.model.errors import LedgerError
from greenproof.model.redaction import Redactor

PREFIX = "ev-"
SPILLED = "$body"
"""Marks a row whose body was too large and lies in the evidence that it refers to."""

_IDENTIFIER = re.compile(r"ev-[0-9a-f]{64}\Z")

type Content = bytes | str | dict[str, object] | list[object]


class EvidenceFolder:
    """Content-addressed files below one folder: `ab/<sha256>`."""

    def __init__(self, folder: Path, files: Files, redactor: Redactor) -> None:
        self._folder = folder
        self._files = files
        self._redactor = redactor

    def put(self, content: Content) -> str:
        """Redact and keep; the same content has the same id and one file."""
        return self.keep(self._redacted(content))

    def keep(self, content: bytes) -> str:
        """Keep bytes that are redacted already."""
        identifier = PREFIX + hashlib.sha256(content).hexdigest()
        path = self.path(identifier)
        with in_words(path):
            if not self._holds(path, content):
                self._files.make_folder(path.parent)
                self._files.write(path, content)
        return identifier

    def read(self, identifier: str) -> bytes:
        """The bytes of a piece of evidence, checked against its id."""
        path = self.path(identifier)
        with in_words(path):
            if self._files.start_of(path, 0) is None:
                raise LedgerError(
                    "a piece of evidence is missing",
                    code="evidence-missing",
                    where=str(path),
                    expected="the file that was written with the event",
                )
            content = self._files.read(path)
        if PREFIX + hashlib.sha256(content).hexdigest() != identifier:
            raise LedgerError(
                "a piece of evidence was changed after it was kept",
                code="evidence-changed",
                where=str(path),
                expected="the content that its name is the hash of",
            )
        return content

    def path(self, identifier: str) -> Path:
        """Where a piece of evidence lies. Raises LedgerError for anything that is not an id."""
        if not _IDENTIFIER.match(identifier):
            raise LedgerError(
                f"{identifier[:80]!r} is not an id of evidence", code="evidence-id", expected="ev-<sha256>"
            )
        digest = identifier.removeprefix(PREFIX)
        return self._folder / digest[:2] / digest

    def kept(self) -> Iterator[Path]:
        """Every file of the folder."""
        return self._files.walk(self._folder)

    def content(self, path: Path) -> bytes:
        """The bytes of a file of the folder, unchecked."""
        return self._files.read(path)

    def _holds(self, path: Path, content: bytes) -> bool:
        return self._files.start_of(path, len(content) + 1) == content

    def _redacted(self, content: Content) -> bytes:
        if isinstance(content, str):
            return self._redactor.text(content).encode("utf-8", "backslashreplace")
        if isinstance(content, bytes):
            # Bytes that are not UTF-8 come back exactly as they were.
            text = content.decode("utf-8", "surrogateescape")
            return self._redactor.text(text).encode("utf-8", "surrogateescape")
        try:
            return canonical(self._redactor.tree(content))
        except (TypeError, ValueError) as error:
            raise LedgerError(f"this evidence can't be written as JSON: {error}", code="not-json") from error


def references(value: object) -> Iterator[str]:
    """The ids of evidence that a body refers to: everything under a key `evidence`, at any depth."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _identifiers(item) if key == "evidence" else references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def _identifiers(value: object) -> Iterator[str]:
    if isinstance(value, str) and _IDENTIFIER.match(value):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _identifiers(item)
    elif isinstance(value, Mapping):
        yield from references(value)
