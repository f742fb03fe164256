"""Usage and cost events: what the cost questions are answered from."""

import datetime
import uuid
from decimal import Decimal
from typing import Annotated, Any

import asyncpg
from pydantic import BaseModel, Field

Name = Annotated[str, Field(min_length=1, max_length=80)]


class UsageEvent(BaseModel):
    """One amount of one metric, at one service, on one day."""

    service: Name
    metric: Name = "cost"
    amount: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]
    occurred_on: datetime.date


class Usage:
    """The table of usage events."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self._database = database

    async def store(self, owner_id: uuid.UUID, events: list[UsageEvent]) -> int:
        """Store all events or none; the number that was stored."""
        rows = [
            (uuid.uuid4(), owner_id, each.service, each.metric, each.amount, each.occurred_on)
            for each in events
        ]
        await self._database.executemany(
            "INSERT INTO usage_events (id, owner_id, service, metric, amount, occurred_on) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            rows,
        )
        return len(rows)

    async def totals(self, owner_id: uuid.UUID) -> list[dict[str, Any]]:
        """For each service and metric: the number of events and their sum."""
        rows = await self._database.fetch(
            "SELECT service, metric, count(*) AS events, sum(amount) AS total FROM usage_events "
            "WHERE owner_id = $1 GROUP BY service, metric ORDER BY service, metric",
            owner_id,
        )
        return [{**dict(row), "total": float(row["total"])} for row in rows]
