"""MCP: the servers of a user, the tools that they offer, and what agents learn of them."""

import socket
import uuid

import httpx
import pytest

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.mcp_server import McpServer, running


def _address(name: str = "", rest: str = "") -> str:
    return addresses.backend(f"/mcp/servers{'/' if name else ''}{name}{rest}")


def _new_name() -> str:
    return f"srv-{uuid.uuid4().hex[:10]}"


def _add(http: httpx.Client, person: Person, name: str, url: str) -> httpx.Response:
    return http.post(_address(), json={"name": name, "url": url}, headers=person.headers)


def _tools(http: httpx.Client, person: Person, agent: str) -> list[str]:
    answer = http.get(addresses.backend(f"/agents/{agent}"), headers=person.headers)
    tools: list[str] = body(answer)["tools"]
    return tools


def test_a_server_is_kept(http: httpx.Client, regular: Person) -> None:
    name, url = _new_name(), f"http://127.0.0.1:8/{uuid.uuid4().hex}"
    made = body(_add(http, regular, name, url), 201)
    assert made == {"name": name, "url": url, "enabled": True, "tools": []}
    assert body(http.get(_address(name), headers=regular.headers)) == made


def test_servers_are_listed_oldest_first(http: httpx.Client, person: Person) -> None:
    names = [_new_name() for _ in range(3)]
    for name in names:
        assert _add(http, person, name, "http://127.0.0.1:8/").status_code == 201
    listed = body(http.get(_address(), headers=person.headers))["servers"]
    assert [each["name"] for each in listed] == names


def test_a_name_is_taken_once(http: httpx.Client, regular: Person) -> None:
    name = _new_name()
    assert _add(http, regular, name, "http://127.0.0.1:8/").status_code == 201
    again = _add(http, regular, name, "http://127.0.0.1:9/")
    assert error_code(again, 409) == "mcp_name_taken"


@pytest.mark.parametrize(
    "name",
    ["", "Capital", "with space", "9lives", "x" * 41],
    ids=["empty", "capital", "space", "digit", "long"],
)
def test_a_name_that_is_none_is_refused(http: httpx.Client, regular: Person, name: str) -> None:
    refused = _add(http, regular, name, "http://127.0.0.1:8/")
    assert error_code(refused, 422) == "invalid_request"


@pytest.mark.parametrize(
    "url",
    ["http://example.org/mcp", "file:///etc/passwd", "http://me@127.0.0.1/", "http://[", "/mcp"],
    ids=["elsewhere", "file", "user", "broken", "path"],
)
def test_an_address_that_is_not_allowed_is_refused(
    http: httpx.Client, regular: Person, url: str
) -> None:
    refused = _add(http, regular, _new_name(), url)
    assert error_code(refused, 422) == "mcp_url_not_allowed"


def test_a_server_is_switched_off_and_stays_so(
    http: httpx.Client, regular: Person, desk: McpServer
) -> None:
    address = _address(desk.name)
    changed = http.patch(address, json={"enabled": False}, headers=regular.headers)
    assert body(changed)["enabled"] is False
    assert body(http.get(address, headers=regular.headers)) == body(changed)


def test_another_address_forgets_the_tools(
    http: httpx.Client, regular: Person, desk: McpServer
) -> None:
    address, url = _address(desk.name), f"http://127.0.0.1:8/{uuid.uuid4().hex}"
    assert body(http.get(address, headers=regular.headers))["tools"] != []
    changed = body(http.patch(address, json={"url": url}, headers=regular.headers))
    assert (changed["url"], changed["tools"]) == (url, [])


def test_a_deleted_server_is_gone(http: httpx.Client, regular: Person) -> None:
    name = _new_name()
    assert _add(http, regular, name, "http://127.0.0.1:8/").status_code == 201
    assert http.delete(_address(name), headers=regular.headers).status_code == 204
    after = http.get(_address(name), headers=regular.headers)
    assert error_code(after, 404) == "mcp_server_not_found"


def test_the_server_of_another_is_not_there(
    http: httpx.Client, regular: Person, stranger: Person, desk: McpServer
) -> None:
    refused = http.get(_address(desk.name), headers=stranger.headers)
    assert error_code(refused, 404) == "mcp_server_not_found"
    refused = http.delete(_address(desk.name), headers=stranger.headers)
    assert error_code(refused, 404) == "mcp_server_not_found"
    assert body(http.get(_address(desk.name), headers=regular.headers))["name"] == desk.name


def test_discovery_finds_what_the_server_offers(
    http: httpx.Client, regular: Person, desk: McpServer
) -> None:
    tool = f"tool-{uuid.uuid4().hex[:8]}"
    desk.answers[tool] = "new"
    found = body(http.post(_address(desk.name, "/discovery"), headers=regular.headers))
    assert [each["name"] for each in found["tools"]] == ["ask", tool]


def test_a_tool_that_is_withdrawn_is_forgotten(
    http: httpx.Client, regular: Person, desk: McpServer
) -> None:
    desk.answers.clear()
    found = body(http.post(_address(desk.name, "/discovery"), headers=regular.headers))
    assert found["tools"] == []


def test_a_server_that_is_away_is_told(http: httpx.Client, regular: Person) -> None:
    name = _new_name()
    with socket.socket() as place:
        # Bound, and nobody listens: nothing else can come to live there meanwhile.
        place.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{place.getsockname()[1]}/mcp"
        assert _add(http, regular, name, url).status_code == 201
        failed = http.post(_address(name, "/discovery"), headers=regular.headers)
    assert error_code(failed, 502) == "mcp_unreachable"


def test_nonsense_of_a_server_is_told(http: httpx.Client, regular: Person) -> None:
    with running() as server:
        server.fault = "nonsense"
        assert _add(http, regular, server.name, server.url).status_code == 201
        failed = http.post(_address(server.name, "/discovery"), headers=regular.headers)
    assert error_code(failed, 502) == "mcp_answer_invalid"


def test_the_supervisor_has_the_tools_of_its_user(
    http: httpx.Client, regular: Person, stranger: Person, desk: McpServer
) -> None:
    assert desk.tool in _tools(http, regular, "supervisor")
    assert desk.tool not in _tools(http, regular, "librarian")
    assert desk.tool not in _tools(http, stranger, "supervisor")


def test_the_tools_of_a_server_that_is_off_are_not_offered(
    http: httpx.Client, regular: Person, desk: McpServer
) -> None:
    assert desk.tool in _tools(http, regular, "supervisor")
    off = http.patch(_address(desk.name), json={"enabled": False}, headers=regular.headers)
    assert off.status_code == 200
    assert desk.tool not in _tools(http, regular, "supervisor")
