"""Side releases, for people and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from greenproof.model.sides import SideRelease
from greenproof.model.text import printable


def side_line(side: SideRelease) -> str:
    """One line: its name, what it consists of, and what is different from its base."""
    owner = f", of run {side.owner}" if side.owner else ""
    base = f", beside {side.base}" if side.base and side.release.name != side.base else ""
    return f"side release {side.name}: {side.release.name}{base}, {side.state}, data {side.data}{owner}"


def side_lines(side: SideRelease) -> Iterator[str]:
    """The whole: what it is, then each service with its own address, then what is worth knowing."""
    yield printable(side_line(side))
    for revision in side.release.revisions:
        changed = [*(["changed"] if revision.service in side.changed else [])]
        changed += [f"{name} set" for name in side.settings.get(revision.service, ())]
        changed += ["migrated on the copy"] if revision.name in side.migrated else []
        said = f"  ({', '.join(changed)})" if changed else ""
        yield printable(f"  {revision.service:12} {side.addresses.get(revision.service, '-'):28} {revision.name}{said}")
    for note in side.notes:
        yield printable(f"  note: {note}")


def aside_line(side: SideRelease) -> str:
    """What stands beside the verdict of a run: it is not about the current release."""
    named = ", ".join(one.name for one in side.release.revisions if one.service in side.changed) or "nothing changed"
    return printable(f"tested: the side release {side.name} ({side.release.name}: {named}), not the current release")


def side_document(side: SideRelease) -> dict[str, Any]:
    """As plain JSON values."""
    return asdict(side)
