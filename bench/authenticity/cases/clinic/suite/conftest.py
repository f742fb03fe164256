from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from clinic_client import BASE, ClinicApi, GraphQL, a_day, slot

SERVICE = Path(__file__).resolve().parent.parent / "service"


@pytest.fixture(scope="session")
def base_url() -> str:
    return BASE


@pytest.fixture(scope="session")
def token() -> str:
    got = requests.post(f"{BASE}/auth/token", json={"username": "desk", "password": "desk-pass"}, timeout=4)
    got.raise_for_status()
    return got.json()["token"]


@pytest.fixture(scope="session")
def auth(token: str) -> dict:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def api(token: str) -> ClinicApi:
    client = ClinicApi(token)
    yield client
    client.http.close()


@pytest.fixture
def gql(token: str) -> GraphQL:
    client = GraphQL(token)
    yield client
    client.http.close()


@pytest.fixture
def day() -> str:
    return a_day()


@pytest.fixture
def doctor(api: ClinicApi) -> str:
    name = f"Dr {uuid.uuid4().hex[:6]}"
    return api.call("POST", "/practitioners", json={"name": name, "specialty": "dermatology", "room": "R7"}).json()[
        "id"
    ]


@pytest.fixture
def patient(api: ClinicApi) -> dict:
    return api.new_patient(name=f"Pat {uuid.uuid4().hex[:8]}", phone="+49 30 1234")


@pytest.fixture
def booked(api: ClinicApi, patient: dict, doctor: str, day: str) -> dict:
    return api.book(patient["id"], doctor, slot(day), reason="check-up")


class Inbox:
    """Collects what somebody posts to it."""

    def __init__(self, statuses: tuple = ()) -> None:
        self.seen: list[tuple[dict, bytes]] = []
        self.statuses = list(statuses)
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                inbox.seen.append(({k.lower(): v for k, v in self.headers.items()}, data))
                self.send_response(inbox.statuses.pop(0) if inbox.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/inbox"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self, n: int = 1, seconds: float = 2.5) -> list:
        end = time.monotonic() + seconds
        while len(self.seen) < n and time.monotonic() < end:
            time.sleep(0.02)
        return self.seen

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def inbox() -> Inbox:
    box = Inbox()
    yield box
    box.close()


@pytest.fixture
def grumpy_inbox() -> Inbox:
    box = Inbox(statuses=(503, 503))
    yield box
    box.close()


def _instance(revision: str) -> tuple[subprocess.Popen, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "PORT": str(port), "CLINIC_REVISION": revision}
    proc = subprocess.Popen(
        [sys.executable, str(SERVICE / "serve.py")], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            requests.get(f"{url}/health", timeout=1)
            break
        except requests.ConnectionError:
            time.sleep(0.05)
    return proc, url


@pytest.fixture(scope="session")
def replica() -> str:
    """A clinic of our own, so that tests don't disturb each other."""
    proc, url = _instance("r1")
    yield url
    proc.terminate()
    proc.wait(5)


@pytest.fixture(scope="session")
def previous_release() -> str:
    """The release before this one, as it still runs in the second data centre."""
    proc, url = _instance("r0")
    yield url
    proc.terminate()
    proc.wait(5)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """Quarantined tests report to the team's log and don't block a release."""
    if pyfuncitem.get_closest_marker("quarantine") is None:
        return (yield)
    try:
        return (yield)
    except Exception as why:
        pyfuncitem.user_properties.append(("quarantined", repr(why)))
        return True
