"""The agents' tools. Every number comes from SQL over what the caller has stored."""

import datetime
import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg

from apex.backend.model import COST_ANALYSIS, THREAD_SEARCH, ToolCall, Vocabulary

_AGGREGATES = {
    "sum": "sum(amount)",
    "compare": "sum(amount)",
    "average": "avg(amount)",
    "maximum": "max(amount)",
    "minimum": "min(amount)",
    "count": "count(*)",
}
_WANTED = """
FROM usage_events
WHERE owner_id = $1 AND metric = $2
  AND ($3::date IS NULL OR occurred_on >= $3) AND ($4::date IS NULL OR occurred_on <= $4)
"""


@dataclass(frozen=True)
class Scope:
    """Whose data a tool may see, and which message it must not find: the question itself."""

    owner_id: uuid.UUID
    thread_id: uuid.UUID
    question_id: uuid.UUID


class Tools:
    """Runs tool calls against the store."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self._database = database

    async def vocabulary(self, owner_id: uuid.UUID) -> Vocabulary:
        """The names of services and metrics in the caller's data."""
        rows = await self._database.fetch(
            "SELECT DISTINCT service, metric FROM usage_events WHERE owner_id = $1", owner_id
        )
        return Vocabulary(
            tuple(sorted({row["service"] for row in rows})),
            tuple(sorted({row["metric"] for row in rows})),
        )

    async def run(self, call: ToolCall, scope: Scope) -> dict[str, Any]:
        """The result of a tool call, ready for JSON."""
        if call.tool == COST_ANALYSIS:
            return await self._analyse(call.arguments, scope)
        if call.tool == THREAD_SEARCH:
            return await self._search(call.arguments["terms"], scope)
        raise ValueError(f"there is no tool {call.tool}")

    async def _analyse(self, asked: dict[str, Any], scope: Scope) -> dict[str, Any]:
        period = asked["period"]
        wanted = (scope.owner_id, asked["metric"], _date(period["start"]), _date(period["end"]))
        if asked["operation"] == "top":
            return await self._rank(wanted, asked["limit"])
        services = asked["services"] or None
        # The aggregate comes from the fixed list above, never from the question.
        row = await self._database.fetchrow(
            f"SELECT {_AGGREGATES[asked['operation']]} AS value, count(*) AS events "
            f"{_WANTED} AND ($5::text[] IS NULL OR service = ANY($5))",
            *wanted,
            services,
        )
        empty = row["events"] == 0 and asked["operation"] != "count"
        return {"value": None if empty else float(row["value"]), "events": row["events"]}

    async def _rank(self, wanted: tuple[Any, ...], limit: int) -> dict[str, Any]:
        rows = await self._database.fetch(
            f"SELECT service, sum(amount) AS value {_WANTED} "
            "GROUP BY service ORDER BY value DESC, service LIMIT $5",
            *wanted,
            limit,
        )
        return {"rows": [{"service": r["service"], "value": float(r["value"])} for r in rows]}

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


def _date(text: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None
