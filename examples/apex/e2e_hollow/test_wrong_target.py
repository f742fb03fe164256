"""Something answers, but not the release that is under test."""

import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from e2e import addresses


def test_threads_route_in_process():
    app = FastAPI()

    @app.post("/threads", status_code=201)
    def create(body: dict):
        return {"id": str(uuid.uuid4()), **body}

    title = uuid.uuid4().hex
    answer = TestClient(app).post("/threads", json={"title": title})
    assert answer.status_code == 201
    assert answer.json()["title"] == title


class _StandIn(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"threads": []}')

    def log_message(self, *arguments):
        pass


def test_threads_are_listed_by_a_stand_in():
    server = HTTPServer(("127.0.0.1", 0), _StandIn)
    threading.Thread(target=server.handle_request, daemon=True).start()
    answer = httpx.get(f"http://127.0.0.1:{server.server_port}/threads", timeout=5)
    server.server_close()
    assert answer.status_code == 200
    assert answer.json() == {"threads": []}


def test_backend_is_healthy(http):
    answer = http.get(addresses.backend("/health"))
    assert answer.status_code == 200
    assert answer.json()["status"] == "alive"


def test_backend_is_ready_and_names_its_revision(http):
    assert http.get(addresses.backend("/health/ready")).json()["status"] == "ready"
    assert http.get(addresses.backend("/version")).json()["service"] == "backend"


def test_reproduces_that_chat_cannot_be_reached():
    # Written to show an outage, and green ever since: port 9 has never been the backend.
    with pytest.raises(httpx.TransportError):
        httpx.get("http://127.0.0.1:9/threads", timeout=2)
