"""Side releases without stores: what they consist of, where they answer, how they end, and what is refused."""

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from besides import Traces, answer
from environments import Load, kill_supervisor, wait_until

from greenproof.adapters.platforms.base import Serving
from greenproof.adapters.platforms.local import sides
from greenproof.adapters.platforms.local.remains import LOGS_KEPT
from greenproof.model.errors import GreenproofError, PlatformError
from greenproof.model.sides import SideRequest


@pytest.fixture(scope="module")
def yard(ground):
    """Two releases: `web` differs. The service `auth` would have a fixed port."""
    workshop = ground("auth", "web", folder="yard")
    env = MappingProxyType({"MODE": "good", "AUTH": "{auth.url}", "SHOWN": "{auth.url}"})
    workshop.configure("web", needs=("auth",), env=env)
    platform = workshop.platform()
    platform.deploy()
    workshop.configure("auth", port=int(platform.address("auth").rpartition(":")[2]))
    workshop.edit("web", "2")
    platform.deploy()
    return workshop


@pytest.fixture
def platform(yard):
    found = yard.platform()
    yield found
    for side in found.sides():
        found.end_side(side.name)
    yard.edit("web", "2")


@pytest.fixture
def first(platform):
    """The older release."""
    return platform.status().previous.name


def test_a_mix_answers_by_identity_at_its_own_addresses_while_traffic_stays(yard, platform, first):
    live = platform.status()
    with Load(platform.address("web")) as load:
        side = platform.start_side(SideRequest("old-web", revisions={"web": first}))
    assert (load.errors, load.retried) == ([], [])
    assert load.revisions == [one.name for one in live.current.revisions if one.service == "web"]
    assert (side.base, side.changed, side.data) == (live.current.name, ("web",), "copied")
    assert answer(side.addresses["web"])["version"] == "1"
    assert answer(platform.address("web"))["version"] == "2"
    assert set(side.addresses.values()).isdisjoint(one.url for one in live.services)
    readings = {one.service: one for one in platform.side("old-web").ready()}
    for revision in side.release.revisions:
        assert (readings[revision.service].state, readings[revision.service].identity) == ("ready", revision.name)
    after = platform.status()
    assert (after.current, after.services, after.releases.switches) == (
        live.current,
        live.services,
        live.releases.switches,
    )
    assert [one.name for one in after.sides] == ["old-web"]


def test_it_is_a_platform_of_its_own_to_whoever_tests(yard, platform, first):
    side = platform.start_side(SideRequest("inside", revisions={"web": first}))
    view = platform.side("inside")
    assert isinstance(view, Serving)
    assert view.secrets() == platform.secrets()
    assert view.address("web") == side.addresses["web"]
    # The service prints `{auth.url}` when it starts: what services need of each other leads into the mix.
    log = "\n".join(view.logs("web"))
    assert log == view.log_path("web").read_text().strip()
    assert side.addresses["auth"] in log
    assert platform.address("auth") not in log
    # What a service writes into its folder stays there, and the environment may forget the revision.
    (folder,) = yard.layout.sides.glob("inside.*")
    revision = next(one.name for one in side.release.revisions if one.service == "web")
    (folder / "revisions" / revision / "written.txt").write_text("by the service")
    assert not (yard.layout.revisions / revision / "written.txt").exists()


def test_another_variable_is_another_revision(platform):
    live = {one.service: one.name for one in platform.status().current.revisions}
    request = SideRequest(
        "loud", configuration={"auth": {"SHOWN": "this was set", "MODE": "good"}, "web": {"AUTH": None}}
    )
    side = platform.start_side(request)
    revisions = {one.service: one.name for one in side.release.revisions}
    assert set(side.changed) == {"auth", "web"}
    assert revisions["auth"] != live["auth"]
    assert answer(side.addresses["auth"])["revision"] == revisions["auth"]
    assert "this was set" in platform.side("loud").log_path("auth").read_text()
    assert side.settings == {"auth": ("MODE", "SHOWN"), "web": ("AUTH",)}


def test_a_value_that_is_what_it_was_changes_nothing_and_an_address_out_of_the_mix_is_told(platform):
    url = platform.address("auth")
    request = SideRequest("leak", configuration={"auth": {"MODE": "good"}, "web": {"AUTH": url}})
    side = platform.start_side(request)
    assert side.changed == ("web",)
    (note,) = side.notes
    assert note.startswith(f"web: AUTH names port {url.rpartition(':')[2]}, which is auth of the environment")


def test_a_folder_takes_the_place_of_a_source(yard, platform):
    elsewhere = yard.root / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "app.py").write_bytes((yard.root / "web" / "app.py").read_bytes())
    (elsewhere / "version.txt").write_text("from elsewhere")
    side = platform.start_side(SideRequest("folder", sources={"web": elsewhere}))
    assert answer(side.addresses["web"])["version"] == "from elsewhere"


def test_it_is_known_by_its_name_and_there_are_only_so_many(yard, platform, first, monkeypatch):
    request = SideRequest("once", revisions={"web": first})
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(platform.start_side, [request, request])
    assert one == two
    with pytest.raises(PlatformError) as caught:
        platform.start_side(SideRequest("once"))
    assert caught.value.code == "side-taken"
    monkeypatch.setattr(sides, "MOST", 1)
    with pytest.raises(PlatformError) as caught:
        platform.start_side(SideRequest("other"))
    assert (caught.value.code, caught.value.hint) == ("side-limit", "end one: greenproof side down once")
    assert platform.sides() == (one,)
    # Nothing of an ended one is left but its logs.
    traces = Traces(yard.layout, "once")
    assert platform.end_side("once") is True
    assert traces.left == []
    assert list(yard.layout.ended.glob("once.*/web/*.log"))
    assert len(list(yard.layout.ended.iterdir())) <= LOGS_KEPT
    assert platform.end_side("once") is False


def test_one_of_which_a_service_died_is_started_again(platform):
    before = platform.start_side(SideRequest("again"))
    pid = next(one.pid for one in platform.side("again").status().services if one.service == "web")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: platform.side("again").status().services[1].state == "exited")
    after = platform.start_side(SideRequest("again"))
    assert after.since > before.since
    assert answer(after.addresses["web"])["version"] == "2"


def test_one_that_does_not_come_up_leaves_nothing_and_says_where_its_log_is(yard, platform):
    with pytest.raises(PlatformError) as caught:
        platform.start_side(SideRequest("dead", configuration={"web": {"MODE": "exits"}}))
    error = caught.value
    assert error.code == "service-exited"
    assert "OAUTH_CLIENT_ID is missing" in "\n".join(error.log)
    assert Path(error.where.rpartition(", log ")[2]).is_file()
    assert list(yard.layout.sides.glob("dead.*")) == []
    assert platform.sides() == ()
    assert answer(platform.address("web"))["version"] == "2"


REFUSED = {
    "path": (SideRequest("../../outside"), "side-name"),
    "capital": (SideRequest("Try"), "side-name"),
    "empty": (SideRequest(""), "side-name"),
    "long": (SideRequest("a" * 31), "side-name"),
    "end": (SideRequest("try-"), "side-name"),
    "newline": (SideRequest("try\n"), "side-name"),
    "service": (SideRequest("try", revisions={"nobody": "nobody-000000000000"}), "unknown-service"),
    "folder of nobody": (SideRequest("try", sources={"nobody": Path("/")}), "unknown-service"),
    "variable of nobody": (SideRequest("try", configuration={"nobody": {"A": "b"}}), "unknown-service"),
    "revision": (SideRequest("try", revisions={"web": "web-000000000000"}), "side-revision"),
    "revision of another": (SideRequest("try", revisions={"web": "auth-000000000000"}), "side-revision"),
    "revision as a path": (SideRequest("try", revisions={"web": "../../../etc/passwd"}), "side-revision"),
    "release": (SideRequest("try", revisions={"web": "r-000000000000"}), "unknown-release"),
    "base": (SideRequest("try", base="../state"), "unknown-release"),
    "both": (SideRequest("try", revisions={"web": "web-000000000000"}, sources={"web": Path()}), "option-twice"),
    "no folder": (SideRequest("try", sources={"web": Path("/nowhere")}), "source-missing"),
    "variable": (SideRequest("try", configuration={"web": {"A B": "c"}}), "side-variable"),
    "our variable": (SideRequest("try", configuration={"web": {"PORT": "80"}}), "side-variable"),
    "our mark": (SideRequest("try", configuration={"web": {"GREENPROOF_REVISION": "x"}}), "side-variable"),
    "unset": (SideRequest("try", configuration={"web": {"NOT_THERE": None}}), "side-variable"),
    "zero": (SideRequest("try", configuration={"web": {"A": "\0"}}), "side-variable"),
    "reference": (SideRequest("try", configuration={"web": {"A": "{nobody.url}"}}), "unknown-reference"),
    "secret": (SideRequest("try", configuration={"web": {"A": "{secret.nobody}"}}), "unknown-reference"),
    "data": (SideRequest("try", data="shared"), "side-data"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_requests_start_nothing(yard, platform, name):
    request, code = REFUSED[name]
    with pytest.raises(GreenproofError) as caught:
        platform.start_side(request)
    assert caught.value.code == code
    assert caught.value.expected
    assert [one for one in yard.layout.sides.glob("*") if one.is_dir()] == []


def test_production_is_refused(yard):
    plan = replace(yard.plan, environments=(replace(yard.plan.environments[0], kind="production"),))
    production = sides_of(plan)
    with pytest.raises(PlatformError) as caught:
        production.start_side(SideRequest("try"))
    assert caught.value.code == "side-production"


def sides_of(plan):
    from greenproof.adapters.platforms.local import LocalPlatform

    return LocalPlatform(plan, plan.environments[0])


def test_a_loop_that_was_overtaken_starts_and_ends_none(yard):
    newer, older = yard.platform(), yard.platform()
    newer.fenced(yard.platform().status().releases.fence + 2)
    newer.up()
    older.fenced(newer.status().releases.fence - 1)
    for act in (lambda: older.start_side(SideRequest("late")), lambda: older.end_side("late")):
        with pytest.raises(PlatformError) as caught:
            act()
        assert caught.value.code == "fenced-off"


OWNER = """
    import pickle, sys
    from greenproof.adapters.platforms.local import LocalPlatform
    from greenproof.model.sides import SideRequest
    plan = pickle.loads(bytes.fromhex(sys.stdin.readline()))
    LocalPlatform(plan, plan.environments[0]).start_side(SideRequest(sys.argv[1], owner="run-1"))
    print("ready", flush=True)
    sys.stdin.readline()
"""


def owned(plan, name):
    """Another process that starts a side release of its own, and stays."""
    fields = {"root": plan.root, "environments": plan.environments, "secrets": plan.secrets, "services": plan.services}
    words = [sys.executable, "-c", textwrap.dedent(OWNER), name]
    owner = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    owner.stdin.write(dump(fields).hex() + "\n")
    owner.stdin.flush()
    assert owner.stdout.readline() == "ready\n"
    return owner


def dump(fields):
    import pickle

    from greenproof.model.plan import Plan

    services = tuple(replace(one, env=dict(one.env)) for one in fields["services"])
    return pickle.dumps(Plan(**{**fields, "services": services}))


def end(owner):
    owner.kill()
    owner.wait()
    owner.stdin.close()
    owner.stdout.close()


def test_it_dies_with_its_owner(yard, platform):
    owner = owned(yard.plan, "owned")
    traces = Traces(yard.layout, "owned")
    assert [(one.name, one.owner) for one in platform.sides()] == [("owned", "run-1")]
    assert platform.clear_abandoned() == ()
    end(owner)
    assert traces.gone(), traces.left
    assert platform.sides() == ()


def test_what_is_killed_with_its_owner_is_cleared_by_whoever_comes_next(yard, platform):
    kept = platform.start_side(SideRequest("kept"))
    owner = owned(yard.plan, "both")
    traces = Traces(yard.layout, "both")
    os.kill(traces.supervisor, signal.SIGSTOP)
    end(owner)
    os.kill(traces.supervisor, signal.SIGKILL)
    wait_until(lambda: [one.state for one in platform.sides()] == ["lost", "running"])
    platform.up()
    assert traces.gone(), traces.left
    # Another's is not touched.
    assert platform.sides() == (kept,)
    assert answer(kept.addresses["web"])["version"] == "2"


def test_one_whose_supervisor_is_killed_is_over(yard, platform):
    platform.start_side(SideRequest("lost"))
    traces = Traces(yard.layout, "lost")
    kill_supervisor(platform.side("lost"))
    assert [one.state for one in platform.sides()] == ["lost"]
    assert platform.clear_abandoned() == ("lost",)
    assert traces.gone(), traces.left


def test_a_removal_that_was_cut_off_is_finished(yard, platform):
    hidden = yard.layout.sides / ".half.0a1b2c"
    (hidden / "data").mkdir(parents=True)
    platform.clear_abandoned()
    assert not hidden.exists()


def test_down_ends_all_of_them(ground):
    workshop = ground("web", folder="down")
    platform = workshop.platform()
    platform.deploy()
    platform.start_side(SideRequest("one"))
    traces = Traces(workshop.layout, "one")
    platform.down()
    assert traces.left == []
    assert platform.status().sides == ()


def test_one_that_is_ended_while_it_starts_says_so(yard, platform, monkeypatch):
    ensure = sides.ensure_supervisor

    def too_late(*arguments):
        yard.platform().end_side("gone")
        ensure(*arguments)

    monkeypatch.setattr(sides, "ensure_supervisor", too_late)
    with pytest.raises(PlatformError) as caught:
        platform.start_side(SideRequest("gone"))
    assert caught.value.code == "side-ended"
    assert [one for one in yard.layout.sides.glob("*") if one.is_dir()] == []
