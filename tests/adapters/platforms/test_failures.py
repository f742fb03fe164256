"""Each way in which a service fails to become ready has its own name."""

import http.server
import threading
import time
from types import MappingProxyType

import pytest

from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.model.errors import PlatformError


@pytest.fixture(scope="module")
def one(ground):
    return ground("auth", folder="failures")


def fail(shop, mode, timeout=1.2):
    shop.configure("auth", env=MappingProxyType({"MODE": mode}), start_timeout=timeout)
    with pytest.raises(ServiceFailed) as failure:
        shop.platform().deploy()
    assert shop.platform().status().current is None
    assert failure.value.log[0].startswith("starting auth-")
    return failure.value


@pytest.mark.parametrize(
    ("mode", "code", "text"),
    [
        ("exits", "service-exited", "exit code 3"),
        ("silent", "service-never-listened", "nothing listens on port"),
        ("wrong-port", "service-wrong-port", "listens on port"),
        ("wrong-identity", "service-wrong-identity", "got auth-someoneelse"),
        ("wrong-proof", "service-foreign-process", "the proof of identity is wrong"),
        ("slow", "service-slow", "last latency"),
        ("not-ready", "service-not-ready", "time-out after 8.0s"),
    ],
)
def test_is_told_apart(one, mode, code, text):
    failure = fail(one, mode)
    assert failure.code == code
    assert text in failure.message
    if mode == "not-ready":
        assert "cache" not in failure.message


def test_a_foreign_process_with_a_copied_header_is_not_believed(one):
    servers = []

    def impostor():
        while not (found := list(one.layout.revisions.glob("auth-*/taken.txt"))):
            time.sleep(0.01)
        port, revision = found[0].read_text(encoding="utf-8").split()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("X-Greenproof-Revision", revision)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        servers.append(http.server.HTTPServer(("127.0.0.1", int(port)), Handler))
        servers[0].serve_forever()

    thread = threading.Thread(target=impostor)
    thread.start()
    try:
        failure = fail(one, "foreign", timeout=10)
    finally:
        servers[0].shutdown()
        servers[0].server_close()
        thread.join()
    assert failure.code == "service-foreign-process"
    assert "a process that we did not start" in failure.message


def test_nothing_deployed_is_an_answer(one):
    assert [reading.state for reading in one.platform().ready()] == ["absent"]
    url = one.platform().address("auth")
    assert url is None or url.startswith("http://127.0.0.1:")


def test_the_ingress_says_that_it_answered_itself(one, ask):
    fail(one, "exits")
    status, headers, _ = ask(one.platform().address("auth"))
    assert (status, headers["x-greenproof-ingress"]) == (503, "no-upstream")


def test_a_service_that_died_later_is_reported(one, ask):
    import os
    import signal

    one.configure("auth", env=MappingProxyType({"MODE": "good"}), start_timeout=10.0)
    platform = one.platform()
    release = platform.deploy()
    os.kill(platform.status().services[0].pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while (reading := platform.ready()[0]).state != "exited" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "killed by SIGKILL" in reading.detail
    status, headers, _ = ask(platform.address("auth"))
    assert (status, headers["x-greenproof-ingress"]) == (502, "no-upstream")
    assert platform.deploy().name == release.name
    assert platform.ready()[0].state == "ready"
    with pytest.raises(PlatformError, match="no previous release"):
        platform.rollback()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"command": ("no-such-program", "{PORT}")}, "service-command-missing"),
        ({"command": ("{python}", "--key={secret.key}")}, "secret-in-command"),
        ({"env": MappingProxyType({"A": "{nobody.url}"})}, "unknown-reference"),
        ({"include": ("nothing/**",)}, "source-empty"),
        ({"needs": ("nobody",)}, "unknown-need"),
    ],
)
def test_mistakes_have_codes(one, changes, code):
    original = one.plan
    one.configure("auth", **changes)
    try:
        with pytest.raises(PlatformError) as failure:
            one.platform().deploy()
    finally:
        one.plan = original
    assert failure.value.code == code


def test_a_missing_interpreter_has_a_hint(one, tmp_path):
    original = one.plan
    one.configure("auth", python=tmp_path / "venv")
    try:
        with pytest.raises(PlatformError) as failure:
            one.platform().deploy()
    finally:
        one.plan = original
    assert failure.value.code == "python-missing"
    assert "python3 -m venv" in failure.value.hint
