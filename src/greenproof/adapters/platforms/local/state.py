"""What an environment remembers of its releases: one file, replaced as a whole, read by whoever comes next.

The file is written before traffic moves. So it always names the release that is live, or the one that is to be
restored; an `intent` in it means that something was begun and not finished.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from greenproof.adapters.platforms.local.layout import Layout, read_json, write_json
from greenproof.model.encoding import fields_of, read
from greenproof.model.errors import PlanError, PlatformError
from greenproof.model.releases import CutOff, KnownGood

VERSION = 1
KEYS_KEPT = 100
GOOD_KEPT = 5
RELEASES_KEPT = 10


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that changed a schema and was not taken back."""

    number: int
    release: str
    service: str
    revision: str
    store: str
    before: str
    """Digest of the schema."""
    after: str
    kind: str
    undo: bool = False
    """There is a command that takes it back."""
    partial: bool = False
    at: str = ""

    @property
    def blocks(self) -> bool:
        """Whether older code can't run beside it and it can't be taken back."""
        return self.partial or self.kind == "irreversible"


@dataclass(frozen=True, slots=True)
class Known:
    """A release that can be started again."""

    turn: int
    """Counts up with each release that goes live: a clock may be set back."""
    applied: tuple[int, ...] = ()
    """Numbers of the migrations that were in effect when it was live last."""
    schemas: Mapping[str, str] = field(default_factory=dict)
    """Store to the digest of its schema, as it was seen last while the release was live."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What is under way, or was when everything ended."""

    effect: str
    """`deploy` or `rollback`."""
    release: str
    since: str
    key: str = ""
    step: str = "begun"
    """`begun`, `migrate`, `start`, `undo`, `switched`."""
    migrating: Mapping[str, str] = field(default_factory=dict)
    """`service` and `revision` of the migration that runs, and its `kind`."""
    before: Mapping[str, str] = field(default_factory=dict)
    """Store to digest, before that migration."""
    undoing: int | None = None
    """Number of the migration that is being taken back."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The recorded result of a call with a key."""

    key: str
    command: str
    result: str
    """As JSON."""
    at: str


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is remembered."""

    current: str | None = None
    previous: str | None = None
    went_back: bool = False
    """The current release was reached by a rollback; `previous` is the one that was left."""
    good: tuple[KnownGood, ...] = ()
    known: Mapping[str, Known] = field(default_factory=dict)
    """By name, the one that was live last at the end."""
    applied: tuple[Applied, ...] = ()
    """In the order in which they ran."""
    next_number: int = 1
    intent: Intent | None = None
    cut_off: CutOff | None = None
    effects: tuple[Effect, ...] = ()
    switches: int = 0
    fence: int = 0

    @property
    def target(self) -> str | None:
        """Where a rollback leads: to the last known good release that is not current, else to the one before."""
        good = [one.release for one in self.good if one.release != self.current and one.release in self.known]
        before = self.previous if self.previous != self.current and self.previous in self.known else None
        return good[-1] if good else before

    def is_good(self, release: str | None) -> bool:
        """Whether it is known to be good."""
        return any(one.release == release for one in self.good)

    def since(self, release: str | None) -> tuple[Applied, ...]:
        """Migrations in effect that were not when a release was live last."""
        mark = self._mark(release)
        return tuple(one for one in self.applied if one.number not in mark)

    def lacking(self, release: str | None) -> bool:
        """Whether a migration that a release came with, or met, was taken back since."""
        return bool(set(self._mark(release)) - {one.number for one in self.applied})

    def _mark(self, release: str | None) -> tuple[int, ...]:
        known = self.known.get(release) if release is not None else None
        return known.applied if known is not None else ()

    def recorded(self, key: str, command: str) -> Effect | None:
        """What was recorded for a key."""
        return next((one for one in reversed(self.effects) if key and one.key == key and one.command == command), None)

    def holds(self, key: str, command: str) -> bool:
        """Whether the current release is what a key led to: then it only has to be restored, and nothing is done."""
        effect = self.recorded(key, command)
        if effect is None:
            return False
        result = json.loads(effect.result)
        release = result if command == "deploy" else result["release"]
        return bool(release["name"] == self.current)

    def with_effect(self, key: str, command: str, result: object) -> "State":
        """With the result of a call; the newest 100 are kept."""
        if not key:
            return self
        others = tuple(one for one in self.effects if (one.key, one.command) != (key, command))
        return replace(self, effects=(*others, Effect(key, command, json.dumps(fields_of(result)), now()))[-KEYS_KEPT:])

    def with_good(self, good: KnownGood) -> "State":
        """With a release known good as the newest; proven again, it is the newest again."""
        others = tuple(one for one in self.good if one.release != good.release)
        return replace(self, good=(*others, good)[-GOOD_KEPT:])

    def without_common(self) -> "State":
        """Without migrations that every known release was live with: no way back leads over them."""
        marks = [set(one.applied) for one in self.known.values()]
        common = set.intersection(*marks) if marks else set()
        applied = tuple(one for one in self.applied if one.number not in common)
        return self.without_marks(common, applied, self.next_number)

    def without_marks(self, numbers: set[int], applied: tuple[Applied, ...], next_number: int) -> "State":
        """With these migrations in effect, and no release that knows of those numbers any more."""
        known = {
            name: replace(one, applied=tuple(number for number in one.applied if number not in numbers))
            for name, one in self.known.items()
        }
        return replace(self, known=known, applied=applied, next_number=next_number)

    def needed(self) -> tuple[str, ...]:
        """Releases that are kept: the current one, where a rollback leads, all known good, and the newest."""
        newest = list(self.known)[-RELEASES_KEPT:]
        asked = {self.current, self.previous, self.target, *(one.release for one in self.good), *newest}
        return tuple(name for name in self.known if name in asked)


def to_be_undone(since: Sequence[Applied]) -> list[Applied]:
    """Those from the first that older code can't run beside; they lie upon each other, so the last one goes first."""
    first = next((number for number, one in enumerate(since) if one.kind == "reversible"), None)
    return [] if first is None else list(reversed(since[first:]))


def blocking(since: Sequence[Applied]) -> list[Applied]:
    """Those over which there is no way back, also because something lies upon what would have to be undone."""
    return [one for one in since if one.blocks] or [one for one in to_be_undone(since) if not one.undo]


def refuse_nowhere(state: State, to: str | None, environment: str) -> None:
    """Raises what a rollback would raise for want of a release to go back to: it is known before anything is started.

    What was cut off may lead elsewhere once it is finished or undone; then nothing is refused here.
    """
    if state.intent is not None:
        return
    if to is None and state.target is None and not state.went_back:
        raise PlatformError(
            "there is no previous release",
            code="no-previous-release",
            where=environment,
            expected="an earlier release, or one that is known to be good",
            hint="deploy a second release first; nothing was started" if state.current else "deploy first",
        )
    if to is not None and to not in state.known:
        known = ", ".join(reversed(tuple(state.known)))
        raise PlanError(
            f"no release is called {to[:60]!r}",
            code="unknown-release",
            where=f"environment {environment}",
            expected=f"one of {known}" if known else "a release; none is known yet",
        )


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


class StateFile:
    """The file, and what is in it. Only the supervisor writes."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.releases / "state.json"
        self.state = read_state(layout)

    def put(self, state: State) -> State:
        """Replace it. Raises PlaceError or DiskFullError; then nothing was changed."""
        write_json(self._path, {"version": VERSION, **fields_of(state)}, durable=True)
        self.state = state
        return state

    def change(self, **fields: Any) -> State:
        """Replace some fields."""
        return self.put(replace(self.state, **fields))


def read_state(layout: Layout) -> State:
    """What is remembered; an empty state if nothing is yet. Raises PlatformError if it can't be read."""
    path = layout.releases / "state.json"
    if not path.exists():
        return State()
    try:
        value = read_json(path)
        if value["version"] != VERSION:
            raise ValueError(f"it is of version {value['version']}")
        state = read(State, value)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error
    # The file has its keys sorted.
    known = dict(sorted(state.known.items(), key=lambda pair: pair[1].turn))
    return replace(state, known=known)


def _unreadable(path: Path, error: Exception) -> PlatformError:
    return PlatformError(
        f"what is remembered of releases can't be read: {type(error).__name__}: {error}",
        code="releases-unreadable",
        where=str(path),
        expected="a file as this version of Greenproof writes it",
        hint="move the file away: then the next deploy begins anew, without a release to go back to",
    )
