"""What a plan says is what the deploy after it does, and to find it out nothing is written or started."""

import hashlib
import json
import shutil
from dataclasses import replace
from types import MappingProxyType

import jsonschema
import pytest
from environments import wait_until

from greenproof.adapters.platforms.local.planning import difference
from greenproof.model.errors import PlatformError
from greenproof.model.redaction import MASK
from greenproof.model.releases import Difference
from greenproof.reporting.planned import plan_document, schema


@pytest.fixture(scope="module")
def shop(ground):
    workshop = ground("auth", "web", "docs", folder="planned")
    env = MappingProxyType({"MODE": "good", "AUTH": "{auth.url}"})
    workshop.configure("web", needs=("auth",), env=env)
    return workshop


def state_of(folder):
    """Every file and what is in it, but for the list of processes: those of an older release may just be ending."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
        if "logs" not in path.parts and path.name != "started.json"
    }


def planned(shop):
    """The plan; nothing may be different after it, and it must be as published."""
    before, pids = state_of(shop.root), {one.service: one.pid for one in shop.platform().status().services}
    plan = shop.platform().plan()
    assert state_of(shop.root) == before
    assert {one.service: one.pid for one in shop.platform().status().services} == pids
    jsonschema.validate(json.loads(json.dumps(plan_document(plan))), schema())
    return plan


def deployed_as(plan, shop):
    """Deploy, and compare everything that was foretold."""
    platform = shop.platform()
    status = platform.status()
    pids = {one.service: one.pid for one in status.services}
    shop.progress.clear()
    release = platform.deploy()
    after = platform.status()
    live = status.current or status.releases.remembered
    assert plan.before == (live.name if live else None)
    if plan.after is not None:
        assert release.name == plan.after
        assert {one.service: one.after for one in plan.services if one.action != "stop"} == {
            revision.service: revision.name for revision in release.revisions
        }
    fresh = {one.service for one in after.services if one.pid != pids.get(one.service) and one.state == "running"}
    started = [line.split()[1].rpartition("-")[0] for line in shop.progress if line.startswith("start ")]
    assert set(started) == {one.service for one in plan.services if one.action == "start"}
    assert {one.service for one in plan.services if one.action == "start"} <= fresh
    at = 0
    for group in plan.order:
        assert set(started[at : at + len(group)]) == set(group)
        at += len(group)
    assert at == len(started)
    migrated = {line.split()[1].rpartition("-")[0] for line in shop.progress if line.startswith("migrate ")}
    assert migrated == {one.service for one in plan.services if one.migration}
    old = {one.service: one.revision for one in status.services if one.state == "running"}
    new = {one.service: one.revision for one in after.services if one.state == "running"}
    assert {move.service for move in plan.traffic} >= {name for name in old | new if old.get(name) != new.get(name)}
    if plan.after is not None:
        assert {move.service: (move.before, move.after) for move in plan.traffic} == {
            name: (old.get(name), new.get(name))
            for name in old | new
            if old.get(name) != new.get(name) or name in fresh
        }
    wait_until(lambda: platform.status().releases.warm == plan.warm)
    return release


def test_before_the_first_deploy_everything_is_new(shop):
    plan = planned(shop)
    assert (plan.before, plan.changes, plan.rollback.release, plan.warm) == (None, True, None, None)
    assert plan.order == (("auth", "docs"), ("web",))
    assert plan.services[0].files == Difference(added=("app.py", "version.txt"))
    assert not shop.layout.folder.exists()
    deployed_as(plan, shop)


def test_nothing_to_change_is_said(shop):
    plan = planned(shop)
    assert not plan.changes
    assert plan.order == plan.traffic == ()
    assert {one.action for one in plan.services} == {"keep"}
    deployed_as(plan, shop)


def test_files_settings_and_traffic_of_what_changes(shop):
    live = shop.platform().deploy()
    (shop.root / "web" / "new.txt").write_text("new")
    shop.edit("web", "planned")
    shop.configure(
        "web",
        env=MappingProxyType({"MODE": "good", "LIMIT": "8", "TOKEN": "{secret.key}", "PHRASE": "correct horse"}),
        command=("{python}", "app.py", "--password", "hunter2hunter2"),
        migrate=("{python}", "-c", "pass"),
    )
    plan = planned(shop)
    auth, web, docs = plan.services
    assert (auth.action, web.action, docs.action) == ("keep", "start", "keep")
    assert web.files == Difference(added=("new.txt",), changed=("version.txt",))
    told = {one.key: (one.before, one.after) for one in web.settings}
    assert told["env.AUTH"] == ("{auth.url}", None)
    assert told["env.LIMIT"] == (None, "8")
    assert told["env.TOKEN"] == told["secrets.key"] == (None, MASK)
    assert told["env.PHRASE"][1].startswith("digest ")
    assert told["command"][0] == "{python} app.py"
    assert told["command"][1].startswith(f"{{python}} app.py --password {MASK} (digest ")
    assert "needs" not in told
    shown = json.dumps(plan_document(plan))
    assert "hunter2hunter2" not in shown
    assert "correct horse" not in shown
    assert told["migrate"][1].startswith(f"{{python}} -c {MASK} (digest ")
    assert web.migration == "undeclared"
    assert (plan.secrets, web.unnamed, plan.after) == (("key",), True, None)
    assert [move.service for move in plan.traffic] == ["web"]
    assert plan.traffic[0].url == shop.platform().address("web")
    assert (plan.rollback.release, plan.rollback.warm, plan.rollback.may_freeze) == (live.name, True, True)
    deployed_as(plan, shop)
    # Once the secret is made, all has its name; and it is never shown.
    shop.edit("web", "planned again")
    plan = planned(shop)
    assert plan.after is not None
    assert shop.platform()._credentials.secret("key") not in json.dumps(plan_document(plan))
    deployed_as(plan, shop)


def test_the_way_back_and_what_is_kept_warm(shop):
    platform = shop.platform()
    good = platform.deploy()
    platform.mark_good(good.name, "run-1")
    shop.edit("docs", "after the good one")
    plan = planned(shop)
    assert (plan.rollback.release, plan.rollback.known_good, plan.warm) == (good.name, True, good.name)
    deployed_as(plan, shop)
    shop.edit("docs", "and after that")
    plan = planned(shop)
    assert (plan.rollback.release, plan.warm) == (good.name, good.name)
    deployed_as(plan, shop)


def test_a_service_that_goes_and_one_that_comes_back(shop):
    shop.platform().mark_good(shop.platform().deploy().name, "run-2")
    whole = shop.plan
    shop.plan = replace(whole, services=whole.services[:2])
    plan = planned(shop)
    (docs,) = (one for one in plan.services if one.service == "docs")
    assert (docs.action, docs.after) == ("stop", None)
    shop.platform().deploy()
    shop.plan = whole
    # It was kept warm with the release before: it only gets its traffic back.
    plan = planned(shop)
    assert [(one.service, one.action) for one in plan.services if one.service == "docs"] == [("docs", "keep")]
    assert [move.service for move in plan.traffic] == ["docs"]
    deployed_as(plan, shop)


def test_an_environment_that_is_not_up(shop):
    live = shop.platform().deploy()
    shop.platform().down()
    plan = planned(shop)
    assert (plan.before, plan.after, plan.changes) == (live.name, live.name, True)
    assert plan.warm == plan.rollback.release
    assert {one.action for one in plan.services} == {"start"}
    assert {move.before for move in plan.traffic} == {None}
    assert plan.remarks == ("the environment is not up: the deploy brings it up",)
    deployed_as(plan, shop)


def test_what_a_deploy_would_refuse_is_refused(shop):
    plan = shop.plan
    shop.configure("web", needs=("nobody",))
    with pytest.raises(PlatformError) as failure:
        shop.platform().plan()
    assert failure.value.code == "unknown-need"
    shop.plan = plan


def test_packages_of_an_environment(ground):
    shop = ground("auth", folder="packages")
    place = shop.root / "venv"
    packages = place / "lib" / "python3.12" / "site-packages"
    for name in ("httpx-1.0.dist-info", "left-2.0.dist-info"):
        (packages / name).mkdir(parents=True)
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(shutil.which("python3") or "")
    shop.configure("auth", python=place)
    shop.platform().deploy()
    (packages / "httpx-1.0.dist-info").rename(packages / "httpx-1.1.dist-info")
    (packages / "left-2.0.dist-info").rmdir()
    (packages / "new_one-0.1.dist-info").mkdir()
    (auth,) = planned(shop).services
    assert auth.packages == Difference(("new_one 0.1",), ("httpx 1.0, now 1.1",), ("left 2.0",))
    # What was live can't be started again as what it was.
    shop.platform().down()
    assert "packages of" in shop.platform().up().failed
    shop.close()


def test_differences_are_sorted():
    assert difference({"b": 1, "a": 1, "c": 1}, {"c": 2, "e": 1, "d": 1, "a": 1}) == Difference(
        ("d", "e"), ("c",), ("b",)
    )
    assert not difference({"a": 1}, {"a": 1})


def test_a_project_without_services(ground):
    shop = ground(folder="no services")
    plan = planned(shop)
    assert (plan.before, plan.changes, plan.traffic) == (None, True, ())
    assert shop.platform().deploy().name == plan.after
    assert not planned(shop).changes
    shop.close()
