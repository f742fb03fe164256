"""The read-only loop on a real environment with a real PostgreSQL and Redis: it changes nothing, and shows it."""

import json
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenproof.adapters.platforms.local import LocalPlatform
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.processes import kill, working_in
from greenproof.adapters.repository.tree import tree
from greenproof.config import load
from greenproof.ledger import Ledger

SHOP = Path(__file__).resolve().parents[1] / "support" / "shop.py"

CONFIGURATION = """
schema = 1
[project]
name = "shop"
[environments.local]
kind = "local"
platform = "local"
[dependencies.db]
kind = "postgres"
database = "shop"
[dependencies.cache]
kind = "redis"
[services.shop]
source = "services"
command = ["{python}", "serve.py", "{{PORT}}"]
needs = ["db", "cache"]
health = "/health"
ready = "/health"
start_timeout = 20
[targets.shop]
service = "shop"
env = ["SHOP_URL"]
[suites.e2e]
command = ["{python}", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", "test_shop.py"]
[suites.reads]
command = ["{python}", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", "test_shop.py"]
writes = false
[suites.lies]
command = ["{python}", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:anyio", "test_lies.py"]
writes = false
"""

SERVE = """
import os, sys
import shop
shop.serve(int(sys.argv[1]), os.environ["GREENPROOF_REVISION"])
"""

SUITE = """
import json, os, urllib.request
def test_total():
    request = urllib.request.Request(os.environ["SHOP_URL"] + "/orders", json.dumps({"prices": [2, 3]}).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["total"] == 5
"""

LIES = (
    SUITE
    + """
    with open("orders.txt", "a") as file:
        file.write("an order\\n")
"""
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("shop")
    (place / "services").mkdir()
    shutil.copy2(SHOP, place / "services" / "shop.py")
    (place / "services" / "serve.py").write_text(textwrap.dedent(SERVE))
    (place / "greenproof.toml").write_text(CONFIGURATION.format(python=sys.executable))
    (place / "test_shop.py").write_text(SUITE)
    (place / "test_lies.py").write_text(LIES)
    try:
        yield place
    finally:
        greenproof(place, "down", "-q")
        plan = load(place / "greenproof.toml")
        identity = Layout.of(plan, plan.environments[0]).environment_id()
        shutil.rmtree(Path("/var/tmp/greenproof-servers") / identity, ignore_errors=True)


def greenproof(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenproof", *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)


def changed(place: Path) -> list[list[str]]:
    with Ledger.open(place / ".greenproof" / "ledger.db", create=False) as ledger:
        return [entry.body["changed"] for entry in ledger.entries(kinds=("ReadOnlyCompared",))]


def test_it_observes_judges_and_changes_nothing(project: Path) -> None:
    nothing = greenproof(project, "loop", "--read-only")
    assert nothing.returncode == 4
    assert "[not-deployed]" in nothing.stderr
    assert "not compared: db: the environment is not up" in nothing.stdout
    # It is not brought up, either.
    assert "not up" in greenproof(project, "status").stdout

    first = greenproof(project, "loop", "--suite", "reads")
    assert first.returncode == 0, first.stdout + first.stderr
    before = tree(project)
    status = json.loads(greenproof(project, "status", "--json").stdout)
    ran = greenproof(project, "loop", "--read-only", "--suite", "reads", "--json", "-")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads(ran.stdout)
    assert [case["verdict"] for case in result["cases"]] == ["proven"]
    assert result["known_before"]["counts"]["confirmed"] == 1
    assert changed(project)[-1] == []
    assert tree(project) == before
    assert json.loads(greenproof(project, "status", "--json").stdout) == status


def test_a_suite_that_may_write_is_not_run_and_its_conclusions_are_shown(project: Path) -> None:
    assert greenproof(project, "loop").returncode == 0
    observed = greenproof(project, "loop", "--read-only")
    assert observed.returncode == 5, observed.stdout + observed.stderr
    assert "known before: 1 conclusions" in observed.stdout
    assert "1 unchecked" in observed.stdout
    assert "read-only: nothing was changed" in observed.stdout
    assert "data 1" in observed.stdout
    # Another release is live: what was concluded about the one before may not be taken over.
    (project / "services" / "more.txt").write_text("something else")
    assert greenproof(project, "deploy").returncode == 0
    other = greenproof(project, "loop", "--read-only")
    assert other.returncode == 5
    assert "1 dropped" in other.stdout


def test_what_changes_meanwhile_is_noticed(project: Path) -> None:
    observed = greenproof(project, "loop", "--read-only", "--suite", "lies", "--json", "observed.json")
    assert observed.returncode == 6, observed.stdout + observed.stderr
    # Its verdict says so, too, and so does whatever reads the run later.
    result = json.loads((project / "observed.json").read_text())
    assert (result["verdict"], result["exit_code"]) == ("inconclusive", 6)
    assert [finding["code"] for finding in result["findings"]] == ["not-read-only"]
    assert "orders.txt" in result["findings"][0]["text"]
    worklog = max((project / ".greenproof" / "worklogs").glob("*.md")).read_text()
    assert "The run is inconclusive." in worklog
    assert "read-only: 1 things are not as they were" in observed.stdout
    assert "working tree: orders.txt: (absent), now" in observed.stdout
    assert changed(project)[-1] == ["working tree: orders.txt"]


def test_what_stores_hold_is_seen_as_digests(project: Path) -> None:
    plan = load(project / "greenproof.toml")
    platform = LocalPlatform(plan, plan.environments[0])
    platform.up()
    values = platform.secrets()
    ports = {one.name: one.port for one in platform.status().dependencies}
    import psycopg

    def sql(*statements: str) -> None:
        url = f"postgresql://greenproof:{values['dependency:db']}@127.0.0.1:{ports['db']}/shop"
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def redis(*words: str) -> None:
        import socket

        with socket.create_connection(("127.0.0.1", ports["cache"]), timeout=5) as connection:
            for command in (("AUTH", values["dependency:cache"]), words):
                text = f"*{len(command)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
                connection.sendall(text.encode())
                assert connection.recv(100)[:1] in b"+:"

    sql('CREATE TABLE "odd ""name" (a int)', 'INSERT INTO "odd ""name" VALUES (1), (2)')
    first, not_seen = platform.data()
    assert not_seen == ()
    assert first['db: public.odd "name'].startswith("2 rows, ")
    # The order of rows is no difference; a value is.
    sql('DELETE FROM "odd ""name"', 'INSERT INTO "odd ""name" VALUES (2), (1)')
    assert platform.data()[0] == first
    sql('UPDATE "odd ""name" SET a = 3 WHERE a = 2')
    assert platform.data()[0]['db: public.odd "name'] != first['db: public.odd "name']
    redis("SET", "greeting", "hello")
    second = platform.data()[0]
    assert second["cache: keys"].startswith("1 keys, ")
    redis("SET", "greeting", "hallo")
    assert platform.data()[0]["cache: keys"] != second["cache: keys"]
    redis("DEL", "greeting")


def test_options_about_changes_are_refused(project: Path) -> None:
    refused = greenproof(project, "loop", "--read-only", "--until", "verified")
    assert refused.returncode == 4
    assert "[read-only-options]" in refused.stderr


def test_what_is_down_stays_down(project: Path) -> None:
    """The last of this module: the cache is gone after it."""

    def state() -> tuple[str, int | None]:
        status = json.loads(greenproof(project, "status", "--json").stdout)
        (cache,) = [one for one in status["dependencies"] if one["name"] == "cache"]
        return cache["state"], cache["port"]

    folder = project / ".greenproof" / "environments" / "local" / "data" / "cache"
    kill(working_in(folder), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (before := state())[0] == "running":
        assert time.monotonic() < deadline
    greenproof(project, "loop", "--read-only", "--suite", "reads")
    assert state() == before
