"""500 tests: one request each on a kept-alive client, three asserts."""

import os
from collections.abc import Iterator

import pytest
import requests


@pytest.fixture(scope="session")
def client() -> Iterator[requests.Session]:
    with requests.Session() as held:
        held.trust_env = False
        yield held


@pytest.mark.parametrize("order", range(500))
def test_order(order: int, client: requests.Session) -> None:
    answer = client.get(f"{os.environ['SERVICE_URL']}/orders/{order}", timeout=20)
    assert answer.status_code == 200
    assert answer.json()["id"] == order
    assert answer.json()["status"] == "open"
