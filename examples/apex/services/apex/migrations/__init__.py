"""The database's schema: numbered SQL files, each applied once, in order.

A file that was applied is never edited; a change is a new file.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg

# Any fixed number will do: two services that migrate at the same time take turns.
LOCK = 7_317_001
FOLDER = Path(__file__).parent

_APPLIED = """
CREATE TABLE IF NOT EXISTS applied_migrations (
    version text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Migration:
    """One numbered file."""

    version: str
    sql: str


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The files of the folder, in the order of their numbers."""
    return [Migration(file.stem, file.read_text()) for file in sorted(folder.glob("*.sql"))]


async def migrate(database_url: str) -> list[str]:
    """Apply what is missing, and return the versions that were applied now."""
    connection = await _connect(database_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await connection.execute(_APPLIED)
        known = {row["version"] for row in await connection.fetch("TABLE applied_migrations")}
        missing = [each for each in migrations() if each.version not in known]
        for migration in missing:
            await _apply(connection, migration)
        return [migration.version for migration in missing]
    finally:
        # Ending the session frees the lock, also after a failure.
        await connection.close()


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO applied_migrations (version) VALUES ($1)", migration.version
        )


async def _connect(database_url: str, attempts: int = 20) -> asyncpg.Connection:
    # PostgreSQL may still be starting; it refuses connections until it has recovered.
    for _ in range(attempts - 1):
        try:
            return await asyncpg.connect(database_url, timeout=5)
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.25)
    return await asyncpg.connect(database_url, timeout=5)
