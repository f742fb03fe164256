"""What a killed supervisor leaves is found and cleared, and nothing else; data survive."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

from greenproof.adapters.platforms.local import processes, registry
from greenproof.adapters.platforms.local.dependencies.binaries import find_postgres, find_redis
from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession
from greenproof.adapters.probes.redis import command
from greenproof.model.errors import PlaceError, PlatformError
from greenproof.model.plan import Dependency

STORES = (Dependency("postgres", "postgres", "shop"), Dependency("redis", "redis"))


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_supervisor(platform):
    pid = platform.status().supervisor
    born = processes.birth(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: processes.birth(pid) != born)


def programs_or_skip(source):
    try:
        return find_postgres(source), find_redis(source)
    except PlatformError as error:
        pytest.skip(f"{error.message}; {error.hint}")


async def store(shop, value=None):
    """Write a value to both stores, or read it back."""
    password = shop.platform()._credentials.password
    ports = {one.name: one.port for one in shop.platform().status().dependencies}
    address = PostgresAddress(ports["postgres"], "greenproof", password("postgres"), "shop")
    reader, writer = await asyncio.open_connection("127.0.0.1", ports["redis"])
    await command(reader, writer, "AUTH", password("redis"))
    async with PostgresSession(address) as session:
        if value is not None:
            await session.query("CREATE TABLE IF NOT EXISTS kept (value text)")
            await session.query(f"INSERT INTO kept VALUES ('{value}')")
            await command(reader, writer, "SET", "kept", value)
        durable = (await session.query("SHOW fsync"))[0][0]
        found = (await session.query("SELECT value FROM kept"))[0][0], await command(reader, writer, "GET", "kept")
    writer.close()
    return durable, *found


@pytest.mark.parametrize("source", ["system", "package"])
def test_dependencies_come_back_with_their_data_after_a_kill(ground, source):
    programs = programs_or_skip(source)
    shop = ground("auth", dependencies=STORES, folder=f"stores {source}")
    shop.configure(
        "auth", needs=("postgres", "redis"), env=MappingProxyType({"DB": "{postgres.url}", "R": "{redis.url}"})
    )
    platform = shop.platform(source)
    platform.deploy()
    seen = {one.name: one for one in platform.status().dependencies}
    assert [seen[name].version for name in ("postgres", "redis")] == [program.version for program in programs]
    assert {one.source for one in seen.values()} == {source}
    assert all(":(redacted)@" in one.url for one in seen.values())
    assert {one.state for one in platform.ready()} == {"ready"}
    assert asyncio.run(store(shop, "gold")) == ("on", "gold", "gold")
    time.sleep(1.1)  # Redis syncs its file once a second
    kill_supervisor(platform)
    platform.up()
    assert {one.name: one.port for one in platform.status().dependencies} == {n: s.port for n, s in seen.items()}
    assert asyncio.run(store(shop)) == ("on", "gold", "gold")
    if source == "system":
        # All at once, as if the machine had lost its power; the pid in the lock file is another's now.
        victims = registry.leftovers(shop.layout)
        supervisor = platform.status().supervisor
        victims[supervisor] = processes.birth(supervisor)
        processes.kill(victims, signal.SIGKILL)
        wait_until(lambda: not registry.alive(victims))
        folder = Path(next(one.data for one in seen.values() if one.name == "postgres"))
        lines = (folder / "postmaster.pid").read_text().splitlines()
        (folder / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        platform.up()
        assert asyncio.run(store(shop)) == ("on", "gold", "gold")
    shop.close()


def test_a_grandchild_that_left_the_group_is_ended(ground):
    shop = ground("auth", folder="grandchild")
    shop.configure("auth", env=MappingProxyType({"MODE": "grandchild"}))
    platform = shop.platform()

    def deploy():
        platform.deploy()
        line = next(line for line in platform.logs("auth", 1000) if line.startswith("stray"))
        pid = int(line.split()[1])
        return pid, processes.birth(pid)

    stray, born = deploy()
    assert born is not None
    platform.down()
    assert processes.birth(stray) != born
    shop.platform().log_path("auth").unlink()
    stray, born = deploy()
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        kill_supervisor(platform)
        assert processes.birth(stray) == born
        shop.progress.clear()
        platform.up()
        assert any("cleared" in text for text in shop.progress)
        assert processes.birth(stray) != born
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    shop.close()


def test_down_clears_what_a_killed_supervisor_left(ground):
    shop = ground("auth", folder="down after kill")
    shop.configure("auth", env=MappingProxyType({"MODE": "grandchild"}))
    platform = shop.platform()
    platform.deploy()
    kill_supervisor(platform)
    platform.down()
    assert registry.leftovers(shop.layout) == {}
    platform.down()


def test_two_ups_at_once_give_one_supervisor(ground):
    shop = ground("auth", folder="two at once")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: shop.platform().up(), range(3)))
    found = [one for one in psutil.process_iter(["cmdline"]) if str(shop.layout.folder) in (one.info["cmdline"] or [])]
    assert len(found) == 1
    shop.close()


def test_a_long_path_works(ground):
    shop = ground("auth", folder="/".join(["a rather long name of a folder"] * 5))
    assert len(str(shop.layout.folder)) > 150
    shop.platform().deploy()
    assert shop.platform().ready()[0].ok
    shop.close()


def test_a_recycled_pid_is_left_alone(ground):
    shop = ground("auth", folder="recycled")
    shop.layout.create()
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        entry = f'[{{"role": "service", "pid": {bystander.pid}, "born": "another:1", "folder": null}}]'
        shop.layout.registry.write_text(entry)
        shop.platform().up()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    shop.close()


def test_an_unwritable_folder_is_named(ground):
    shop = ground("auth", folder="unwritable")
    (shop.root / ".greenproof").write_text("a file is in the way")
    with pytest.raises(PlaceError) as failure:
        shop.platform().up()
    assert failure.value.code == "state-unwritable"
    (shop.root / ".greenproof").unlink()
