"""Side releases: a mix of revisions and configuration that runs beside the current release, without its traffic."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from greenproof.model.facts import Release

DATA = ("copied", "shared", "empty")
"""Where the stores of a side release come from: a copy of those of the environment, the very same, or new ones."""
LONGEST_NAME = 30
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def is_side_name(text: str) -> bool:
    """Whether it can name a side release: part of a host name, of a traffic tag, of a namespace and of a path."""
    return _NAME.fullmatch(text) is not None


def is_variable(text: str) -> bool:
    """Whether it can name a variable of a process."""
    return _VARIABLE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class SideRequest:
    """What is to be started beside the current release."""

    name: str
    """A DNS label of at most 30 characters: a side release is known by it."""
    base: str | None = None
    """Name of the release that the rest is taken from; None: the current one."""
    revisions: Mapping[str, str] = field(default_factory=dict)
    """Service to the name of a revision that is kept, or of a release: then that service's revision in it."""
    sources: Mapping[str, Path] = field(default_factory=dict)
    """Service to a folder that takes the place of its source."""
    configuration: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """Service to variables that have another value; None: the variable is not set."""
    data: str = "copied"
    """One of `DATA`, as far as the platform can."""
    owner: str = ""
    """The run that it dies with; empty: a person's, which stays until it is ended or the environment goes down."""


@dataclass(frozen=True, slots=True)
class SideRelease:
    """A side release, as it was started."""

    name: str
    release: Release
    """The mix. Its name depends on its revisions alone, as that of every release does."""
    base: str | None = None
    """The release that the rest was taken from."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Service to its URL: its own, none of those of the current release."""
    state: str = "running"
    """`starting`, `running`, or `lost` when what ran it was killed; whatever comes next clears that."""
    data: str = "copied"
    owner: str = ""
    since: str = ""
    """UTC, ISO 8601."""
    changed: tuple[str, ...] = ()
    """Services whose revision is not that of the base."""
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Service to the variables that were changed; their values are in no record."""
    migrated: tuple[str, ...] = ()
    """Revisions whose migration ran on the copy of the data."""
    notes: tuple[str, ...] = ()
    """What is worth knowing, e.g. an address that leads out of the mix."""
    took_s: float = 0.0
    """From the request to ready by identity."""
