"""Shared fixtures."""

import os
import uuid

import pytest
import requests
from client import FleetClient

BASE = os.environ.get("FLEET_URL", "http://127.0.0.1:18611")


@pytest.fixture(scope="session")
def base():
    return BASE


@pytest.fixture
def token(base):
    answer = requests.post(f"{base}/login", json={"user": "dispatcher", "password": "dispatch-pw"}, timeout=10)
    answer.raise_for_status()
    return answer.json()["token"]


@pytest.fixture
def auth(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def api(base, token):
    return FleetClient(base, token)


@pytest.fixture
def plate():
    return f"T-{uuid.uuid4().hex[:8].upper()}"


@pytest.fixture
def vehicle(api, plate):
    answer = api.post("/vehicles", json={"plate": plate, "capacity": 12, "depot": f"d-{plate}"})
    answer.raise_for_status()
    return answer.json()


@pytest.fixture
def trip(api, vehicle):
    answer = api.post("/trips", json={"vehicle": vehicle["id"], "km": 50})
    answer.raise_for_status()
    return answer.json()
