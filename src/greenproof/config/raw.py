"""A tolerant view of a parsed file: what has the right shape is looked at, the rest is someone else's mistake."""

from collections.abc import Iterator

from greenproof.config.lines import Path

type Tables = dict[str, dict[str, object]]


class Raw:
    """The parsed file, asked for tables, texts and lists; a value of another type counts as absent."""

    def __init__(self, document: dict[str, object]) -> None:
        self.document = document

    def tables(self, section: str) -> Tables:
        """The named tables of a section, `services` or `targets`."""
        found = self.document.get(section)
        if not isinstance(found, dict):
            return {}
        return {name: table for name, table in found.items() if isinstance(table, dict)}

    def names(self, section: str) -> set[str]:
        """The names in a section, also of tables that are wrong in themselves."""
        found = self.document.get(section)
        return set(found) if isinstance(found, dict) else set()

    def rows(self, section: str) -> Iterator[tuple[Path, dict[str, object]]]:
        """The elements of an array of tables, each with its path."""
        found = self.document.get(section)
        for number, table in enumerate(found if isinstance(found, list) else []):
            if isinstance(table, dict):
                yield (section, number), table


def texts(table: dict[str, object], key: str) -> Iterator[tuple[Path, str]]:
    """Every text under a key: the value itself, the elements of a list, or the values of a table."""
    value = table.get(key)
    if isinstance(value, str):
        yield (key,), value
    elif isinstance(value, list):
        yield from (((key, number), item) for number, item in enumerate(value) if isinstance(item, str))
    elif isinstance(value, dict):
        yield from (((key, name), item) for name, item in value.items() if isinstance(item, str))


def table(parent: dict[str, object], key: str) -> dict[str, object]:
    """A table inside a table; empty if there is none."""
    found = parent.get(key)
    return found if isinstance(found, dict) else {}
