"""Whether anything was changed between two looks at a system."""

from collections.abc import Mapping

from greenproof.model.unchanged import Change, Look

_ABSENT = "(absent)"


def changes(before: Look, after: Look) -> tuple[Change, ...]:
    """Everything that is not as it was, sorted by part and name."""
    found = []
    for part in sorted({*before.parts, *after.parts}):
        found += _changed(part, before.parts.get(part, {}), after.parts.get(part, {}))
    return tuple(found)


def _changed(part: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [Change(part, name, old.get(name, _ABSENT), new.get(name, _ABSENT)) for name in names]
