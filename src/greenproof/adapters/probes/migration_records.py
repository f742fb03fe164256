"""What migration tools write down of themselves in PostgreSQL: which migrations are applied.

So a migration that changes nothing but data is seen all the same. Tables and columns are those of the tools' own
documentation; rows are told by what names a migration, never by when or how long it ran.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from greenproof.adapters.probes.postgres import PostgresRefused, PostgresSession


@dataclass(frozen=True, slots=True)
class Record:
    """How a table tells what is applied."""

    columns: tuple[str, ...]
    """What names a migration."""
    where: str = "TRUE"
    """Which rows of `one` are applied; `{place}` is the table."""


_NOT_UNDONE = (
    "success AND type NOT LIKE 'UNDO%' AND NOT EXISTS (SELECT 1 FROM {place} other WHERE "
    "other.version = one.version AND other.installed_rank > one.installed_rank AND other.type LIKE 'UNDO%')"
)
_LAST_SAYS_SO = (
    "is_applied AND NOT EXISTS (SELECT 1 FROM {place} other WHERE "
    "other.version_id = one.version_id AND other.id > one.id AND NOT other.is_applied)"
)

TOOLS: Mapping[str, tuple[Record, ...]] = {
    "alembic_version": (Record(("version_num",)),),
    "schema_migrations": (Record(("version",)), Record(("id",))),  # Rails, dbmate, golang-migrate
    "django_migrations": (Record(("app", "name")),),
    "databasechangelog": (Record(("author", "id")),),  # Liquibase
    "flyway_schema_history": (Record(("version", "script", "checksum"), _NOT_UNDONE),),
    "goose_db_version": (Record(("version_id",), _LAST_SAYS_SO),),
    "knex_migrations": (Record(("name",)),),
    "sequelizemeta": (Record(("name",)),),
    "migrations": (Record(("name",)), Record(("migration",))),  # TypeORM, Laravel
    "pgmigrations": (Record(("name",)),),  # node-pg-migrate
    "_prisma_migrations": (Record(("migration_name",), "rolled_back_at IS NULL"),),
    "__drizzle_migrations": (Record(("hash",)),),
    "__efmigrationshistory": (Record(("MigrationId",)),),
    "_sqlx_migrations": (Record(("version",)),),
    "refinery_schema_history": (Record(("version", "name")),),
    "_yoyo_migration": (Record(("migration_id",)),),
    "aerich": (Record(("version",)),),
}
"""By the name of the table in lower case; the first record whose columns are there counts."""

MOST = 20_000
"""Rows of one table."""
_LONGEST = 300

_FOUND = f"""
SELECT quote_ident(n.nspname), n.nspname, quote_ident(c.relname), c.relname, a.attname, quote_ident(a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND lower(c.relname) IN ({", ".join(f"'{name}'" for name in sorted(TOOLS))})
  AND has_table_privilege(c.oid, 'SELECT')
"""  # noqa: S608 - names from above


async def applied(session: PostgresSession) -> Mapping[str, str]:
    """A line for each applied migration, `migration public.alembic_version 3f2a91c0`.

    Raises OSError, TimeoutError or EOFError.
    """
    columns: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in await session.query(_FOUND):
        space, space_name, table, table_name, column, quoted = map(str, row)
        columns.setdefault((f"{space}.{table}", f"{space_name}.{table_name}", table_name), {})[column] = quoted
    found: dict[str, str] = {}
    for (place, name, table_name), known in sorted(columns.items()):
        record = next((one for one in TOOLS[table_name.lower()] if known.keys() >= set(one.columns)), None)
        if record is None:
            continue
        wanted = ", ".join(f"one.{known[column]}::text" for column in record.columns)
        # Names are quoted by the server itself.
        query = f"SELECT DISTINCT {wanted} FROM {{place}} one WHERE {record.where} ORDER BY {wanted} LIMIT {MOST}"  # noqa: S608
        with contextlib.suppress(PostgresRefused):
            # A table of the same name that is somebody else's.
            found |= dict.fromkeys(_lines(name, await session.query(query.format(place=place))), "")
    return found


def _lines(name: str, rows: list[list[str | None]]) -> Iterator[str]:
    for row in rows:
        yield f"migration {name} {' '.join(str(value) for value in row)}"[:_LONGEST]
