"""Apex as it is configured elsewhere: with the bypass on, and with an instance that dies in the middle of a run."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
APEX = ROOT / "examples" / "apex"
KEY = "a-key-for-tests-that-nobody-else-has"
CONFIGURED = {
    "analytics = { generate = 32 }\n": 'analytics = { generate = 32 }\nbypass = { env = "APEX_TEST_BYPASS" }\n',
    'AUTH_URL = "{auth.url}"\n': 'AUTH_URL = "{auth.url}"\nE2E_BYPASS_KEY = "{secret.bypass}"\n',
    'MCP_HOSTS = "127.0.0.1"\n': 'MCP_HOSTS = "127.0.0.1"\nHEARTBEAT_SECONDS = "0.3"\n',
}
DEADLINE = 30.0


def greenproof(place: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "greenproof", *arguments]
    env = {**os.environ, "APEX_TEST_BYPASS": KEY}
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of Apex, configured otherwise, deployed."""
    if not (APEX / ".venv" / "bin" / "python").exists():
        pytest.skip("Apex is not installed; `make apex` provides it")
    folder = tmp_path_factory.mktemp("configured")
    shutil.copytree(APEX / "services", folder / "services", ignore=shutil.ignore_patterns("__pycache__"))
    text = (APEX / "greenproof.toml").read_text()
    for before, after in CONFIGURED.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    (folder / "greenproof.toml").write_text(text)
    (folder / ".venv").symlink_to(APEX / ".venv")
    try:
        greenproof(folder, "up", "-q")
        greenproof(folder, "deploy", "-q")
        yield folder
    finally:
        greenproof(folder, "down", "-q")


def services(place: Path) -> list[dict[str, Any]]:
    """What `status` says of each service."""
    found: list[dict[str, Any]] = json.loads(greenproof(place, "status", "--json"))["services"]
    return found


@pytest.fixture(scope="module")
def addresses(place: Path) -> dict[str, str]:
    """Service -> its public address."""
    return {service["service"]: service["url"] for service in services(place)}


def call(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent, method=method), timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


@pytest.fixture(scope="module")
def tester(addresses: dict[str, str]) -> dict[str, str]:
    """The headers of a test user whom the bypass has made."""
    status, grant = call("POST", addresses["auth"] + "/test-users", X_Apex_Bypass=KEY)
    assert status == 201
    return {"Authorization": f"Bearer {grant['access_token']}"}


def test_the_bypass_makes_a_real_user(addresses: dict[str, str], tester: dict[str, str]) -> None:
    status, me = call("GET", addresses["auth"] + "/me", **tester)
    assert (status, me["user"]["email"].partition("@")[2]) == (200, "test.apex.example")
    status, made = call("POST", addresses["backend"] + "/threads", {"title": "real"}, **tester)
    assert (status, made["title"]) == (201, "real")


@pytest.mark.parametrize("key", ["", KEY[:-1], KEY + "x"])
def test_the_bypass_takes_no_other_key(addresses: dict[str, str], key: str) -> None:
    status, refused = call("POST", addresses["auth"] + "/test-users", X_Apex_Bypass=key)
    assert (status, refused["error"]["code"]) == (401, "bypass_refused")


def mcp_server() -> ModuleType:
    """The server that Apex's own tests run; it needs nothing but the standard library."""
    spec = importlib.util.spec_from_file_location("apex_mcp_server", APEX / "e2e" / "mcp_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_run_whose_instance_was_killed_is_ended_by_the_next(
    place: Path, addresses: dict[str, str], tester: dict[str, str]
) -> None:
    backend = addresses["backend"]
    _, thread = call("POST", backend + "/threads", {"title": "killed"}, **tester)
    with mcp_server().running() as desk:
        call("POST", backend + "/mcp/servers", {"name": desk.name, "url": desk.url}, **tester)
        call("POST", f"{backend}/mcp/servers/{desk.name}/discovery", **tester)
        desk.hold()
        question = {"content": f"Ask {desk.tool}", "wait": False}
        _, sent = call("POST", f"{backend}/threads/{thread['id']}/messages", question, **tester)
        desk.wait_for_call()
        [process] = [service["pid"] for service in services(place) if service["service"] == "backend"]
        os.kill(process, signal.SIGKILL)
    with (place / "services" / "apex" / "backend" / "__init__.py").open("a") as file:
        file.write("# another revision\n")
    greenproof(place, "deploy", "-q")
    run = ended(f"{backend}/runs/{sent['run_id']}", tester)
    assert (run["status"], run["answer"]) == ("failed", None)
    assert [event["sequence"] for event in run["events"]] == [1, 2, 3, 4]
    assert (run["events"][-1]["type"], run["events"][-1]["code"]) == ("agent_failed", "run_interrupted")


def ended(url: str, headers: dict[str, str]) -> Any:
    """The run, once it runs no more."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        _, run = call("GET", url, **headers)
        if run["status"] != "running" and run["events"][-1]["type"] == "agent_failed":
            return run
        time.sleep(0.1)
    raise AssertionError(f"still running after {DEADLINE:.0f} s")
