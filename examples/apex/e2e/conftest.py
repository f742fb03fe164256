"""What every test starts from: a client, somebody who is logged in, a thread, some costs.

Log-in and set-up happen in these fixtures; what a test checks, it asks for itself.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

pytest.register_assert_rewrite("e2e.answers", "e2e.conversations")

from e2e import addresses  # noqa: E402
from e2e.accounts import Person, new_person  # noqa: E402
from e2e.costs import Cost  # noqa: E402
from e2e.mcp_server import McpServer, running  # noqa: E402

Thread = dict[str, Any]


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """One client for the whole session: its connections are kept alive between the tests."""
    with httpx.Client(timeout=10) as client:
        yield client


@pytest.fixture
def person(http: httpx.Client) -> Person:
    """Somebody new."""
    return new_person(http)


@pytest.fixture
def stranger(http: httpx.Client) -> Person:
    """Somebody else, who must not see what belongs to `person`."""
    return new_person(http)


@pytest.fixture(scope="module")
def regular(http: httpx.Client) -> Person:
    """Somebody who stays for a whole module, where tests don't get in each other's way."""
    return new_person(http)


@pytest.fixture
def topic(http: httpx.Client, regular: Person) -> Thread:
    """A thread of `regular`."""
    answer = http.post(
        addresses.backend("/threads"), json={"title": "topic"}, headers=regular.headers
    )
    answer.raise_for_status()
    return dict(answer.json())


@pytest.fixture
def desk(http: httpx.Client, regular: Person) -> Iterator[McpServer]:
    """A running MCP server of `regular`, whose one tool `ask` the agents know."""
    with running() as server:
        address = addresses.backend("/mcp/servers")
        named = {"name": server.name, "url": server.url}
        http.post(address, json=named, headers=regular.headers).raise_for_status()
        found = http.post(f"{address}/{server.name}/discovery", headers=regular.headers)
        found.raise_for_status()
        yield server
        http.delete(f"{address}/{server.name}", headers=regular.headers)


@pytest.fixture
def thread(http: httpx.Client, person: Person) -> Thread:
    """A thread of `person`."""
    answer = http.post(
        addresses.backend("/threads"), json={"title": "set up"}, headers=person.headers
    )
    answer.raise_for_status()
    return dict(answer.json())


@pytest.fixture
def store(http: httpx.Client, person: Person) -> Callable[[list[Cost]], list[Cost]]:
    """Stores usage data of `person`."""

    def _store(costs: list[Cost]) -> list[Cost]:
        events = [cost.as_json() for cost in costs]
        answer = http.post(
            addresses.backend("/usage"), json={"events": events}, headers=person.headers
        )
        answer.raise_for_status()
        return costs

    return _store


@pytest.fixture
def ask(http: httpx.Client, person: Person, thread: Thread) -> Callable[[str], httpx.Response]:
    """Asks the agents a question in `thread`, over HTTP."""

    def _ask(question: str, agent: str = "supervisor") -> httpx.Response:
        return http.post(
            addresses.backend(f"/threads/{thread['id']}/messages"),
            json={"content": question, "agent": agent},
            headers=person.headers,
        )

    return _ask
