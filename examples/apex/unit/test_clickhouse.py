"""Events in ClickHouse: what goes over its HTTP interface, as the manual has it, and what comes.

No ClickHouse runs here: that its SQL means what ours hopes, these tests can't tell.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from apex.analytics.clickhouse import ClickHouseError, ClickHouseStore, open_clickhouse
from apex.analytics.store import Number
from apex.shared.usage import CostQuestion, Days, UsageEvent

from unit.servers import Received, Server, running

OWNER = uuid.UUID(int=7)
TABLE = (200, "")


def _with[T](server: Server, what: Callable[[ClickHouseStore], Awaitable[T]]) -> T:
    async def done() -> T:
        address = server.url.replace("://", "://writer:secret@")
        async with open_clickhouse(address) as store:
            return await what(store)

    return asyncio.run(done())


def _rows(*rows: dict[str, Any]) -> tuple[int, str]:
    return 200, json.dumps({"data": rows})


def _query(received: Received) -> dict[str, str]:
    return {name: value[0] for name, value in parse_qs(urlsplit(received.path).query).items()}


def test_events_are_one_insert_of_json_lines() -> None:
    event = UsageEvent(service="a", amount=Decimal("1.5"), occurred_on=date(2026, 1, 2))
    with running(TABLE, (200, "")) as server:
        _with(server, lambda store: store.add(OWNER, [event, event]))
    table, insert = server.received
    assert _query(table)["query"].strip().startswith("CREATE TABLE IF NOT EXISTS usage_events")
    assert _query(insert)["query"] == "INSERT INTO usage_events FORMAT JSONEachRow"
    lines = [json.loads(line) for line in insert.body.splitlines()]
    assert lines == 2 * [
        {
            "owner_id": str(OWNER),
            "service": "a",
            "metric": "cost",
            "amount": "1.5",
            "occurred_on": "2026-01-02",
        }
    ]


def test_values_are_parameters_and_never_part_of_the_statement() -> None:
    name = "it's \\ a\ttrap"
    asked = CostQuestion(operation="sum", services=[name], period=Days(start=date(2026, 1, 1)))
    with running(TABLE, _rows({"value": 3.5, "events": "2"})) as server:
        found = _with(server, lambda store: store.number(OWNER, asked))
    assert found == Number(3.5, 2)
    query = _query(server.received[1])
    assert query["param_owner"] == str(OWNER)
    assert (query["param_start"], query["param_end"]) == ("2026-01-01", "\\N")
    # Quoted for the array, then escaped as a field of tab-separated values.
    assert query["param_services"] == "['it\\\\'s \\\\\\\\ a\\ttrap']"
    assert "trap" not in query["query"]


@pytest.mark.parametrize(("operation", "value"), [("sum", None), ("minimum", None), ("count", 0.0)])
def test_no_events_have_no_sum(operation: Any, value: float | None) -> None:
    with running(TABLE, _rows({"value": 0, "events": "0"})) as server:
        asked = CostQuestion(operation=operation)
        assert _with(server, lambda store: store.number(OWNER, asked)) == Number(value, 0)


def test_a_ranking_is_limited() -> None:
    with running(TABLE, _rows({"service": "a", "value": "9.25"})) as server:
        asked = CostQuestion(operation="top", limit=4)
        found = _with(server, lambda store: store.ranking(OWNER, asked))
    assert found == [{"service": "a", "value": 9.25}]
    assert _query(server.received[1])["param_limit"] == "4"


def test_user_and_password_are_not_in_the_address() -> None:
    with running(_rows({"one": 1})) as server:
        _with(server, lambda store: store.ping())
    [received] = server.received
    assert received.headers["Authorization"].startswith("Basic ")
    assert "secret" not in received.path


def test_a_refusal_is_told_with_its_code() -> None:
    with running((404, "Code: 60. DB::Exception")) as server, pytest.raises(ClickHouseError):
        _with(server, lambda store: store.ping())
