"""Migrations around a rollback: taken back, tolerated, or the reason why there is no way back; with a real PostgreSQL."""

import asyncio
import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import pytest
from environments import kill_supervisor, wait_until

from greenproof.adapters.platforms.local import LocalPlatform
from greenproof.adapters.platforms.local.state import read_state
from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession
from greenproof.adapters.probes.postgres_schema import read_schema
from greenproof.model.errors import PlatformError
from greenproof.model.plan import Dependency

MIGRATING = Path(__file__).with_name("migrating.py")
UP, DOWN = (sys.executable, "migrating.py", "up.sql"), (sys.executable, "migrating.py", "down.sql")
NOTE = ("ALTER TABLE orders ADD COLUMN note text", "ALTER TABLE orders DROP COLUMN note")


@pytest.fixture(scope="module")
def store(ground):
    workshop = ground("api", folder="store", dependencies=(Dependency("postgres", "postgres", "shop"),))
    shutil.copy(MIGRATING, workshop.root / "api" / "migrating.py")
    env = MappingProxyType({"DATABASE_URL": "{postgres.url}", "WAITS": str(workshop.root / "waits")})
    workshop.configure("api", needs=("postgres",), migrate=UP, env=env)
    workshop.platform().up()
    return workshop


@pytest.fixture
def shop(store, request):
    """A database with one table, and a new release on it, with which everything that was done before is forgotten."""
    plan = store.plan
    sql(store, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE orders (id int PRIMARY KEY)")
    (store.root / "waits").unlink(missing_ok=True)
    for name in ("up.sql", "down.sql"):
        (store.root / "api" / name).write_text("")
    release(store, request.node.name)
    yield store
    store.plan = plan


def address(shop):
    ports = {one.name: one.port for one in shop.platform().status().dependencies}
    return PostgresAddress(ports["postgres"], "greenproof", shop.platform()._credentials.password("postgres"), "shop")


def sql(shop, *texts):
    async def ask():
        async with PostgresSession(address(shop)) as session:
            for text in texts:
                for one in text.split(";"):
                    rows = await session.query(one)
            return rows

    return asyncio.run(ask())


def columns(shop):
    return sorted(name.rpartition(".")[2] for name in schema(shop) if name.startswith("column public.orders."))


def schema(shop):
    return asyncio.run(read_schema(address(shop)))


def release(shop, text, up="", down="", **changes):
    """Deploy a version whose migration is this."""
    shop.configure("api", **changes)
    shop.edit("api", text)
    (shop.root / "api" / "up.sql").write_text(up)
    (shop.root / "api" / "down.sql").write_text(down)
    return shop.platform().deploy()


def test_a_reversible_migration_is_taken_back_before_traffic(shop, ask):
    platform = shop.platform()
    before = platform.status().current
    was = schema(shop)
    extra = "CREATE INDEX by_note ON orders (note)\nCREATE TYPE mood AS ENUM ('glad', 'sad')"
    undo = f"{NOTE[1]}\nDROP TYPE mood"
    after = release(shop, "noted", f"{NOTE[0]}\n{extra}", undo, migrate_undo=DOWN)
    assert columns(shop) == ["id", "note"]
    done = platform.rollback()
    assert (done.release, done.abandoned) == (before, after)
    assert schema(shop) == was
    (undone,) = done.undone
    assert (undone.kind, undone.service, undone.release) == ("reversible", "api", after.name)
    assert "column public.orders.note: added, text" in undone.changes
    assert "type public.mood: added, enum 'glad', 'sad'" in undone.changes
    # Its migration was taken back: forward again it is run again, though the same release was warm a moment ago.
    platform = shop.platform()
    assert platform.deploy().name == after.name
    assert columns(shop) == ["id", "note"]
    # And by name from a cold state, too.
    platform.rollback()
    assert columns(shop) == ["id"]
    assert platform.rollback(after.name).release.name == after.name
    assert columns(shop) == ["id", "note"]
    assert platform.rollback(before.name).release.name == before.name


def test_a_compatible_migration_is_left(shop):
    before = shop.platform().status().current
    release(shop, "compatible", NOTE[0], migration="compatible")
    done = shop.platform().rollback()
    assert (done.release, done.undone, done.warm) == (before, (), True)
    assert columns(shop) == ["id", "note"]
    assert shop.platform().status().releases.schema == ()


@pytest.mark.parametrize("changes", [{}, {"migration": "irreversible", "migrate_undo": DOWN}])
def test_over_an_irreversible_one_there_is_no_way_back(shop, changes):
    before = shop.platform().status().current
    after = release(shop, f"irreversible {len(changes)}", "ALTER TABLE orders DROP COLUMN id\n" + NOTE[0], **changes)
    state = read_state(shop.layout)
    with pytest.raises(PlatformError) as failure:
        shop.platform().rollback()
    error = failure.value
    assert error.code == "rollback-frozen"
    assert after.name in error.message
    assert before.name in error.message
    assert "api" in error.message
    assert "postgres: column public.orders.id: removed" in error.where
    assert "postgres: column public.orders.note: added, text" in error.where
    assert "compatible" in error.hint
    assert shop.platform().status().current == after
    assert read_state(shop.layout) == state
    # A release after it can go back as far as to it.
    release(shop, f"later {len(changes)}")
    assert shop.platform().rollback().release == after


def test_a_migration_that_changes_no_schema_is_no_hindrance(shop):
    before = shop.platform().status().current
    release(shop, "data only", "INSERT INTO orders VALUES (1)", migration="irreversible")
    assert shop.platform().rollback().release == before


def test_a_migration_of_data_alone_is_seen_by_the_record_of_its_tool(shop):
    sql(shop, "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('1a')")
    release(shop, "recorded")
    release(shop, "emptied", "DELETE FROM orders\nUPDATE alembic_version SET version_num = '2b'")
    with pytest.raises(PlatformError) as failure:
        shop.platform().rollback()
    assert failure.value.code == "rollback-frozen"
    assert "postgres: migration public.alembic_version 1a: removed" in failure.value.where
    assert "postgres: migration public.alembic_version 2b: added" in failure.value.where


def test_an_undo_that_leaves_another_schema_switches_nothing(shop, ask):
    platform = shop.platform()
    after = release(shop, "undone badly", NOTE[0], "ALTER TABLE orders RENAME note TO remark", migrate_undo=DOWN)
    with pytest.raises(PlatformError) as failure:
        platform.rollback()
    assert failure.value.code == "migration-undo-failed"
    assert "column public.orders.remark: added, text" in failure.value.where
    assert platform.status().current == after
    assert json.loads(ask(platform.address("api"))[2])["version"] == "undone badly"
    # The half of an undoing is a change that nobody can take back.
    (left,) = platform.status().releases.schema
    assert (left.partial, left.kind) == (True, "irreversible")
    with pytest.raises(PlatformError) as failure:
        platform.rollback()
    assert failure.value.code == "rollback-frozen"


def test_an_undo_that_fails_before_it_did_anything_can_be_tried_again(shop):
    platform = shop.platform()
    before = platform.status().current
    after = release(shop, "undo fails", NOTE[0], "FAIL", migrate_undo=DOWN)
    with pytest.raises(PlatformError) as failure:
        platform.rollback()
    assert failure.value.code == "migration-undo-failed"
    assert "exit code 9" in failure.value.message
    assert platform.status().current == after
    (shop.layout.revisions / after.revisions[0].name / "down.sql").write_text(NOTE[1])
    with pytest.raises(PlatformError, match=r"down\.sql in its snapshot was written over"):
        platform.rollback()
    assert columns(shop) == ["id", "note"]
    assert before.name in platform.status().releases.known


def test_a_rollback_that_does_not_succeed_does_the_migration_again(shop):
    platform = shop.platform()
    before = platform.status().current
    after = release(shop, "back and forth", NOTE[0], NOTE[1], migrate_undo=DOWN)
    manifest = shop.layout.revisions / f"{before.revisions[0].name}.json"
    kept = manifest.read_text()
    value = json.loads(kept)
    value["launch"]["command"] = ["{python}", "-c", "raise SystemExit(7)"]
    manifest.write_text(json.dumps(value))
    platform.down()
    platform.up()
    with pytest.raises(PlatformError) as failure:
        platform.rollback()
    manifest.write_text(kept)
    assert failure.value.code == "service-exited"
    assert platform.status().current == after
    assert columns(shop) == ["id", "note"]
    assert platform.rollback().release == before
    assert columns(shop) == ["id"]


def test_several_are_taken_back_the_last_one_first(shop):
    """The second stands upon the first; a compatible one between them goes, too, if it can."""
    platform, before = shop.platform(), shop.platform().status().current
    release(shop, "a", NOTE[0], NOTE[1], migrate_undo=DOWN)
    view = ("CREATE VIEW notes AS SELECT note FROM orders", "DROP VIEW notes")
    release(shop, "b", *view, migrate_undo=DOWN, migration="compatible")
    release(shop, "c")
    done = platform.rollback(before.name)
    assert done.release == before
    assert done.undone[0].changes[0].startswith("view public.notes: added")
    assert columns(shop) == ["id"]


def test_a_compatible_one_upon_a_reversible_one_that_can_not_go_is_said_first(shop):
    platform, before = shop.platform(), shop.platform().status().current
    release(shop, "below", NOTE[0], NOTE[1], migrate_undo=DOWN)
    release(shop, "upon", "CREATE TABLE more ()", migration="compatible", migrate_undo=None)
    with pytest.raises(PlatformError) as failure:
        platform.rollback(before.name)
    assert failure.value.code == "rollback-frozen"
    assert columns(shop) == ["id", "note"]
    assert "table public.more: added" in failure.value.where


def test_a_deploy_that_fails_takes_its_migration_back(shop):
    platform = shop.platform()
    live = platform.status().current
    bad = MappingProxyType({**{one.name: one for one in shop.plan.services}["api"].env, "MODE": "exits"})
    with pytest.raises(PlatformError):
        release(shop, "fails", NOTE[0], NOTE[1], migrate_undo=DOWN, env=bad)
    assert columns(shop) == ["id"]
    assert (platform.status().current, platform.status().releases.schema) == (live, ())
    with pytest.raises(PlatformError) as failure:
        release(shop, "fails for good", NOTE[0], migrate_undo=None)
    assert columns(shop) == ["id", "note"]
    assert "The schema stays changed: column public.orders.note: added, text" in failure.value.hint
    (ahead,) = platform.status().releases.schema
    assert (ahead.kind, ahead.partial, platform.status().current) == ("irreversible", False, live)


def test_a_migration_that_fails_half_way_is_told(shop):
    with pytest.raises(PlatformError) as failure:
        release(shop, "half", f"{NOTE[0]}\nFAIL\n", NOTE[1], migrate_undo=DOWN)
    assert failure.value.code == "migration-failed"
    assert "column public.orders.note: added, text" in failure.value.hint
    (half,) = shop.platform().status().releases.schema
    assert half.partial
    # The same release again, whose migration comes to its end now because the database lets it: it is whole.
    (shop.root / "api" / "up.sql").write_text(f"{NOTE[0].replace('COLUMN', 'COLUMN IF NOT EXISTS')}")
    shop.platform().deploy()
    assert shop.platform().status().releases.schema == ()


@pytest.mark.parametrize("first", ["", NOTE[0].replace("COLUMN", "COLUMN IF NOT EXISTS")], ids=["nothing", "half"])
def test_a_migration_that_was_killed_is_undone_or_told(shop, first):
    platform = shop.platform()
    live = platform.status().current
    kind = "half" if first else "nothing"

    def end(text):
        if text.startswith("migrate"):
            wait_until((shop.root / "waits").exists)
            kill_supervisor(platform)

    shop.edit("api", f"killed {kind}")
    (shop.root / "api" / "up.sql").write_text(f"{first}\nWAIT\n")
    with pytest.raises(PlatformError) as failure:
        LocalPlatform(shop.plan, shop.plan.environments[0], end).deploy()
    assert failure.value.code == "supervisor-lost"
    found = platform.up()
    assert found.restored == live
    if not first:
        assert (found.cut_off.outcome, found.cut_off.schema) == ("undone", ())
        return
    assert (found.cut_off.outcome, found.cut_off.code) == ("half-migrated", "migration-cut-off")
    assert found.cut_off.schema[0].changes == ("column public.orders.note: added, text",)
    assert platform.status().releases.schema == found.cut_off.schema
    with pytest.raises(PlatformError) as failure:
        platform.rollback(next(name for name in platform.status().releases.known if name != live.name))
    assert failure.value.code == "rollback-frozen"
    # The same release again: what waits there does not wait any more, so its migration comes to its end.
    revision = read_state(shop.layout).applied[-1].revision
    assert (shop.layout.revisions / revision).is_dir()


def test_a_half_done_migration_is_finished_by_the_same_release(shop):
    """Killed once; the second time its last line is let through."""
    platform = shop.platform()
    before = platform.status().current
    gate = shop.root / "waits"

    def end(text):
        if text.startswith("migrate"):
            wait_until(gate.exists)
            kill_supervisor(platform)

    env = dict(next(one for one in shop.plan.services).env)
    shop.configure("api", migration="compatible", env=MappingProxyType(env))
    shop.edit("api", "finished later")
    up = "ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text"
    (shop.root / "api" / "up.sql").write_text(f"{up}\nWAIT ONCE\nCREATE TABLE IF NOT EXISTS second (id int)")
    with pytest.raises(PlatformError):
        LocalPlatform(shop.plan, shop.plan.environments[0], end).deploy()
    assert platform.up().cut_off.outcome == "half-migrated"
    done = shop.platform().deploy()
    assert platform.status().current == done
    assert (platform.status().releases.schema, platform.status().releases.cut_off) == ((), None)
    assert "table public.second" in schema(shop)
    assert platform.rollback().release == before


def test_an_undoing_that_was_killed_is_finished_or_undone(shop):
    platform = shop.platform()
    before = platform.status().current
    after = release(shop, "undo is killed", NOTE[0], f"{NOTE[1]}\nWAIT", migrate_undo=DOWN)
    pause = (shop.root / "waits").exists

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(platform.rollback)
        wait_until(pause)
        kill_supervisor(platform)
        assert isinstance(asked.exception(20), PlatformError)
    assert read_state(shop.layout).intent.undoing is not None
    found = platform.up()
    # Everything is taken back, so what can be live is the release before.
    assert (found.cut_off.effect, found.cut_off.outcome) == ("rollback", "finished")
    assert found.restored == before
    assert (columns(shop), platform.status().previous) == (["id"], after)


def test_data_that_were_deleted_are_made_anew_by_a_restored_release(shop):
    live = release(shop, "wiped", "CREATE TABLE IF NOT EXISTS orders (number int)")
    data = Path(next(one.data for one in shop.platform().status().dependencies))
    shop.platform().down()
    shutil.rmtree(data)
    assert shop.platform().up().restored == live
    assert columns(shop) == ["number"]
    assert shop.platform().deploy() == live


HALF = f"{NOTE[0].replace('COLUMN', 'COLUMN IF NOT EXISTS')}\nWAIT ONCE\nCREATE TABLE IF NOT EXISTS second (id int)"
NOTHING_LEFT = "DROP TABLE IF EXISTS second\nALTER TABLE orders DROP COLUMN IF EXISTS note"


def cut(shop, text, **changes):
    """Deploy a version whose migration is killed in its middle, with everything; the second time it is let through."""
    shop.configure("api", **changes)
    platform = shop.platform()

    def end(said):
        if said.startswith("migrate"):
            wait_until((shop.root / "waits").exists)
            kill_supervisor(platform)

    shop.edit("api", text)
    (shop.root / "api" / "up.sql").write_text(HALF)
    (shop.root / "api" / "down.sql").write_text(NOTHING_LEFT)
    with pytest.raises(PlatformError) as failure:
        LocalPlatform(shop.plan, shop.plan.environments[0], end).deploy()
    assert failure.value.code == "supervisor-lost"
    return platform


@pytest.mark.parametrize("way", ["named", "deployed", "restored"])
def test_a_half_done_migration_is_not_forgotten_by_what_was_live(shop, way):
    release(shop, f"before {way}")
    live = shop.platform().deploy()
    platform = cut(shop, f"killed {way}")
    shop.edit("api", f"before {way}")
    for name in ("up.sql", "down.sql"):
        (shop.root / "api" / name).write_text("")
    ways = {"named": lambda: shop.platform().rollback(live.name).release, "deployed": shop.platform().deploy}
    assert ways.get(way, lambda: shop.platform().up().restored)().name == live.name
    (half,) = platform.status().releases.schema
    assert (half.partial, half.changes) == (True, ("column public.orders.note: added, text",))
    shop.edit("api", f"killed {way}")
    (shop.root / "api" / "up.sql").write_text(HALF)
    (shop.root / "api" / "down.sql").write_text(NOTHING_LEFT)
    done = platform.deploy()
    assert "table public.second" in schema(shop)
    with pytest.raises(PlatformError) as failure:
        platform.rollback()
    assert failure.value.code == "rollback-frozen"
    assert "postgres: table public.second: added" in failure.value.where
    assert platform.status().current == done


def test_a_half_done_migration_that_was_finished_is_taken_back_as_a_whole(shop):
    live = shop.platform().status().current
    platform, was = cut(shop, "killed, reversible", migrate_undo=DOWN), ["id"]
    platform.up()
    plan = platform.plan().rollback
    assert (plan.release, plan.frozen) == (live.name, ())
    assert plan.undone[0].changes == ("column public.orders.note: added, text",)
    assert platform.rollback(live.name).release == live
    assert platform.status().releases.schema[0].partial
    assert platform.rollback(live.name).release == live
    assert platform.status().releases.schema[0].partial
    platform.deploy()
    assert platform.status().releases.schema == ()
    (foretold,) = platform.plan().rollback.undone
    (undone,) = platform.rollback().undone
    assert undone == foretold
    assert "table public.second: added" in undone.changes
    assert "column public.orders.note: added, text" in undone.changes
    assert (columns(shop), "table public.second" in schema(shop)) == (was, False)


def test_what_came_upon_the_half_was_not_live_with_the_whole(shop):
    """Another release is deployed over the half, then the half is finished: no way back from there to that one."""
    platform = cut(shop, "killed below")
    (shop.root / "api" / "up.sql").write_text("")
    shop.edit("api", "upon the half")
    upon = platform.deploy()
    assert platform.status().releases.schema == ()
    shop.edit("api", "killed below")
    (shop.root / "api" / "up.sql").write_text(HALF)
    platform.deploy()
    with pytest.raises(PlatformError) as failure:
        platform.rollback()
    assert failure.value.code == "rollback-frozen"
    assert upon.name in failure.value.message


def test_what_was_cut_off_is_told_until_a_deploy_or_rollback_has_come_to_its_end(shop):
    live = shop.platform().status().current
    platform = cut(shop, "killed and told")
    assert platform.up().restored == live
    assert platform.status().releases.cut_off.outcome == "half-migrated"
    assert platform.rollback(live.name).duration_s == 0
    assert platform.status().releases.cut_off is None
    # What stays of it is told on.
    assert platform.status().releases.schema[0].partial


def test_after_an_undo_that_fails_the_migration_is_run_again(shop):
    """Also what had been taken back before it: two migrations, and only the undo of the older one fails."""
    before = shop.platform().status().current
    note = "ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text\nCREATE INDEX IF NOT EXISTS by_id ON orders (id)"
    release(shop, "lower", note, "ALTER TABLE orders DROP COLUMN note\nFAIL", migrate_undo=DOWN)
    upper = release(shop, "upper", "CREATE TABLE second (id int)", "DROP TABLE second", migrate_undo=DOWN)
    platform, was, state = shop.platform(), schema(shop), read_state(shop.layout)
    for _ in range(2):
        with pytest.raises(PlatformError) as failure:
            platform.rollback(before.name)
        assert failure.value.code == "migration-undo-failed"
        assert "The migration was run again: the schema is as it was" in failure.value.hint
        assert (schema(shop), platform.status().current) == (was, upper)
        assert (read_state(shop.layout).applied, read_state(shop.layout).known) == (state.applied, state.known)
    assert platform.status().releases.schema == ()


def test_what_an_undo_left_half_done_is_finished_by_deploying_the_live_release(shop):
    up = "CREATE TABLE IF NOT EXISTS second (id int)\nALTER TABLE orders ADD COLUMN note text"
    live = release(shop, "stubborn", up, "DROP TABLE second\nFAIL", migrate_undo=DOWN)
    with pytest.raises(PlatformError) as failure:
        shop.platform().rollback()
    # Its migration can't be run twice: the first thing that it does again is done, then it fails.
    assert "What was taken back could not be run again: the migration of api failed" in failure.value.hint
    assert shop.platform().status().releases.schema[0].partial
    sql(shop, "ALTER TABLE orders DROP COLUMN note")
    assert shop.platform().deploy().name == live.name
    assert shop.platform().status().releases.schema == ()
    assert (columns(shop), "table public.second" in schema(shop)) == (["id", "note"], True)


def test_a_mended_undo_of_a_later_release_is_used(shop):
    before = shop.platform().status().current
    bad = MappingProxyType({**{one.name: one for one in shop.plan.services}["api"].env, "MODE": "exits"})
    note, good = HALF.split("\n")[0], {one.name: one for one in shop.plan.services}["api"].env
    with pytest.raises(PlatformError) as failure:
        release(shop, "never ready", note, "FAIL", migrate_undo=DOWN, env=bad)
    assert failure.value.code == "service-exited"
    assert "Its migration could not be taken back: " in failure.value.hint
    assert "exit code 9" in failure.value.hint
    assert "The schema stays changed: column public.orders.note: added, text" in failure.value.hint
    release(shop, "ready, undo not mended", note, "FAIL", env=good)
    with pytest.raises(PlatformError) as failure:
        shop.platform().rollback(before.name)
    assert "mend migrate_undo and deploy, then the mended one is used" in failure.value.hint
    release(shop, "undo mended", note, NOTE[1])
    assert shop.platform().rollback(before.name).release == before


def test_what_was_taken_back_by_hand_is_in_nobodys_way(shop):
    before = shop.platform().status().current
    release(shop, "by hand", NOTE[0], "FAIL", migrate_undo=DOWN)
    sql(shop, NOTE[1], "CREATE TABLE something_else (id int)")
    assert shop.platform().rollback().release == before
