"""What a read-only run can say of itself: what was the same before and after, and what was not."""

from collections.abc import Iterator

from greenproof.model.text import printable
from greenproof.model.unchanged import Comparison

_SHOWN = 20


def unchanged_lines(compared: Comparison) -> Iterator[str]:
    """Plain lines, readable without colour."""
    counted = ", ".join(f"{part} {count}" for part, count in compared.counts.items())
    verb = "nothing was changed" if not compared.changes else f"{len(compared.changes)} things are not as they were"
    yield f"read-only: {verb}; compared before and after: {counted}"
    for change in compared.changes[:_SHOWN]:
        before, after = change.before[:100], change.after[:100]
        yield printable(f"  {change.part}: {change.name}: {before}, now {after}")
    if len(compared.changes) > _SHOWN:
        yield f"  and {len(compared.changes) - _SHOWN} more"
    for text in dict.fromkeys((*compared.before.not_seen, *compared.after.not_seen)):
        yield printable(f"  not compared: {text}")
