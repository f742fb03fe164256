"""The agents: questions and data made up here decide which tools are called and what they say."""

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.conftest import Thread
from e2e.conversations import FIVE, kinds
from e2e.costs import Cost, new_cost, new_costs, new_service, total, written

Ask = Callable[..., httpx.Response]
Store = Callable[[list[Cost]], list[Cost]]


def _calls(answer: Any) -> list[tuple[str, Any]]:
    return [
        (event["tool"], event["arguments"])
        for event in answer["events"]
        if event["type"] == "tool_executing"
    ]


def test_a_sum_is_what_was_stored(ask: Ask, store: Store) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-01-05", "2026-02-06", "2026-03-07"))
    store(new_costs(new_service(), "2026-01-05"))
    answer = body(ask(f"What is the total cost of {service}?"), 201)
    assert f"is {written(total(costs))}, over 3 events" in answer["answer"]


def test_a_month_leaves_the_others_out(ask: Ask, store: Store) -> None:
    service = new_service()
    inside = new_costs(service, "2026-03-01", "2026-03-31")
    store(inside + new_costs(service, "2026-02-28", "2026-04-01"))
    answer = body(ask(f"How much did {service} cost in March 2026?"), 201)
    assert f"is {written(total(inside))}, over 2 events" in answer["answer"]
    [(_, asked)] = _calls(answer)
    assert asked["period"] == {"start": "2026-03-01", "end": "2026-03-31"}


def test_a_span_of_days_has_both_its_ends(ask: Ask, store: Store) -> None:
    service = new_service()
    inside = new_costs(service, "2026-05-10", "2026-05-20")
    store(inside + new_costs(service, "2026-05-09", "2026-05-21"))
    question = f"total cost of {service} between 2026-05-10 and 2026-05-20"
    assert f"is {written(total(inside))}," in body(ask(question), 201)["answer"]


def test_an_average_is_computed(ask: Ask, store: Store) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-01-01", "2026-01-02"))
    answer = body(ask(f"What is the average cost of {service}?"), 201)
    assert f"The average cost of {service}" in answer["answer"]
    assert f"is {written(total(costs) / 2)}," in answer["answer"]


def test_the_highest_is_found(ask: Ask, store: Store) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-01-01", "2026-01-02", "2026-01-03"))
    answer = body(ask(f"What was the highest cost of {service}?"), 201)
    assert f"is {written(max(cost.amount for cost in costs))}," in answer["answer"]


def test_the_top_services_are_ranked(ask: Ask, store: Store) -> None:
    costs = store([new_cost(new_service(), "2026-06-01") for _ in range(5)])
    ranked = sorted(costs, key=lambda cost: (-cost.amount, cost.service))[:3]
    answer = body(ask("Which are the top 3 services by cost?"), 201)
    expected = "; ".join(f"{cost.service}: {written(cost.amount)}" for cost in ranked)
    assert expected in answer["answer"]


def test_a_comparison_asks_once_for_each_service(ask: Ask, store: Store) -> None:
    first, second = store([new_cost(new_service(), "2026-06-01") for _ in range(2)])
    answer = body(ask(f"Compare {first.service} and {second.service} in 2026"), 201)
    assert [asked["services"] for _, asked in _calls(answer)] == [[first.service], [second.service]]
    assert f"by {written(abs(first.amount - second.amount))}." in answer["answer"]


def test_another_metric_is_kept_apart(ask: Ask, store: Store) -> None:
    service = new_service()
    tokens = new_cost(service, "2026-01-01", metric="tokens")
    store([tokens, new_cost(service, "2026-01-01")])
    answer = body(ask(f"total tokens of {service}"), 201)
    assert f"The total tokens of {service}" in answer["answer"]
    assert f"is {written(tokens.amount)}, over 1 events" in answer["answer"]


def test_new_data_changes_the_answer(ask: Ask, store: Store) -> None:
    service = new_service()
    first = store(new_costs(service, "2026-01-01"))
    before = body(ask(f"total cost of {service}"), 201)["answer"]
    second = store(new_costs(service, "2026-01-02"))
    after = body(ask(f"total cost of {service}"), 201)["answer"]
    assert f"is {written(total(first))}," in before
    assert f"is {written(total(first + second))}," in after


def test_what_was_said_is_found_again(ask: Ask) -> None:
    secret, place = uuid.uuid4().hex, f"harbour{uuid.uuid4().hex[:6]}"
    assert ask(f"The key of the {place} is {secret}.").status_code == 201
    answer = body(ask(f"What did I say about the {place}?"), 201)
    assert [tool for tool, _ in _calls(answer)] == ["thread_search"]
    assert secret in answer["answer"]


def test_the_question_chooses_the_tool(ask: Ask, store: Store) -> None:
    service = new_service()
    store(new_costs(service, "2026-01-01"))
    about_cost = body(ask(f"average cost of {service}"), 201)
    about_talk = body(ask("What did I say earlier about lighthouses?"), 201)
    assert [tool for tool, _ in _calls(about_cost)] == ["cost_analysis"]
    assert [tool for tool, _ in _calls(about_talk)] == ["thread_search"]


def test_no_data_is_said_to_be_none(ask: Ask, store: Store) -> None:
    service = new_service()
    store(new_costs(service, "2026-01-01"))
    answer = body(ask(f"total cost of {service} in 2024-07"), 201)
    assert answer["answer"] == f"There is no cost recorded for {service} (2024-07)."


def test_an_agent_uses_only_its_own_tools(ask: Ask, store: Store) -> None:
    service = new_service()
    store(new_costs(service, "2026-01-01"))
    answer = body(ask(f"total cost of {service}", agent="librarian"), 201)
    assert answer["answer"] == "None of my tools can answer that."
    assert {event["agent"] for event in answer["events"]} == {"librarian"}


def test_a_run_can_be_read_afterwards(http: httpx.Client, person: Person, ask: Ask) -> None:
    answer = body(ask(f"what about {uuid.uuid4().hex}?"), 201)
    run = body(http.get(addresses.backend(f"/runs/{answer['run_id']}"), headers=person.headers))
    assert run["status"] == "completed"
    assert run["answer"] == answer["answer"]
    assert run["events"] == answer["events"]


def test_a_run_in_the_background_streams_its_events(
    http: httpx.Client, person: Person, thread: Thread, store: Store
) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-01-01", "2026-01-02"))
    sent = http.post(
        addresses.backend(f"/threads/{thread['id']}/messages"),
        json={"content": f"total cost of {service}", "wait": False},
        headers=person.headers,
    )
    run_id = body(sent, 202)["run_id"]
    address = addresses.backend(f"/runs/{run_id}/events")
    with http.stream("GET", address, headers=person.headers) as stream:
        assert stream.status_code == 200
        lines = [line[6:] for line in stream.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line) for line in lines]
    assert kinds(events) == FIVE
    assert f"is {written(total(costs))}," in events[-1]["answer"]


def test_an_unknown_run_is_not_found(http: httpx.Client, person: Person) -> None:
    answer = http.get(addresses.backend(f"/runs/{uuid.uuid4()}"), headers=person.headers)
    assert error_code(answer, 404) == "run_not_found"


def test_the_catalogue_names_the_tools_of_each_agent(http: httpx.Client, person: Person) -> None:
    listed = body(http.get(addresses.backend("/agents"), headers=person.headers))["agents"]
    tools = {agent["name"]: agent["tools"] for agent in listed}
    assert tools["supervisor"] == ["cost_analysis", "thread_search"]
    assert tools["librarian"] == ["thread_search"]


@pytest.mark.parametrize("name", ["supervisor", "cost-analyst", "librarian"])
def test_an_agent_can_be_read_by_name(http: httpx.Client, person: Person, name: str) -> None:
    agent = body(http.get(addresses.backend(f"/agents/{name}"), headers=person.headers))
    assert agent["name"] == name
    assert agent["tools"]


def test_an_unknown_agent_is_not_found(http: httpx.Client, person: Person) -> None:
    answer = http.get(addresses.backend(f"/agents/{uuid.uuid4().hex}"), headers=person.headers)
    assert error_code(answer, 404) == "agent_not_found"


def test_usage_is_totalled(http: httpx.Client, person: Person) -> None:
    service = new_service()
    costs = new_costs(service, "2026-01-01", "2026-01-02", "2026-01-03")
    events = [cost.as_json() for cost in costs]
    address = addresses.backend("/usage")
    stored = http.post(address, json={"events": events}, headers=person.headers)
    assert body(stored, 201) == {"stored": 3}
    [row] = body(http.get(address, headers=person.headers))["totals"]
    assert (row["service"], row["events"]) == (service, 3)
    assert Decimal(str(row["total"])) == total(costs)


def test_a_negative_amount_is_refused_with_all_the_rest(http: httpx.Client, person: Person) -> None:
    good, bad = (cost.as_json() for cost in new_costs(new_service(), "2026-01-01", "2026-01-02"))
    address = addresses.backend("/usage")
    events = [good, {**bad, "amount": "-1"}]
    refused = http.post(address, json={"events": events}, headers=person.headers)
    assert error_code(refused, 422) == "invalid_request"
    assert body(http.get(address, headers=person.headers)) == {"totals": []}
