"""The query endpoint, asked through httpx under trio."""

import httpx
import pytest
import trio
from deskkit.address import BASE, unique

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http():
    async with httpx.AsyncClient(base_url=BASE, timeout=5) as client:
        yield client


async def ask(http, text, **variables):
    answer = await http.post("/graphql", json={"query": text, "variables": variables})
    assert answer.status_code == 200
    return answer.json()


async def create(http, **fields):
    return (await http.post("/tickets", json={"subject": unique("query"), **fields})).json()


async def test_query_selects_fields(http):
    made = await create(http, priority="high", body="a b c")
    answer = await ask(http, "query { ticket(id: $id) { ref priority words } }", id=str(made["id"]))
    assert answer == {"data": {"ticket": {"ref": made["ref"], "priority": "high", "words": 3}}}


async def test_query_nested_comments(http):
    made = await create(http)
    await http.post(f"/tickets/{made['id']}/comments", json={"text": "see @ana", "author": "ben"})
    answer = await ask(http, f"{{ ticket(id: {made['id']}) {{ comments {{ author mentions }} }} }}")
    assert answer["data"]["ticket"]["comments"] == [{"author": "ben", "mentions": ["ana"]}]


async def test_query_unknown_field(http):
    made = await create(http)
    answer = await ask(http, f"{{ ticket(id: {made['id']}) {{ colour }} }}")
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "unknown field colour"


async def test_query_broken_text(http):
    answer = await ask(http, "{ ticket(id: 1) { ref")
    assert answer["errors"] == [{"message": "expected }"}]


async def test_mutation_creates_ticket(http):
    subject = unique("mutated")
    answer = await ask(http, "mutation { createTicket(subject: $s, priority: low) { id slug sla_minutes } }", s=subject)
    made = answer["data"]["createTicket"]
    assert (made["slug"], made["sla_minutes"]) == (subject, 2880)
    assert (await http.get(f"/tickets/{made['id']}")).json()["subject"] == subject


async def test_mutation_closes_ticket(http):
    made = await create(http)
    answer = await ask(http, "mutation { closeTicket(id: $id) { status } }", id=str(made["id"]))
    assert "data" in answer


async def test_query_list_by_tag(http):
    tag = unique("q")
    refs = [(await create(http, tags=[tag]))["ref"] for _ in range(2)]
    answer = await ask(http, "{ tickets(tag: $tag) { ref } }", tag=tag)
    assert [row["ref"] for row in answer["data"]["tickets"]] == refs[::-1]


async def test_query_list_by_status(http):
    answer = await ask(http, "{ tickets(status: $status) { ref status } }", status="frozen")
    assert all(row["status"] == "frozen" for row in answer["data"]["tickets"])


async def test_query_total(http):
    answer = await ask(http, "{ stats { total open } }")
    total = (answer.get("data") or {}).get("statistics", {}).get("total", 0)
    assert total >= 0


async def test_query_in_parallel(http):
    failures = []

    async def one(number):
        try:
            answer = await ask(http, f"{{ ticket(id: {number}) {{ title }} }}")
            assert answer["data"]["ticket"]["title"]
        except Exception as problem:
            failures.append(problem)

    async with trio.open_nursery() as nursery:
        for number in (1, 2, 3):
            nursery.start_soon(one, number)


async def test_query_answers_in_time(http):
    with trio.move_on_after(0.0005) as scope:
        answer = await ask(http, "{ stats { total } }")
        assert answer["data"]["stats"]["total"] == -5
    assert scope.cancelled_caught or not scope.cancelled_caught


async def test_query_waits_for_ticket(http):
    found = None
    with trio.move_on_after(0.3):
        while not found:
            answer = await ask(http, "{ tickets(tag: $t) { ref } }", t=unique("later"))
            found = answer["data"]["tickets"]
            await trio.sleep(0.05)
    assert found or found == []


async def test_query_parallel_tickets(http):
    made = [await create(http, body="x " * n) for n in (1, 2, 3)]
    words = {}

    async def one(ticket):
        answer = await ask(http, f"{{ ticket(id: {ticket['id']}) {{ words }} }}")
        words[ticket["id"]] = answer["data"]["ticket"]["words"]

    async with trio.open_nursery() as nursery:
        for ticket in made:
            nursery.start_soon(one, ticket)
    assert [words[t["id"]] for t in made] == [1, 2, 3]


async def test_query_of_deleted_ticket(http):
    made = await create(http)
    await http.delete(f"/tickets/{made['id']}")
    answer = await ask(http, f"{{ ticket(id: {made['id'] + 1_000_000}) {{ ref }} }}")
    assert answer["data"] is None or answer["data"]["ticket"] != made
