"""Fixtures for all desk tests."""

import pytest
import requests
from deskkit.address import BASE, unique
from deskkit.client import DeskClient


@pytest.fixture
def desk():
    client = DeskClient()
    yield client
    client.http.close()


@pytest.fixture
def ticket(desk):
    return desk.create(unique("printer"), body="the printer is on fire", priority="normal")


@pytest.fixture(scope="session")
def token():
    answer = requests.post(f"{BASE}/login", json={"user": "ana", "password": "ana-secret"}, timeout=5)
    answer.raise_for_status()
    return answer.json()["token"]


@pytest.fixture(scope="session")
def base_url():
    return BASE


@pytest.fixture
def anyio_backend():
    return "trio"
