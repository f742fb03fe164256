"""One row for each environment: who holds it, what a person asked for, and whether it is frozen.

In SQLite beside the ledger, or in PostgreSQL for several machines. No clock is compared with another one: a holder
counts its heartbeats, and whoever waits watches the count by his own monotonic clock.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self

from greenproof.model.errors import CoordinationError, UsageError, from_system

VARIABLE = "GREENPROOF_STORE"
_TABLE = """
CREATE TABLE IF NOT EXISTS greenproof_desk (
    environment TEXT PRIMARY KEY,
    number BIGINT NOT NULL DEFAULT 0,
    token TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '',
    machine TEXT NOT NULL DEFAULT '',
    pid BIGINT NOT NULL DEFAULT 0,
    born TEXT NOT NULL DEFAULT '',
    beat BIGINT NOT NULL DEFAULT 0,
    since TEXT NOT NULL DEFAULT '',
    doing TEXT NOT NULL DEFAULT '',
    wish TEXT NOT NULL DEFAULT '',
    wished_by TEXT NOT NULL DEFAULT '',
    wished_at TEXT NOT NULL DEFAULT '',
    frozen TEXT NOT NULL DEFAULT '',
    frozen_at TEXT NOT NULL DEFAULT ''
)
"""
_FIELDS = "number, token, owner, machine, pid, born, beat, since, doing, wish, wished_by, wished_at, frozen, frozen_at"
_PATIENCE_S = 10.0


class Wish(StrEnum):
    """What a person may ask of a loop."""

    NOTHING = ""
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds an environment."""

    owner: str
    """For people: user, machine, process and run."""
    machine: str
    """Id of the boot of its machine: a pid means something only there."""
    pid: int
    born: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The row of one environment."""

    number: int
    """How often the environment was taken: the fence of its holder."""
    token: str
    """Empty: nobody holds it."""
    holder: Holder
    beat: int
    since: str
    doing: str
    """What the holder last said that it does."""
    wish: Wish
    wished_by: str
    wished_at: str
    frozen: str
    """Why nobody may act until a person has looked; empty: not frozen."""
    frozen_at: str


class _Connection(Protocol):
    def execute(self, statement: str, values: Sequence[object] = ()) -> Any: ...

    def close(self) -> None: ...


def store_url(configured: str | None) -> str | None:
    """The PostgreSQL that several machines share: of the variable, else as configured; None: files beside the ledger.

    The variable may hold a password, so it gets into no plan and no ledger. Raises UsageError.
    """
    url = os.environ.get(VARIABLE) or configured
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            "the store is no PostgreSQL URL",
            code="store-url",
            where=VARIABLE if os.environ.get(VARIABLE) else "loop.store",
            expected="postgresql://USER@HOST/DATABASE",
            hint="leave it out to use files in .greenproof",
        )
    return url or None


class Store:
    """The rows. Each method is one statement, and raises CoordinationError where the store can't be used."""

    def __init__(self, connection: _Connection, place: str, mark: str) -> None:
        self._connection = connection
        self._place = place
        self._mark = mark
        # The heart of a lease beats in a thread of its own.
        self._lock = threading.Lock()

    @classmethod
    def open(cls, state: Path, url: str | None = None) -> Self:
        """The store at a `postgresql://` URL, else the file beside the ledger in `state`."""
        if url:
            return cls._postgres(url)
        path = state / "desk.db"
        try:
            state.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        except OSError as error:
            raise from_system(error) or error from None
        return cls._begun(cls(connection, str(path), "?"))

    @classmethod
    def _postgres(cls, url: str) -> Self:
        import psycopg

        place = url.rpartition("@")[2]
        try:
            connection = psycopg.connect(url, autocommit=True, connect_timeout=int(_PATIENCE_S))
        except psycopg.Error as error:
            raise _unusable(place, error) from None
        return cls._begun(cls(connection, place, "%s"))

    @classmethod
    def _begun(cls, store: Self) -> Self:
        """With its table; a store that can't be used is closed."""
        try:
            store._run(_TABLE)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the store."""
        self._connection.close()

    def desk(self, environment: str) -> Desk:
        """The row as it is now."""
        # Only names of columns are put together here; every value is bound.
        self._run("INSERT INTO greenproof_desk (environment) VALUES (?) ON CONFLICT DO NOTHING", environment)
        with self._lock, self._told():
            query = f"SELECT {_FIELDS} FROM greenproof_desk WHERE environment = {self._mark}"  # noqa: S608
            row = self._connection.execute(query, (environment,)).fetchone()
        number, token, owner, machine, pid, born, beat, since, doing, wish, by, at, frozen, frozen_at = row
        holder = Holder(owner, machine, pid, born)
        return Desk(number, token, holder, beat, since, doing, Wish(wish), by, at, frozen, frozen_at)

    def take(self, environment: str, seen: Desk, token: str, holder: Holder) -> bool:
        """Become the holder, if the row is still as it was seen."""
        return self._changed(
            "UPDATE greenproof_desk SET number = number + 1, token = ?, owner = ?, machine = ?, pid = ?, born = ?, "
            "beat = 0, since = ?, doing = '' WHERE environment = ? AND number = ? AND token = ? AND beat = ?",
            token,
            holder.owner,
            holder.machine,
            holder.pid,
            holder.born,
            _now(),
            environment,
            seen.number,
            seen.token,
            seen.beat,
        )

    def renumber(self, environment: str, token: str, number: int) -> bool:
        """Go on from this number, if it is still ours."""
        return self._changed(
            "UPDATE greenproof_desk SET number = ? WHERE environment = ? AND token = ?", number, environment, token
        )

    def beat(self, environment: str, token: str, doing: str) -> bool:
        """A sign of life; false: somebody else holds the environment."""
        return self._changed(
            "UPDATE greenproof_desk SET beat = beat + 1, doing = ? WHERE environment = ? AND token = ?",
            doing[:200],
            environment,
            token,
        )

    def own(self, environment: str, token: str, owner: str) -> bool:
        """Say who the holder is; false: somebody else holds the environment."""
        return self._changed(
            "UPDATE greenproof_desk SET owner = ? WHERE environment = ? AND token = ?", owner, environment, token
        )

    def leave(self, environment: str, token: str) -> bool:
        """Let go, if it is still ours."""
        return self._changed(
            "UPDATE greenproof_desk SET token = '', doing = '' WHERE environment = ? AND token = ?", environment, token
        )

    def wish(self, environment: str, wish: Wish, by: str) -> None:
        """Ask something of whoever holds it."""
        self.desk(environment)
        self._run(
            "UPDATE greenproof_desk SET wish = ?, wished_by = ?, wished_at = ? WHERE environment = ?",
            wish.value,
            by,
            _now(),
            environment,
        )

    def freeze(self, environment: str, why: str) -> None:
        """Nobody may act until a person has looked; an empty text thaws."""
        self.desk(environment)
        self._run(
            "UPDATE greenproof_desk SET frozen = ?, frozen_at = ? WHERE environment = ?",
            why[:2000],
            _now() if why else "",
            environment,
        )

    def _changed(self, statement: str, *values: object) -> bool:
        return self._run(statement, *values) == 1

    def _run(self, statement: str, *values: object) -> int:
        """How many rows a statement changed."""
        with self._lock, self._told():
            return int(self._connection.execute(statement.replace("?", self._mark), values).rowcount)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _unusable(self._place, error) from None
        except Exception as error:
            # psycopg is imported only where it is used.
            if type(error).__module__.partition(".")[0] != "psycopg":
                raise
            raise _unusable(self._place, error) from None


def _unusable(place: str, error: Exception) -> CoordinationError:
    return CoordinationError(
        f"the store of leases can't be used: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
        code="store-unusable",
        where=place,
        expected="a database that can be read and written",
        hint="look at the disk, or at [loop] store and whether that PostgreSQL answers",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
