"""The store of events as a port: PostgreSQL and ClickHouse both answer to it."""

import uuid
from dataclasses import dataclass
from typing import Any, Protocol

from apex.shared.usage import CostQuestion, Operation, UsageEvent

# The aggregate comes from this list, never from the question. "top" is a ranking, not one number.
AGGREGATES: dict[Operation, str] = {
    "sum": "sum(amount)",
    "compare": "sum(amount)",
    "average": "avg(amount)",
    "maximum": "max(amount)",
    "minimum": "min(amount)",
    "count": "count(*)",
}


@dataclass(frozen=True)
class Number:
    """An aggregate, and over how many events; None where there are no events."""

    value: float | None
    events: int

    def as_json(self) -> dict[str, Any]:
        return {"value": self.value, "events": self.events}


class Store(Protocol):
    """Everything is asked for together with its owner."""

    async def ping(self) -> None:
        """For readiness: fails while the store is away."""

    async def add(self, owner_id: uuid.UUID, events: list[UsageEvent]) -> None:
        """Store all events or none."""

    async def totals(self, owner_id: uuid.UUID) -> list[dict[str, Any]]:
        """For each service and metric: the number of events and their sum."""

    async def number(self, owner_id: uuid.UUID, asked: CostQuestion) -> Number:
        """One aggregate."""

    async def ranking(self, owner_id: uuid.UUID, asked: CostQuestion) -> list[dict[str, Any]]:
        """The services with the largest sums, the largest first."""


def number_of(asked: CostQuestion, value: Any, events: Any) -> Number:
    """What a store found; no events have no sum, but their count is nought."""
    count = int(events)
    return Number(float(value) if count or asked.operation == "count" else None, count)
