"""The analytics service, as the backend uses it."""

import uuid
from typing import Any

import httpx

from apex.backend.model import Vocabulary
from apex.shared.calling import answer_of
from apex.shared.usage import CostQuestion, UsageEvent, UsageEvents


class Analytics:
    """Writes and asks for the events of one owner at a time."""

    def __init__(self, url: str, key: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._client = client

    async def ping(self) -> None:
        """For readiness: whether the service can work."""
        (await self._client.get(f"{self._url}/health/ready")).raise_for_status()

    async def store(self, owner_id: uuid.UUID, events: list[UsageEvent]) -> int:
        """Store all events or none; the number that was stored."""
        body = UsageEvents(events=events).as_json()
        return int((await self._call("POST", owner_id, "events", body))["stored"])

    async def totals(self, owner_id: uuid.UUID) -> list[dict[str, Any]]:
        """For each service and metric: the number of events and their sum."""
        found: list[dict[str, Any]] = (await self._call("GET", owner_id, "totals"))["totals"]
        return found

    async def vocabulary(self, owner_id: uuid.UUID) -> Vocabulary:
        """The names of services and metrics in the owner's data."""
        totals = await self.totals(owner_id)
        return Vocabulary(
            tuple(sorted({row["service"] for row in totals})),
            tuple(sorted({row["metric"] for row in totals})),
        )

    async def ask(self, owner_id: uuid.UUID, asked: CostQuestion) -> dict[str, Any]:
        """The numbers that answer a question about costs."""
        body = asked.model_dump(mode="json")
        return dict(await self._call("POST", owner_id, "questions", body))

    async def _call(self, method: str, owner_id: uuid.UUID, path: str, body: Any = None) -> Any:
        url = f"{self._url}/owners/{owner_id}/{path}"
        request = self._client.build_request(method, url, json=body, headers=self._headers)
        return await answer_of(request, self._client)
