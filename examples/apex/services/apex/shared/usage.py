"""Usage and cost events, and the questions about them: what backend and analytics speak of."""

import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Name = Annotated[str, Field(min_length=1, max_length=80)]
Operation = Literal["sum", "compare", "average", "maximum", "minimum", "count", "top"]
OPERATIONS: tuple[Operation, ...] = (
    "sum",
    "compare",
    "average",
    "maximum",
    "minimum",
    "count",
    "top",
)


class UsageEvent(BaseModel):
    """One amount of one metric, at one service, on one day."""

    service: Name
    metric: Name = "cost"
    amount: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]
    occurred_on: datetime.date


class UsageEvents(BaseModel):
    """The body that carries events."""

    events: Annotated[list[UsageEvent], Field(min_length=1, max_length=1000)]

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class Days(BaseModel):
    """From start to end, both included; None is open."""

    start: datetime.date | None = None
    end: datetime.date | None = None


class CostQuestion(BaseModel):
    """What a cost-analysis asks: an operation over a metric, some services, some days."""

    operation: Operation
    metric: Name = "cost"
    period: Days = Days()
    services: Annotated[list[Name], Field(max_length=100)] = []
    limit: Annotated[int, Field(ge=1, le=100)] = 3
