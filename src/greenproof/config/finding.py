"""Where the configuration lies."""

from pathlib import Path

NAME = "greenproof.toml"


def find(start: Path) -> Path | None:
    """The nearest `greenproof.toml` in `start` or a folder above it; None if there is none."""
    folder = start.resolve()
    for place in (folder, *folder.parents):
        candidate = place / NAME
        if candidate.is_file():
            return candidate
    return None
