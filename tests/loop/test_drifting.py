"""`greenproof drift` on a real environment, with a real TLS server whose certificate is for another name."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
from certificates import certificate

from greenproof.adapters.platforms.local import LocalPlatform, processes, registry
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.analysis.drift import exit_code
from greenproof.config import load
from greenproof.ledger import Ledger
from greenproof.loop.drifting import drift_of, ground_of
from greenproof.loop.journal import Journal
from greenproof.loop.lastgood import keep_configuration, last_good
from greenproof.model.drift import Difference, Drift, State
from greenproof.model.events import RunJudged
from greenproof.model.exits import ExitCode
from greenproof.reporting.drift import drift_document, drift_lines, schema

SERVICE = Path(__file__).resolve().parents[1] / "adapters" / "platforms" / "tiny_service.py"

CONFIGURATION = """
schema = 1
[project]
name = "drifting"
[secrets]
key = {{ generate = 16 }}
other = {{ generate = 16 }}
[services.api]
source = "services"
command = ["{{python}}", "app.py"]
start_timeout = 20
env = {{ DB_TIMEOUT = "60", BYPASS_KEY = "{{secret.key}}", PLAIN_TOKEN = "{token}" }}
[targets.api]
service = "api"
env = ["API_URL"]
[targets.edge]
url = "https://localhost:{tls}/v1"
[suites.e2e]
command = ["{{python}}", "-m", "pytest", "tests"]
env = {{ BYPASS_KEY = "{{secret.key}}" }}
"""
TOKEN = "a-token-that-nobody-may-see"

CONFTEST = """
import os
BASE = os.environ["API_URL"]
KEY = os.environ.get("BYPASS_KEY")
MODE = os.environ.get("TEST_MODE", "plain")
"""


@dataclass
class Project:
    root: Path
    ca: Path

    @property
    def file(self) -> Path:
        return self.root / "greenproof.toml"

    def platform(self) -> LocalPlatform:
        plan = load(self.file)
        return LocalPlatform(plan, plan.environments[0])

    def drift(self, against: str | None = None, *, look: bool = True) -> Drift:
        plan = load(self.file)
        ground = ground_of(plan, plan.environments[0], self.platform(), look=look)
        place = plan.state / "ledger.db"
        with Ledger.open(place, create=False) if place.exists() else contextlib.nullcontext() as ledger:
            return drift_of(ground, plan.suites[0], last_good(ledger, ground, plan.suites[0]), against)

    @contextlib.contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        file = self.root / path
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")
        try:
            yield
        finally:
            file.write_text(text, "utf-8")

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "greenproof", "drift", *arguments]
        environment = {**os.environ, "SSL_CERT_FILE": str(self.ca), **variables}
        return subprocess.run(
            command, check=False, cwd=self.root, env=environment, capture_output=True, text=True, timeout=60
        )


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A server whose certificate is for another name than it is asked by."""
    pem, key = certificate(tmp_path_factory.mktemp("edge"), "api.corp.dev")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield int(server.getsockname()[1]), pem
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, edge: tuple[int, Path]) -> Iterator[Project]:
    """Deployed once; each test leaves it as it was."""
    root = tmp_path_factory.mktemp("drift")
    (root / "services").mkdir()
    (root / "tests").mkdir()
    shutil.copy(SERVICE, root / "services" / "app.py")
    (root / "services" / "version.txt").write_text("1", "utf-8")
    (root / "services" / "limits.py").write_text("POOL = {'pool_size': 5}\nSUBPROTOCOLS = ['jwt']\n", "utf-8")
    (root / "tests" / "conftest.py").write_text(CONFTEST, "utf-8")
    (root / "greenproof.toml").write_text(CONFIGURATION.format(tls=edge[0], token=TOKEN), "utf-8")
    made = Project(root, edge[1])
    made.platform().deploy()
    yield made
    layout = Layout.of(load(made.file), load(made.file).environments[0])
    made.platform().down()
    assert registry.leftovers(layout) == {}
    assert processes.marked(processes.MARKER, layout.environment_id()) == set()


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch, edge: tuple[int, Path]) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(edge[1]))
    for name in ("API_URL", "BYPASS_KEY", "TEST_MODE"):
        monkeypatch.delenv(name, raising=False)


def differences(found: Drift, pair: str) -> dict[tuple[str, str], Difference]:
    (one,) = (one for one in found.pairs if one.name == pair)
    return {(difference.subject, difference.name): difference for difference in one.differences}


def test_a_certificate_for_another_name_is_all_that_differs_after_a_deploy(project: Project) -> None:
    found = project.drift()
    told = differences(found, "declared-deployed")
    assert list(told) == [("target edge", "certificate covers the host")]
    assert told["target edge", "certificate covers the host"].state is State.DIFFERS
    assert differences(found, "deployed-tests") == {}
    assert exit_code(found) is ExitCode.FAILED
    live = {one.key: one.value for one in found.snapshots[1].settings}
    status = project.platform().status()
    assert live["api", "listening port"] == (status.services[0].url or "").rpartition(":")[2]
    assert live["api", "identity"] == status.services[0].revision
    assert live["target edge", "certificate names"] == "api.corp.dev"
    assert live["target edge", "certificate trusted"] == "yes"


def test_what_is_declared_or_written_and_not_deployed_is_told(project: Project) -> None:
    with (
        project.edited("greenproof.toml", 'DB_TIMEOUT = "60"', 'DB_TIMEOUT = "8"'),
        project.edited("services/limits.py", "'pool_size': 5", "'pool_size': 5, 'pool_size': 2"),
        project.edited("greenproof.toml", 'BYPASS_KEY = "{secret.key}", PLAIN', 'BYPASS_KEY = "{secret.other}", PLAIN'),
    ):
        project.platform().secrets()
        told = differences(project.drift("deployed", look=False), "declared-deployed")
    timeout, pool = told["api", "env.DB_TIMEOUT"], told["api", "code limits.py::pool_size"]
    assert timeout.first is not None
    assert timeout.second is not None
    assert (timeout.first.value, timeout.second.value) == ("8", "60")
    assert str(timeout.first.source) == "greenproof.toml:12"
    assert str(timeout.second.source).startswith("manifest api-")
    assert pool.first is not None
    assert pool.first.value == "5, 2"
    # It has not been made yet, and drift makes none.
    assert told["api", "env.BYPASS_KEY"].state is State.UNCOMPARED


def test_the_tests_key_address_and_dead_host_are_seen_and_no_key_is_shown(project: Project, tmp_path: Path) -> None:
    with (
        project.edited("greenproof.toml", "[suites.e2e]", '[suites.e2e]\npython = ".venv"'),
        project.edited(
            "greenproof.toml", 'env = { BYPASS_KEY = "{secret.key}" }', 'env = { BYPASS_KEY = "a-stale-key-of-old" }'
        ),
        project.edited("tests/conftest.py", "BASE =", "OFFERED = dict(subprotocols=['bearer'])\nBASE ="),
    ):
        file = tmp_path / "drift.json"
        done = project.run("--against", "tests", "--json", str(file), API_URL="http://gone.corp.invalid:81/x")
    assert done.stderr == ""
    found = json.loads(file.read_text("utf-8"))
    jsonschema.validate(found, schema())
    assert (done.returncode, found["exit_code"]) == (1, 1)
    (pair,) = found["pairs"]
    told = {(one["subject"], one["name"]): one["text"] for one in pair["differences"]}
    assert told["suite e2e", "variable BYPASS_KEY"] == "the key of the tests is not the deployed key"
    assert told["target api", "variable API_URL"].startswith("the tests look for the target at another host and port")
    offered = "code tests/conftest.py::subprotocols"
    assert told["suite e2e", offered] == "the tests offer none of the subprotocols that are deployed"
    shown = done.stdout + file.read_text("utf-8")
    assert "the key of the tests is not the deployed key" in done.stdout
    secrets = [value for value in project.platform().secrets().values() if len(value) > 5]
    assert [value for value in (*secrets, "a-stale-key-of-old", TOKEN) if value in shown] == []


def test_what_changed_since_the_last_good_state_on_each_side(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {pair.absent != "" for pair in project.drift("last-good").pairs} == {True}
    monkeypatch.setenv("TEST_MODE", "first")
    plan = load(project.file)
    environment, suite, platform = plan.environments[0], plan.suites[0], project.platform()
    secrets = tuple(platform.secrets().values())
    for verdict, mode in (("verified", "good"), ("failed", "bad")):
        monkeypatch.setenv("TEST_MODE", mode)
        code = ExitCode.VERIFIED if verdict == "verified" else ExitCode.FAILED
        with Journal.open(plan, environment, "loop", suite.name, secrets=secrets) as journal:
            keep_configuration(journal, plan, environment, platform, suite, "r-1")
            journal.happened(RunJudged(1, suite.name, verdict, int(code), {}))
            journal.take_up(None, (), (), verdict)
            journal.finish(code)
    try:
        same = project.drift("last-good")
        with project.edited("greenproof.toml", 'DB_TIMEOUT = "60"', 'DB_TIMEOUT = "8"'):
            project.platform().deploy()
            now = project.drift("last-good")
    finally:
        project.platform().deploy()
    # The failed run is no last good state: its mode differs, the keys are the same.
    assert list(differences(same, "last-good-tests")) == [("suite e2e", "variable TEST_MODE")]
    assert differences(same, "last-good-deployed") == {}
    assert {name for _, name in differences(now, "last-good-deployed")} == {"env.DB_TIMEOUT", "revision", "identity"}
    assert {name for _, name in differences(now, "last-good-declared")} == {"env.DB_TIMEOUT", "revision"}
    assert exit_code(now) is ExitCode.FAILED
    jsonschema.validate(drift_document(now, exit_code(now)), schema())
    lines = "\n".join(drift_lines(now, exit_code(now)))
    assert "  differs: api: env.DB_TIMEOUT [time-out]" in lines
    kept = b"".join(
        path.read_bytes() for path in (project.root / ".greenproof" / "evidence").rglob("*") if path.is_file()
    )
    assert [value for value in (*secrets, TOKEN) if value.encode() in kept] == []
    with Ledger.open(plan.state / "ledger.db", create=False) as ledger:
        assert ledger.verify(ledger.head()).intact


def test_bad_input_is_one_message(project: Project) -> None:
    done = project.run("--suite", "nope")
    assert (done.returncode, done.stdout) == (4, "")
    assert "[unknown-suite]" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_anything_deployed_nothing_is_compared_and_no_state_is_made(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    shutil.copy(SERVICE, tmp_path / "services" / "app.py")
    text = CONFIGURATION.format(tls=1, token=TOKEN).replace("[targets.edge]\nurl", "[targets.edge]\nservice = 'api'\n#")
    (tmp_path / "greenproof.toml").write_text(text, "utf-8")
    done = Project(tmp_path, tmp_path).run(SSL_CERT_FILE="")
    assert (done.returncode, done.stderr) == (5, "")
    assert "not compared: nothing is deployed" in done.stdout
    assert not (tmp_path / ".greenproof").exists()


def test_a_run_that_may_change_nothing_makes_no_key_for_digests(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    text = "schema = 1\n[project]\nname = 'x'\n[targets.api]\nurl = 'http://127.0.0.1:9'\n"
    (tmp_path / "greenproof.toml").write_text(text + "[suites.e2e]\ncommand = ['pytest', 'tests']\n", "utf-8")
    plan = load(tmp_path / "greenproof.toml")
    platform = LocalPlatform(plan, plan.environments[0])
    layout = Layout.of(plan, plan.environments[0])
    layout.create()
    for making in (False, True):
        with Journal.open(plan, plan.environments[0], "loop", "e2e") as journal:
            keep_configuration(journal, plan, plan.environments[0], platform, plan.suites[0], None, making=making)
        assert layout.credentials.exists() is making


# The last one: it puts the environment to sleep.
def test_while_the_environment_is_down_its_files_speak_and_that_is_said(project: Project) -> None:
    project.platform().down()
    found = project.drift("tests", look=False)
    assert any("is not up" in why for why in found.snapshots[1].missing)
    live = {one.key: one for one in found.snapshots[1].settings}
    assert live["api", "env.DB_TIMEOUT"].value == "60"
    assert str(live["target api", "url"].source) == "observed when it was up last"
    assert exit_code(found) is ExitCode.INCONCLUSIVE
