"""Loading: file, shape, rules and references, and every mistake of the last three at once."""

from pathlib import Path

from pydantic import ValidationError

from greenproof.config import references, rules
from greenproof.config.building import build
from greenproof.config.document import SCHEMA, Document
from greenproof.config.lines import index
from greenproof.config.mistakes import Mistake, from_pydantic, problems
from greenproof.config.raw import Raw
from greenproof.config.reading import read
from greenproof.model.errors import ConfigurationError
from greenproof.model.plan import Plan


def load(path: Path) -> Plan:
    """The plan that a `greenproof.toml` declares.

    Raises ConfigurationError with every mistake, in the order of the file. Nothing is run and nothing is written.
    """
    text, document = read(path)
    root = path.absolute().parent
    shaped, mistakes = _shaped(document)
    raw = Raw(document)
    mistakes += [*rules.check(raw, root), *references.check(raw)]
    if shaped is not None and not mistakes:
        return build(shaped, root)
    if newer := _newer(document):
        mistakes = [newer, *(one for one in mistakes if one.path != ("schema",) and one.code not in _PERHAPS_NEW)]
    raise ConfigurationError(str(path), problems(mistakes, index(text)))


_PERHAPS_NEW = frozenset({"config-unknown-key", "config-missing-key", "config-unknown-value"})
"""What is no mistake for certain in a file of a newer version: it may have other keys and values."""


def _newer(document: dict[str, object]) -> Mistake | None:
    """The file was written for a newer version."""
    version = document.get("schema")
    if type(version) is not int or version <= SCHEMA:
        return None
    said = f"this file was written for a newer Greenproof (version {version} of the format)"
    return Mistake(("schema",), "config-newer", said, f"at most {SCHEMA}", "use the newer Greenproof")


def _shaped(document: dict[str, object]) -> tuple[Document | None, list[Mistake]]:
    try:
        return Document.model_validate(document), []
    except ValidationError as error:
        return None, from_pydantic(error)
