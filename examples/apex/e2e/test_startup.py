"""After start-up: what says that it is ready has looked at each dependency, and can work."""

import uuid

import httpx
import pytest

from e2e import addresses
from e2e.accounts import Person, new_registration
from e2e.answers import body
from e2e.conftest import Thread
from e2e.conversations import FIVE, ask, kinds, open_socket

DEPENDENCIES = {
    "auth": {"postgres", "redis", "identity"},
    "identity": {"redis"},
    "analytics": {"postgres"},
}


def _readiness(http: httpx.Client, service: str) -> dict[str, dict[str, object]]:
    """What the service says of each dependency, once it is ready."""
    ready = body(http.get(getattr(addresses, service)("/health/ready")))
    assert (ready["service"], ready["status"]) == (service, "ready")
    dependencies: dict[str, dict[str, object]] = ready["dependencies"]
    return dependencies


@pytest.mark.parametrize("service", DEPENDENCIES)
def test_each_dependency_was_looked_at(http: httpx.Client, service: str) -> None:
    found = _readiness(http, service)
    assert set(found) == DEPENDENCIES[service]
    for state in found.values():
        assert (state["state"], state["detail"]) == ("ok", "")
        assert isinstance(state["latency_ms"], float)
        assert 0 < state["latency_ms"] < 4000


def test_a_ready_auth_takes_registrations(http: httpx.Client) -> None:
    assert _readiness(http, "auth")["postgres"]["state"] == "ok"
    registration = new_registration()
    made = body(http.post(addresses.auth("/register"), json=registration), 201)
    assert made["user"]["email"] == registration["email"]


def test_a_ready_backend_keeps_threads(http: httpx.Client, regular: Person) -> None:
    assert {"postgres", "redis", "analytics", "services"} == set(_readiness(http, "backend"))
    title = uuid.uuid4().hex
    made = http.post(addresses.backend("/threads"), json={"title": title}, headers=regular.headers)
    assert body(made, 201)["title"] == title


def test_a_ready_backend_reaches_analytics(http: httpx.Client, person: Person) -> None:
    assert _readiness(http, "backend")["analytics"]["state"] == "ok"
    totals = http.get(addresses.backend("/usage"), headers=person.headers)
    assert body(totals) == {"totals": []}


def test_a_ready_backend_runs_agents(http: httpx.Client, regular: Person, topic: Thread) -> None:
    assert _readiness(http, "backend")["services"]["state"] == "ok"
    with open_socket(regular) as socket:
        assert kinds(ask(socket, topic["id"], uuid.uuid4().hex)) == FIVE


def test_the_description_names_the_routes_that_work(http: httpx.Client, regular: Person) -> None:
    described = body(http.get(addresses.backend("/openapi.json")))["paths"]
    assert {"get", "post"} <= set(described["/mcp/servers"])
    listed = http.get(addresses.backend("/mcp/servers"), headers=regular.headers)
    assert body(listed) == {"servers": []}
