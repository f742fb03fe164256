"""The agents' tools. Every number comes from what the caller has stored."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from apex.backend.analytics import Analytics
from apex.backend.mcp_servers import McpServers
from apex.backend.model import COST_ANALYSIS, MCP_TOOL, THREAD_SEARCH, ToolCall, Vocabulary
from apex.shared.usage import CostQuestion


@dataclass(frozen=True)
class Scope:
    """Whose data a tool may see, and which message it must not find: the question itself."""

    owner_id: uuid.UUID
    thread_id: uuid.UUID
    question_id: uuid.UUID


class Tools:
    """Runs tool calls."""

    def __init__(self, database: asyncpg.Pool, analytics: Analytics, servers: McpServers) -> None:
        self._database = database
        self._analytics = analytics
        self._servers = servers

    async def vocabulary(self, owner_id: uuid.UUID) -> Vocabulary:
        """The names that a question of this caller may use."""
        names = await self._analytics.vocabulary(owner_id)
        return replace(names, tools=await self._servers.tool_names(owner_id))

    async def run(self, call: ToolCall, scope: Scope) -> dict[str, Any]:
        """The result of a tool call, ready for JSON."""
        asked = call.arguments
        if call.tool == COST_ANALYSIS:
            return await self._analytics.ask(scope.owner_id, CostQuestion.model_validate(asked))
        if call.tool == THREAD_SEARCH:
            return await self._search(asked["terms"], scope)
        if call.tool == MCP_TOOL:
            text = await self._servers.call(scope.owner_id, asked["name"], asked["question"])
            return {"text": text}
        raise ValueError(f"there is no tool {call.tool}")

    async def _search(self, terms: list[str], scope: Scope) -> dict[str, Any]:
        rows = await self._database.fetch(
            """
            SELECT id, content, (
                SELECT count(*) FROM unnest($3::text[]) AS term
                WHERE position(term IN lower(content)) > 0
            ) AS hits
            FROM messages WHERE thread_id = $1 AND role = 'user' AND id <> $2
            ORDER BY hits DESC, position DESC LIMIT 3
            """,
            scope.thread_id,
            scope.question_id,
            terms,
        )
        best = max((row["hits"] for row in rows), default=0)
        matches = [row for row in rows if row["hits"] and row["hits"] == best]
        return {"matches": [{"id": str(r["id"]), "content": r["content"]} for r in matches]}
