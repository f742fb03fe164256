"""The MCP servers of each user: kept in PostgreSQL, with the tools that they offered last."""

import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from apex.backend.mcp import McpClient
from apex.shared.errors import ApiError, not_found

MOST_SERVERS = 20


@dataclass(frozen=True)
class McpServer:
    """One server of one user."""

    name: str
    url: str
    enabled: bool
    tools: tuple[dict[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "url": self.url,
            "enabled": self.enabled,
            "tools": list(self.tools),
        }


class McpServers:
    """The table of servers, and what their tools answer."""

    def __init__(self, database: asyncpg.Pool, client: McpClient, hosts: frozenset[str]) -> None:
        self._database = database
        self._client = client
        self._hosts = hosts

    async def add(self, owner_id: uuid.UUID, name: str, url: str) -> McpServer:
        """A new server; 409 for a name that is taken, 422 for an address that is not allowed."""
        self._check(url)
        if len(await self.owned_by(owner_id)) >= MOST_SERVERS:
            raise ApiError(409, "mcp_too_many", f"{MOST_SERVERS} servers are the most")
        try:
            await self._database.execute(
                "INSERT INTO mcp_servers (id, owner_id, name, url) VALUES ($1, $2, $3, $4)",
                uuid.uuid4(),
                owner_id,
                name,
                url,
            )
        except asyncpg.UniqueViolationError as failure:
            raise ApiError(409, "mcp_name_taken", "there is already such a server") from failure
        return await self.find(owner_id, name)

    async def owned_by(self, owner_id: uuid.UUID) -> list[McpServer]:
        """The owner's servers, the oldest first."""
        rows = await self._database.fetch(
            "SELECT * FROM mcp_servers WHERE owner_id = $1 ORDER BY created_at, name", owner_id
        )
        return [_server(row) for row in rows]

    async def find(self, owner_id: uuid.UUID, name: str) -> McpServer:
        """The server, or 404, also when it is somebody else's."""
        row = await self._database.fetchrow(
            "SELECT * FROM mcp_servers WHERE owner_id = $1 AND name = $2", owner_id, name
        )
        if row is None:
            raise not_found("mcp_server")
        return _server(row)

    async def change(
        self, owner_id: uuid.UUID, name: str, url: str | None, enabled: bool | None
    ) -> McpServer:
        """Another address, or on and off. What another address offers is not known yet."""
        before = await self.find(owner_id, name)
        if url is not None:
            self._check(url)
        await self._database.execute(
            "UPDATE mcp_servers SET url = $3, enabled = $4, tools = $5 "
            "WHERE owner_id = $1 AND name = $2",
            owner_id,
            name,
            url or before.url,
            before.enabled if enabled is None else enabled,
            json.dumps([] if url and url != before.url else list(before.tools)),
        )
        return await self.find(owner_id, name)

    async def delete(self, owner_id: uuid.UUID, name: str) -> None:
        """Forget the server."""
        done = await self._database.execute(
            "DELETE FROM mcp_servers WHERE owner_id = $1 AND name = $2", owner_id, name
        )
        if done == "DELETE 0":
            raise not_found("mcp_server")

    async def discover(self, owner_id: uuid.UUID, name: str) -> McpServer:
        """Ask the server for its tools, and keep them."""
        server = await self.find(owner_id, name)
        tools = await self._client.tools(server.url)
        await self._database.execute(
            "UPDATE mcp_servers SET tools = $3 WHERE owner_id = $1 AND name = $2",
            owner_id,
            name,
            json.dumps([tool.model_dump() for tool in tools]),
        )
        return await self.find(owner_id, name)

    async def tool_names(self, owner_id: uuid.UUID) -> tuple[str, ...]:
        """`server.tool` for each tool that the agents may use."""
        servers = [each for each in await self.owned_by(owner_id) if each.enabled]
        return tuple(f"{each.name}.{tool['name']}" for each in servers for tool in each.tools)

    async def call(self, owner_id: uuid.UUID, tool: str, question: str) -> str:
        """What a tool, named `server.tool`, answers to a question."""
        server_name, _, tool_name = tool.partition(".")
        server = await self.find(owner_id, server_name)
        return await self._client.call(server.url, tool_name, {"question": question})

    def _check(self, url: str) -> None:
        # Otherwise anybody could make this service call whatever it can reach.
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and parts.hostname in self._hosts
            good = good and not parts.username and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise ApiError(422, "mcp_url_not_allowed", "servers at this address are not allowed")


def _server(row: Any) -> McpServer:
    return McpServer(row["name"], row["url"], row["enabled"], tuple(json.loads(row["tools"])))
