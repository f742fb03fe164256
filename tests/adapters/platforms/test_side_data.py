"""The data of side releases: a copy of one moment, taken while the environment serves or rests, and apart from it."""

import asyncio
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from besides import Traces, redis, sql

from greenproof.adapters.platforms.local.dependencies import copies
from greenproof.adapters.platforms.local.dependencies.binaries import Program, find_copier, find_postgres
from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession
from greenproof.adapters.probes.redis import command
from greenproof.model.errors import DiskFullError, PlatformError
from greenproof.model.plan import Dependency
from greenproof.model.sides import SideRequest

UP = (sys.executable, "migrating.py", "up.sql")
STORES = (Dependency("postgres", "postgres", "app"), Dependency("redis", "redis"))


@pytest.fixture(scope="module")
def house(ground):
    """A release with a table, whose migration would fail if it ran again, and what was written into the stores."""
    workshop = ground("api", dependencies=STORES, folder="house")
    shutil.copy(Path(__file__).with_name("migrating.py"), workshop.root / "api" / "migrating.py")
    (workshop.root / "api" / "up.sql").write_text("CREATE TABLE debits (id int)\nCREATE TABLE credits (id int)\n")
    env = MappingProxyType(
        {"DATABASE_URL": "{postgres.url}", "REDIS": "{redis.url}", "WAITS": str(workshop.root / "waits")}
    )
    workshop.configure("api", needs=("postgres", "redis"), migrate=UP, env=env)
    platform = workshop.platform()
    platform.deploy()
    sql(platform, platform, "INSERT INTO debits VALUES (1); INSERT INTO credits VALUES (1)")
    redis(platform, platform, "SET", "before", "was there")
    return workshop


class Writers:
    """Write into both stores all the time; each transaction one row in either table, each command both keys."""

    def __init__(self, platform):
        ports = {one.kind: one.port for one in platform.status().dependencies}
        secrets = platform.secrets()
        self.address = PostgresAddress(ports["postgres"], "greenproof", secrets["dependency:postgres"], "app")
        self.redis, self.password = ports["redis"], secrets["dependency:redis"]
        self.written, self.failed, self.over = 0, [], threading.Event()

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run, args=(one,)) for one in (self.rows, self.keys)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(20)

    def run(self, write):
        try:
            asyncio.run(write())
        except Exception as error:
            self.failed.append(error)

    async def rows(self):
        async with PostgresSession(self.address) as session:
            while not self.over.is_set():
                number = self.written + 2
                await session.query(f"BEGIN; INSERT INTO debits VALUES ({number})")
                await session.query(f"INSERT INTO credits VALUES ({number}); COMMIT")
                self.written += 1

    async def keys(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.redis)
        await command(reader, writer, "AUTH", self.password)
        number = 0
        while not self.over.is_set():
            number += 1
            await command(reader, writer, "MSET", "left", str(number), "right", str(number))
        writer.close()


def test_the_copy_is_of_one_moment_under_load_is_migrated_alone_and_neither_reaches_the_other(house):
    platform = house.platform()
    newer = house.root / "newer"
    shutil.copytree(house.root / "api", newer)
    (newer / "up.sql").write_text("ALTER TABLE debits ADD COLUMN note text\n")
    with Writers(platform) as writers:
        side = platform.start_side(SideRequest("copy", sources={"api": newer}))
    assert (writers.failed, writers.written > 10) == ([], True)
    view = platform.side("copy")
    rows = "SELECT (SELECT count(*) FROM debits), (SELECT count(*) FROM credits)"
    ((taken, given),) = sql(platform, view, rows)
    assert 1 <= int(taken) == int(given) <= writers.written + 1
    assert redis(platform, view, "GET", "before") == "was there"
    assert redis(platform, view, "GET", "left") == redis(platform, view, "GET", "right") != ""
    # A revision that never ran is migrated, on the copy alone.
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'debits' ORDER BY 1"
    assert side.migrated == tuple(one.name for one in side.release.revisions)
    assert sql(platform, view, columns) == [["id"], ["note"]]
    assert sql(platform, platform, columns) == [["id"]]
    assert platform.status().releases.schema == ()

    live, not_seen = platform.data()
    assert not_seen == ()
    sql(platform, view, "DELETE FROM debits; CREATE TABLE of_the_side (id int)")
    redis(platform, view, "FLUSHALL")
    assert platform.data() == (live, ())
    mine = view.data()
    sql(platform, platform, "INSERT INTO debits VALUES (0)")
    redis(platform, platform, "SET", "after", "1")
    assert view.data() == mine
    assert mine[0] != live
    traces = Traces(house.layout, "copy")
    platform.end_side("copy")
    assert traces.left == []


def test_empty_stores_would_get_every_migration(house):
    composed = house.platform()._sides()._compose(SideRequest("fresh", data="empty"))
    assert composed.migrated == tuple(one.name for one in composed.release.revisions)


def test_an_environment_at_rest_is_copied_and_left_at_rest(house):
    platform = house.platform()
    ((rows,),) = sql(platform, platform, "SELECT count(*) FROM credits")
    platform.down()
    side = platform.start_side(SideRequest("night", configuration={"api": {"SHOWN": "x"}}))
    view = platform.side("night")
    # Another revision, but of the same files: what was copied has its migration already, and it could not run twice.
    assert (side.migrated, side.changed) == ((), ("api",))
    assert platform.status().supervisor is None
    assert sql(platform, view, "SELECT count(*) FROM credits") == [[rows]]
    assert redis(platform, view, "GET", "before") == "was there"
    sql(platform, view, "DELETE FROM credits")
    platform.up()
    assert sql(platform, platform, "SELECT count(*) FROM credits") == [[rows]]
    platform.end_side("night")


def test_servers_from_packages_are_copied_as_well(ground):
    workshop = ground("api", dependencies=STORES, folder="packaged")
    workshop.configure("api", needs=("postgres", "redis"))
    platform = workshop.platform("package")
    platform.deploy()
    sql(platform, platform, "CREATE TABLE things AS SELECT 7 AS id")
    redis(platform, platform, "SET", "before", "was there")
    platform.start_side(SideRequest("copy"))
    view = platform.side("copy")
    assert {one.source for one in view.status().dependencies} == {"package"}
    assert sql(platform, view, "SELECT id FROM things") == [["7"]]
    assert redis(platform, view, "GET", "before") == "was there"
    platform.down()


def test_stores_may_begin_empty_and_one_that_died_is_not_copied(ground):
    workshop = ground("api", dependencies=STORES[1:], folder="dead store")
    platform = workshop.platform()
    platform.deploy()
    redis(platform, platform, "SET", "before", "was there")
    platform.start_side(SideRequest("fresh", data="empty"))
    assert redis(platform, platform.side("fresh"), "DBSIZE") == "0"
    platform.end_side("fresh")
    address = platform.status().dependencies[0].port
    password = platform.secrets()["dependency:redis"]

    async def die():
        reader, writer = await asyncio.open_connection("127.0.0.1", address)
        await command(reader, writer, "AUTH", password)
        writer.write(b"SHUTDOWN NOSAVE\r\n")
        await reader.read()
        writer.close()

    asyncio.run(die())
    with pytest.raises(PlatformError) as caught:
        platform.start_side(SideRequest("late"))
    assert caught.value.code == "copy-failed"
    assert platform.sides() == ()


def test_a_server_that_answers_nonsense_is_told(tmp_path):
    async def nonsense(reader, writer):
        await reader.readline()
        writer.write(b"+OK\r\n$12\r\nREDIS")
        writer.close()

    async def copy():
        async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
            origin = copies.Origin("", server.sockets[0].getsockname()[1])
            await copies.copy_redis(origin, "secret", tmp_path / "redis")

    with pytest.raises(PlatformError) as caught:
        asyncio.run(copy())
    assert caught.value.code == "copy-failed"
    assert not (tmp_path / "redis").exists()


def test_a_full_disk_is_called_by_its_name(tmp_path):
    """What pg_basebackup says then; the program is one of ours that says just that."""
    tool = tmp_path / "pg_basebackup"
    tool.write_text("#!/bin/sh\necho 'could not write to file: No space left on device'\nexit 1\n")
    tool.chmod(0o755)
    origin = copies.Origin("", 1)
    with pytest.raises(DiskFullError) as caught:
        asyncio.run(
            copies.copy_postgres(origin, Program(tool, "system", "15.1"), ("a", "b"), tmp_path / "data", {}, None)
        )
    assert caught.value.code == "disk-full"
    assert not (tmp_path / "data").exists()


def test_the_copying_program_of_the_same_or_a_newer_version_is_found(tmp_path):
    server = find_postgres()
    assert int(find_copier(server).major) >= int(server.major)
    alone = replace(server, path=tmp_path / "postgres")
    assert find_copier(alone).path.name == "pg_basebackup"
    with pytest.raises(PlatformError) as caught:
        find_copier(replace(alone, version="99.1"))
    assert caught.value.code == "copy-failed"
