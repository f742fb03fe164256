"""Events in PostgreSQL."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from apex.analytics.store import AGGREGATES, Number, number_of
from apex.shared.stores import open_database
from apex.shared.usage import CostQuestion, UsageEvent

_WANTED = """
FROM usage_events
WHERE owner_id = $1 AND metric = $2
  AND ($3::date IS NULL OR occurred_on >= $3) AND ($4::date IS NULL OR occurred_on <= $4)
"""


class PostgresStore:
    """The table of usage events."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self._database = database

    async def ping(self) -> None:
        await self._database.fetchval("SELECT 1", timeout=3)

    async def add(self, owner_id: uuid.UUID, events: list[UsageEvent]) -> None:
        rows = [
            (uuid.uuid4(), owner_id, each.service, each.metric, each.amount, each.occurred_on)
            for each in events
        ]
        await self._database.executemany(
            "INSERT INTO usage_events (id, owner_id, service, metric, amount, occurred_on) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            rows,
        )

    async def totals(self, owner_id: uuid.UUID) -> list[dict[str, Any]]:
        rows = await self._database.fetch(
            "SELECT service, metric, count(*) AS events, sum(amount) AS total FROM usage_events "
            "WHERE owner_id = $1 GROUP BY service, metric ORDER BY service, metric",
            owner_id,
        )
        return [{**dict(row), "total": float(row["total"])} for row in rows]

    async def number(self, owner_id: uuid.UUID, asked: CostQuestion) -> Number:
        row = await self._database.fetchrow(
            f"SELECT {AGGREGATES[asked.operation]} AS value, count(*) AS events "
            f"{_WANTED} AND ($5::text[] IS NULL OR service = ANY($5))",
            *_wanted(owner_id, asked),
            asked.services or None,
        )
        return number_of(asked, row["value"], row["events"])

    async def ranking(self, owner_id: uuid.UUID, asked: CostQuestion) -> list[dict[str, Any]]:
        rows = await self._database.fetch(
            f"SELECT service, sum(amount) AS value {_WANTED} "
            "GROUP BY service ORDER BY value DESC, service LIMIT $5",
            *_wanted(owner_id, asked),
            asked.limit,
        )
        return [{"service": row["service"], "value": float(row["value"])} for row in rows]


def _wanted(owner_id: uuid.UUID, asked: CostQuestion) -> tuple[Any, ...]:
    return owner_id, asked.metric, asked.period.start, asked.period.end


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[PostgresStore]:
    """The store, closed at the end."""
    async with open_database(url) as database:
        yield PostgresStore(database)
