"""Known good releases, the way back to them, and what is remembered when everything was killed or stopped."""

import json
import os
import shutil
import signal
import threading
from types import MappingProxyType

import pytest
from environments import Load, kill_supervisor, wait_until

from greenproof.adapters.platforms.local import LocalPlatform, processes
from greenproof.adapters.platforms.local.state import Intent, Known, State, read_state, refuse_nowhere
from greenproof.model.errors import GreenproofError, PlatformError
from greenproof.model.plan import Dependency


@pytest.fixture(scope="module")
def house(ground):
    """Two services, one of which needs the other and holds a secret."""
    workshop = ground("auth", "web", folder="house")
    env = MappingProxyType({"MODE": "good", "AUTH": "{auth.url}", "KEY": "{secret.key}"})
    workshop.configure("web", needs=("auth",), env=env)
    return workshop


def make(shop, text, services=("auth", "web")):
    """A release of its own."""
    for service in services:
        shop.edit(service, text)
    return shop.platform().deploy()


def pids(platform):
    return {one.service: one.pid for one in platform.status().services}


def version(ask, platform, service="web"):
    return json.loads(ask(platform.address(service))[2])["version"]


def test_the_last_known_good_release_is_kept_warm_and_led_back_to(house, ask):
    platform = house.platform()
    good = make(house, "good")
    warm = pids(platform)
    marked = platform.mark_good(good.name, "run-1")
    assert platform.mark_good(good.name, "run-1") == marked
    first = make(house, "better?")
    between = pids(platform)
    make(house, "best?")
    book = platform.status().releases
    assert (book.warm, [one.release for one in book.good]) == (good.name, [good.name])
    assert all(processes.birth(pid) for pid in warm.values())
    # What is neither live nor led back to is ended, though it was the release before.
    wait_until(lambda: not any(processes.birth(pid) for pid in between.values()))
    with Load(platform.address("web")) as load:
        done = platform.rollback()
        assert platform.status().current.name == good.name
        wait_until(lambda: load.revisions[-1:] == [good.revisions[1].name])
    assert (done.release, done.warm, done.known_good) == (good, True, True)
    assert done.duration_s < 1
    assert pids(platform) == warm
    assert load.errors == []
    assert len(load.revisions) <= 2
    assert version(ask, platform, "auth") == version(ask, platform) == "good"
    again = platform.rollback()
    assert (again.release, again.abandoned, again.duration_s) == (good, None, 0)
    assert first.name in platform.status().releases.known


def test_a_release_that_was_left_is_no_longer_known_good(house):
    platform = house.platform()
    one, two = make(house, "one"), None
    platform.mark_good(one.name, "run-1")
    two = make(house, "two")
    platform.mark_good(two.name, "run-2")
    assert platform.rollback().abandoned == two
    assert [known.release for known in platform.status().releases.good][-1] == one.name
    assert two.name not in {known.release for known in platform.status().releases.good}
    make(house, "three")
    assert platform.rollback().release == one
    platform.mark_good(two.name, "run-3")
    assert platform.status().releases.good[-1].run == "run-3"


def test_a_cold_release_is_revived_as_a_whole_under_load(house, ask):
    platform = house.platform()
    cold = make(house, "cold")
    platform.mark_good(cold.name, "run-1")
    make(house, "hot")
    for pid in platform_pids(house, cold):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: cold.name not in running(platform, whole=2))
    with Load(platform.address("web")) as load:
        done = platform.rollback()
    assert (done.release, done.warm) == (cold, False)
    assert done.duration_s < 15
    assert load.errors == []
    assert load.requests > 50
    assert version(ask, platform) == "cold"
    assert [one.state for one in platform.ready()] == ["ready", "ready"]


def running(platform, whole):
    return {name for name, revisions in platform._call("running", {}).items() if len(revisions) == whole}


def platform_pids(shop, release):
    names = {revision.name for revision in release.revisions}
    entries = json.loads(shop.layout.registry.read_text())
    return [one["pid"] for one in entries if one["role"].partition(":")[2] in names]


def test_a_rollback_is_whole_or_nothing(house, ask):
    platform = house.platform()
    make(house, "to be broken")
    broken = platform.status().current
    live = make(house, "live")
    state = read_state(house.layout)
    for pid in platform_pids(house, broken):
        os.kill(pid, signal.SIGKILL)
    (house.layout.revisions / broken.revisions[1].name / "version.txt").write_text("written over")
    with pytest.raises(PlatformError) as failure:
        platform.rollback(broken.name)
    assert failure.value.code == "revision-changed"
    assert "version.txt" in failure.value.message
    shutil.rmtree(house.layout.revisions / broken.revisions[1].name)
    with pytest.raises(PlatformError):
        platform.rollback(broken.name)
    assert platform.status().current == live
    assert read_state(house.layout) == state
    assert version(ask, platform) == version(ask, platform, "auth") == "live"


def test_a_service_that_does_not_come_back_leaves_everything_as_it_was(house, ask):
    """It starts and is never ready: the one that was started before it is ended again."""
    platform, plan = house.platform(), house.plan
    sick = make(house, "sick")
    make(house, "well")
    live = pids(platform)
    for pid in platform_pids(house, sick):
        os.kill(pid, signal.SIGKILL)
    manifest = house.layout.revisions / f"{sick.revisions[1].name}.json"
    value = json.loads(manifest.read_text())
    value["launch"]["command"] = ["{python}", "-c", "raise SystemExit(7)"]
    manifest.write_text(json.dumps(value))
    with pytest.raises(PlatformError) as failure:
        platform.rollback(sick.name)
    assert failure.value.code == "service-exited"
    assert (pids(platform), house.plan) == (live, plan)
    assert version(ask, platform) == version(ask, platform, "auth") == "well"
    wait_until(lambda: not any(processes.birth(pid) for pid in platform_pids(house, sick)))
    assert read_state(house.layout).intent is None


def test_an_unknown_release_is_a_mistake(house):
    make(house, "known")
    for act in (house.platform().rollback, lambda name: house.platform().mark_good(name, "run-1")):
        with pytest.raises(PlatformError) as failure:
            act("r-000000000000")
        assert failure.value.code == "unknown-release"


def test_the_same_key_doubles_nothing(house):
    platform = house.platform()
    before = platform.deploy()
    house.edit("web", "keyed")
    switches = platform.status().releases.switches
    release = platform.deploy(key="run/1/deploy")
    house.edit("web", "changed since")
    assert platform.deploy(key="run/1/deploy") == release
    assert platform.status().releases.switches == switches + 1
    back = platform.rollback(before.name, key="run/1/rollback")
    assert platform.rollback(before.name, key="run/1/rollback") == back
    assert back.abandoned == release
    assert platform.status().releases.switches == switches + 2
    good = platform.mark_good(before.name, "run-1", key="run/1/good")
    assert platform.mark_good(before.name, "another run", key="run/1/good") == good
    # It no longer holds, so it is done again: what it names must be true afterwards.
    house.edit("web", "keyed")
    assert platform.deploy(key="run/1/deploy").name == release.name
    assert platform.status().releases.switches == switches + 3


def test_a_key_is_remembered_over_a_kill(house):
    platform = house.platform()
    house.edit("web", "kept over a kill")
    release = platform.deploy(key="run/2/deploy")
    switches = platform.status().releases.switches
    kill_supervisor(platform)
    house.edit("web", "not to be deployed")
    again = platform.deploy(key="run/2/deploy")
    assert (again, platform.status().current) == (release, release)
    assert platform.status().releases.switches == switches


def test_an_older_loop_is_fenced_off(house):
    older, newer, person = house.platform(), house.platform(), house.platform()
    older.fenced(3)
    newer.fenced(4)
    release = older.deploy()
    newer.up()
    house.edit("web", "by the older one")
    for act in (older.deploy, older.rollback, older.up, older.down, lambda: older.mark_good(release.name, "run-1")):
        with pytest.raises(PlatformError) as failure:
            act()
        assert failure.value.code == "fenced-off"
    assert person.status().current == release
    assert person.status().releases.fence == 4
    house.edit("web", "by a person")
    release = person.deploy()
    newer.down()
    with pytest.raises(PlatformError, match="may not act"):
        older.up()
    assert person.status().supervisor is None
    assert newer.up().restored == release


def test_a_slower_loop_can_not_commit_what_it_began(house):
    """The newer one only has to ask for something; it need not wait for the older deploy."""
    asked = []

    def take_over(text):
        if text.startswith("start web") and not asked:
            # It is not answered before the deploy is over, but its number arrives.
            asked.append(threading.Thread(target=newer.up))
            asked[0].start()

    older, newer = LocalPlatform(house.plan, house.plan.environments[0], take_over), house.platform()
    live = newer.deploy()
    number = newer.status().releases.fence + 1
    older.fenced(number)
    newer.fenced(number + 1)
    house.edit("web", "overtaken")
    with pytest.raises(PlatformError) as failure:
        older.deploy()
    asked[0].join(20)
    assert failure.value.code == "fenced-off"
    assert newer.status().current == live


def test_up_restores_the_release_that_was_live(house, ask):
    platform = house.platform()
    release = make(house, "restored")
    previous = platform.status().previous
    kill_supervisor(platform)
    asleep = platform.status()
    assert (asleep.current, asleep.releases.remembered, asleep.previous) == (None, release, previous)
    found = platform.up()
    assert (found.restored, found.failed, found.cut_off) == (release, "", None)
    assert version(ask, platform) == "restored"
    assert platform.ready()[1].identity == release.revisions[1].name
    assert platform.up().restored is None
    # What a rollback leads to is started again beside it, and nobody has to wait for that.
    back = platform.rollback()
    assert (back.warm, back.abandoned) == (True, release)


def test_a_deploy_does_not_start_the_old_release_first_but_remembers_it(house):
    platform = house.platform()
    old = make(house, "asleep")
    platform.down()
    house.edit("web", "awake")
    house.progress.clear()
    new = platform.deploy()
    assert not any(old.revisions[1].name in line for line in house.progress)
    assert (platform.status().current, platform.status().previous) == (new, old)
    assert platform.rollback(old.name).release == old


def test_up_is_of_use_when_the_release_can_not_be_restored(house):
    platform, plan = house.platform(), house.plan
    release = make(house, "can't come back")
    platform.down()
    credentials = house.layout.credentials.read_text()
    house.layout.credentials.write_text(credentials.replace('"secret:key": "', '"secret:key": "0'))
    try:
        found = platform.up()
        assert found.restored is None
        assert "web-" in found.failed
        assert "secret key" in found.failed
        assert "revision-changed" in found.failed
        status = platform.status()
        assert (status.current, status.releases.remembered) == (None, release)
        assert status.releases.unrestored == found.failed
        assert platform.deploy().name != release.name
        assert platform.status().releases.unrestored == ""
    finally:
        house.layout.credentials.write_text(credentials)
        house.plan = plan


def test_no_secret_is_written_beside_the_releases(house):
    make(house, "with a secret")
    house.platform().mark_good(house.platform().status().current.name, "run-1")
    value = house.platform()._credentials.secret("key")
    files = [*house.layout.releases.rglob("*.json"), *house.layout.revisions.glob("*.json")]
    assert len(files) > 4
    assert not [path for path in files if value in path.read_text()]
    manifest = json.loads(
        (house.layout.revisions / f"{house.platform().status().current.revisions[1].name}.json").read_text()
    )
    assert manifest["launch"]["env"]["KEY"] == "{secret.key}"


def test_a_client_that_goes_leaves_a_word_about_it(house):
    class Gone(BaseException):
        pass

    def leave(text):
        if text.startswith("start web"):
            raise Gone

    platform = house.platform()
    live = make(house, "stays")
    house.edit("web", "never")
    with pytest.raises(Gone):
        LocalPlatform(house.plan, house.plan.environments[0], leave).deploy(key="gone")
    wait_until(lambda: platform.status().releases.cut_off)
    found = platform.up().cut_off
    assert (found.effect, found.outcome, found.key, found.code) == ("deploy", "undone", "gone", "deploy-cut-off")
    assert platform.status().current == live
    platform.deploy(key="gone")
    assert platform.status().releases.cut_off is None


def test_a_deploy_of_which_everything_was_killed_is_undone(house, ask):
    platform = house.platform()
    live = make(house, "live before")
    switches = platform.status().releases.switches

    def end(text):
        if text.startswith("start web"):
            kill_supervisor(platform)

    house.edit("auth", "half")
    house.edit("web", "half")
    with pytest.raises(PlatformError) as failure:
        LocalPlatform(house.plan, house.plan.environments[0], end).deploy(key="half")
    assert failure.value.code == "supervisor-lost"
    pending = platform.status().releases.cut_off
    assert (pending.outcome, pending.key) == ("pending", "half")
    found = platform.up()
    assert (found.restored, found.cut_off.outcome) == (live, "undone")
    assert any("was cut off" in text and "undone" in text for text in house.progress)
    assert version(ask, platform) == "live before"
    assert platform.status().releases.switches == switches
    done = platform.deploy(key="half")
    assert platform.status().current == done
    assert platform.status().releases.switches == switches + 1


def test_snapshots_and_logs_that_no_release_needs_go_with_the_next_deploy(house):
    platform = house.platform()
    house.edit("web", "never deployed")
    snapshot = platform.snapshot()[1].name
    house.edit("web", "somebody is about to deploy this")
    young = platform.snapshot()[1].name
    (house.layout.logs / "web" / f"{snapshot}.log").write_text("old")
    # As if it had been asked for long ago.
    os.utime(house.layout.revisions / f"{snapshot}.json", (1_000_000, 1_000_000))
    (house.layout.releases / "r-0.json").write_text("{}")
    make(house, "the last", ("web",))
    wait_until(lambda: not (house.layout.revisions / f"{snapshot}.json").exists())
    wait_until(lambda: not (house.layout.logs / "web" / f"{snapshot}.log").exists())
    assert not (house.layout.revisions / snapshot).exists()
    assert (house.layout.revisions / young).is_dir()
    kept = {path.stem for path in house.layout.releases.glob("r-*.json")}
    assert kept == set(platform.status().releases.known)
    needed = {one["name"] for name in kept for one in manifest(house, name)["revisions"]}
    assert needed <= {path.name for path in house.layout.revisions.iterdir()}


def manifest(shop, name):
    return json.loads((shop.layout.releases / f"{name}.json").read_text())


def test_what_is_remembered_and_can_not_be_read_is_said(ground):
    shop = ground("auth", folder="unreadable")
    shop.layout.create()
    for text in ("{", '{"version": 2}', '{"version": 1, "current": 7}', "[]"):
        (shop.layout.releases / "state.json").write_text(text)
        with pytest.raises(PlatformError) as failure:
            shop.platform().up()
        assert failure.value.code == "releases-unreadable"
    (shop.layout.releases / "state.json").unlink()


@pytest.mark.parametrize(("to", "code"), [(None, "no-previous-release"), ("r-000000000000", "unknown-release")])
def test_without_a_way_back_nothing_is_started(ground, to, code):
    workshop = ground("auth", folder=f"nowhere-{code}", dependencies=(Dependency("db", "postgres"),))
    with pytest.raises(GreenproofError) as failure:
        workshop.platform().rollback(to)
    assert failure.value.code == code
    assert workshop.progress == []
    assert not workshop.layout.folder.exists()
    assert workshop.platform().status().supervisor is None


def test_what_was_cut_off_may_still_make_a_way_back():
    for state in (State(intent=Intent("deploy", "r-1", "")), State("r-2", "r-1", known={"r-1": Known(1)})):
        refuse_nowhere(state, None, "test")
    refuse_nowhere(State("r-1", "r-2", went_back=True, known={"r-1": Known(1)}), None, "test")
    with pytest.raises(PlatformError, match="no previous release"):
        refuse_nowhere(State("r-1", known={"r-1": Known(1)}), None, "test")
