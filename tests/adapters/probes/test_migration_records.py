"""What migration tools write down, in tables as the tools themselves make them, on a real PostgreSQL."""

import asyncio
from urllib.parse import urlsplit

import pytest

from greenproof.adapters.probes.migration_records import applied
from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession

FLYWAY = """CREATE TABLE "Own space".flyway_schema_history (installed_rank int, version text, description text,
type text, script text, checksum int, success boolean)"""
GOOSE = "CREATE TABLE goose_db_version (id serial, version_id bigint, is_applied boolean, tstamp timestamp)"


def seen(url: str, *statements: str) -> list[str]:
    """The lines after these statements."""
    parts = urlsplit(url)

    async def ask() -> list[str]:
        address = PostgresAddress(parts.port, parts.username, parts.password, parts.path[1:])
        async with PostgresSession(address) as session:
            for statement in statements:
                await session.query(statement)
            return list(await applied(session))

    return asyncio.run(ask())


@pytest.fixture
def empty(postgresql_url: str) -> str:
    """A database in which no tool was at work."""
    again = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", 'DROP SCHEMA IF EXISTS "Own space" CASCADE')
    assert seen(postgresql_url, *again, 'CREATE SCHEMA "Own space"') == []
    return postgresql_url


def test_what_names_a_migration_is_told_and_not_when_it_ran(empty: str) -> None:
    made = "CREATE TABLE django_migrations (id serial, app text, name text, applied timestamptz DEFAULT now())"
    first = seen(empty, made, "INSERT INTO django_migrations (app, name) VALUES ('shop', '0001'), ('auth', '0001')")
    assert first == ["migration public.django_migrations auth 0001", "migration public.django_migrations shop 0001"]
    again = "INSERT INTO django_migrations (app, name) VALUES ('auth', '0001'), ('shop', '0001')"
    assert seen(empty, "DELETE FROM django_migrations", again) == first


def test_what_was_undone_is_not_applied(empty: str) -> None:
    row = 'INSERT INTO "Own space".flyway_schema_history VALUES'
    line = "migration Own space.flyway_schema_history"
    first = seen(empty, FLYWAY, f"{row} (1, '1', '', 'SQL', 'V1.sql', 11, true)")
    assert first == [f"{line} 1 V1.sql 11"]
    two = f"{row} (2, '2', '', 'SQL', 'V2.sql', 22, true)"
    assert seen(empty, two) == [f"{line} 1 V1.sql 11", f"{line} 2 V2.sql 22"]
    assert seen(empty, f"{row} (3, '2', '', 'UNDO_SQL', 'U2.sql', 33, true)") == first
    rows = "INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, true), (2, true), (2, false)"
    assert seen(empty, GOOSE, rows)[-1] == "migration public.goose_db_version 1"


def test_a_table_of_that_name_that_is_somebody_elses_says_nothing(empty: str) -> None:
    other = "CREATE TABLE migrations (bird text, name_of_flock text)"
    prisma = "CREATE TABLE _prisma_migrations (migration_name text)"
    assert seen(empty, other, "INSERT INTO migrations VALUES ('stork', 'a')", prisma) == []


def test_names_are_told_as_they_are_and_bounded(empty: str) -> None:
    made = 'CREATE TABLE "SequelizeMeta" (name text)'
    found = seen(empty, made, """INSERT INTO "SequelizeMeta" VALUES ('{place}; ''DROP'), (repeat('x', 5000))""")
    assert "migration public.SequelizeMeta {place}; 'DROP" in found
    assert max(map(len, found)) == 300
