"""Usage data made up for one test, and the numbers that follow from it."""

import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

_random = random.SystemRandom()


@dataclass(frozen=True)
class Cost:
    """One usage event."""

    service: str
    amount: Decimal
    day: str
    metric: str = "cost"

    def as_json(self) -> dict[str, str]:
        return {
            "service": self.service,
            "metric": self.metric,
            "amount": str(self.amount),
            "occurred_on": self.day,
        }


def new_service() -> str:
    """The name of a service that no other test uses."""
    return f"svc-{uuid.uuid4().hex[:10]}"


def new_cost(service: str, day: str, metric: str = "cost") -> Cost:
    """An amount between 1.00 and 999.99 that nobody can guess."""
    return Cost(service, Decimal(_random.randint(100, 99_999)) / 100, day, metric)


def new_costs(service: str, *days: str) -> list[Cost]:
    """One amount for each of the days."""
    return [new_cost(service, day) for day in days]


def total(costs: Iterable[Cost]) -> Decimal:
    return sum((cost.amount for cost in costs), Decimal(0))


def written(value: Decimal) -> str:
    """The number as the agents write it: up to four decimals, no zeros at the end."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
