"""Events in ClickHouse, over its HTTP interface: statement and parameters in the address.

https://clickhouse.com/docs/interfaces/http
"""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from apex.analytics.store import AGGREGATES, Number, number_of
from apex.shared.usage import CostQuestion, UsageEvent

_TABLE = """
CREATE TABLE IF NOT EXISTS usage_events (
    owner_id UUID, service String, metric String, amount Decimal(14, 4), occurred_on Date32
) ENGINE = MergeTree ORDER BY (owner_id, occurred_on, service)
"""
_WANTED = """
FROM usage_events
WHERE owner_id = {owner:UUID} AND metric = {metric:String}
  AND ({start:Nullable(Date32)} IS NULL OR occurred_on >= {start:Nullable(Date32)})
  AND ({end:Nullable(Date32)} IS NULL OR occurred_on <= {end:Nullable(Date32)})
  AND (empty({services:Array(String)}) OR has({services:Array(String)}, service))
"""
_NULL = "\\N"


class ClickHouseError(ConnectionError):
    """ClickHouse refused a statement, or did not answer."""


class ClickHouseStore:
    """The table of usage events. User and password stand in the address."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._prepared = False

    async def ping(self) -> None:
        await self._rows("SELECT 1 AS one")

    async def add(self, owner_id: uuid.UUID, events: list[UsageEvent]) -> None:
        await self._prepare()
        lines = [{"owner_id": str(owner_id), **each.model_dump(mode="json")} for each in events]
        # One statement is one block, which is stored as a whole.
        data = "\n".join(json.dumps(line) for line in lines)
        await self._send("INSERT INTO usage_events FORMAT JSONEachRow", data)

    async def totals(self, owner_id: uuid.UUID) -> list[dict[str, Any]]:
        await self._prepare()
        rows = await self._rows(
            "SELECT service, metric, count(*) AS events, sum(amount) AS total FROM usage_events "
            "WHERE owner_id = {owner:UUID} GROUP BY service, metric ORDER BY service, metric",
            owner=str(owner_id),
        )
        # 64-bit numbers come as text, as JavaScript could not hold them.
        return [{**r, "events": int(r["events"]), "total": float(r["total"])} for r in rows]

    async def number(self, owner_id: uuid.UUID, asked: CostQuestion) -> Number:
        await self._prepare()
        [row] = await self._rows(
            f"SELECT {AGGREGATES[asked.operation]} AS value, count(*) AS events {_WANTED}",
            **_parameters(owner_id, asked),
        )
        return number_of(asked, row["value"], row["events"])

    async def ranking(self, owner_id: uuid.UUID, asked: CostQuestion) -> list[dict[str, Any]]:
        await self._prepare()
        rows = await self._rows(
            f"SELECT service, sum(amount) AS value {_WANTED} "
            "GROUP BY service ORDER BY value DESC, service LIMIT {limit:UInt32}",
            **_parameters(owner_id, asked),
            limit=str(asked.limit),
        )
        return [{"service": row["service"], "value": float(row["value"])} for row in rows]

    async def _prepare(self) -> None:
        if not self._prepared:
            await self._send(_TABLE)
            self._prepared = True

    async def _rows(self, statement: str, **parameters: str) -> list[dict[str, Any]]:
        text = await self._send(f"{statement} FORMAT JSON", **parameters)
        rows: list[dict[str, Any]] = json.loads(text)["data"]
        return rows

    async def _send(self, statement: str, data: str = "", **parameters: str) -> str:
        # Values travel as parameters of their own: they can't become part of the statement.
        query = {"query": statement, **{f"param_{name}": v for name, v in parameters.items()}}
        try:
            answer = await self._client.post("", params=query, content=data)
        except httpx.TransportError as failure:
            raise ClickHouseError("ClickHouse did not answer") from failure
        if not answer.is_success:
            code = answer.headers.get("X-ClickHouse-Exception-Code", "")
            raise ClickHouseError(f"ClickHouse answered {answer.status_code}, code {code or '-'}")
        return answer.text


def _parameters(owner_id: uuid.UUID, asked: CostQuestion) -> dict[str, str]:
    days = asked.period
    quoted = ",".join(_quoted(name) for name in asked.services)
    return {
        "owner": str(owner_id),
        "metric": _escaped(asked.metric),
        "start": days.start.isoformat() if days.start else _NULL,
        "end": days.end.isoformat() if days.end else _NULL,
        "services": _escaped(f"[{quoted}]"),
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _escaped(text: str) -> str:
    """A parameter is read as a field of tab-separated values."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


@asynccontextmanager
async def open_clickhouse(url: str) -> AsyncIterator[ClickHouseStore]:
    """The store, closed at the end."""
    address = httpx.URL(url)
    signed_in = (address.username, address.password) if address.username else None
    plain = address.copy_with(username=None, password=None)
    async with httpx.AsyncClient(base_url=plain, auth=signed_in, timeout=10) as client:
        yield ClickHouseStore(client)
