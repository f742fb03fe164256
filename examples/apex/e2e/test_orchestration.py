"""The supervisor at work with several tools, one of them a server that the test itself runs."""

import uuid

import httpx

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body
from e2e.conftest import Thread
from e2e.conversations import Event, kinds
from e2e.costs import new_cost, new_service, written
from e2e.mcp_server import McpServer


def _ask(
    http: httpx.Client, person: Person, thread: Thread, question: str, agent: str = "supervisor"
) -> tuple[str, list[Event]]:
    """The answer, and the events of the run."""
    answer = http.post(
        addresses.backend(f"/threads/{thread['id']}/messages"),
        json={"content": question, "agent": agent},
        headers=person.headers,
    )
    done = body(answer, 201)
    return done["answer"], done["events"]


def _called(events: list[Event]) -> list[str]:
    return [event["tool"] for event in events if event["type"] == "tool_executing"]


def test_a_tool_of_the_user_is_called_and_quoted(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    answer, events = _ask(http, regular, topic, f"Ask {desk.tool} for the code")
    assert answer == f"{desk.tool} says: {desk.answers['ask']}"
    assert _called(events) == ["mcp_tool"]


def test_the_tool_is_asked_what_the_user_asked(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    question = f"Ask {desk.tool} about {uuid.uuid4().hex}"
    answer, _ = _ask(http, regular, topic, question)
    assert desk.answers["ask"] in answer
    assert desk.questions == [question]


def test_one_question_can_need_three_tools(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    cost, place = new_cost(new_service(), "2026-01-01"), f"harbour{uuid.uuid4().hex[:6]}"
    events = {"events": [cost.as_json()]}
    stored = http.post(addresses.backend("/usage"), json=events, headers=regular.headers)
    assert stored.status_code == 201
    told = f"The {place} opens at {uuid.uuid4().hex}."
    _ask(http, regular, topic, told)
    question = f"total cost of {cost.service}, {desk.tool}, and what did I say about the {place}?"
    answer, happened = _ask(http, regular, topic, question)
    assert _called(happened) == ["cost_analysis", "mcp_tool", "thread_search"]
    assert f"is {written(cost.amount)}," in answer
    assert desk.answers["ask"] in answer
    assert told in answer


def test_the_plan_is_what_happens(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    _, events = _ask(http, regular, topic, f"{desk.tool}, and the total cost in 2026")
    [plan] = [event["plan"] for event in events if event["type"] == "agent_thinking"]
    assert [step["tool"] for step in plan] == _called(events) == events[-1]["tools_used"]
    assert len(plan) == 2


def test_each_call_ends_before_the_next_begins(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    _, events = _ask(http, regular, topic, f"{desk.tool}, and the total cost in 2026")
    calls = ["tool_executing", "tool_completed"] * 2
    assert kinds(events) == ["agent_started", "agent_thinking", *calls, "agent_completed"]


def test_two_tools_of_one_server_are_both_asked(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.answers["second"] = uuid.uuid4().hex
    address = addresses.backend(f"/mcp/servers/{desk.name}/discovery")
    assert http.post(address, headers=regular.headers).status_code == 200
    answer, _ = _ask(http, regular, topic, f"first {desk.name}.second, then {desk.tool}")
    assert answer == (
        f"{desk.name}.second says: {desk.answers['second']} {desk.tool} says: {desk.answers['ask']}"
    )


def test_an_agent_without_that_tool_does_not_call_it(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    answer, events = _ask(http, regular, topic, f"Ask {desk.tool}", agent="cost-analyst")
    assert answer == "None of my tools can answer that."
    assert (_called(events), desk.questions) == ([], [])


def test_a_server_that_is_off_is_not_called(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    address = addresses.backend(f"/mcp/servers/{desk.name}")
    off = http.patch(address, json={"enabled": False}, headers=regular.headers)
    assert off.status_code == 200
    _, events = _ask(http, regular, topic, f"Ask {desk.tool}")
    assert (_called(events), desk.questions) == (["thread_search"], [])


def test_the_tool_of_another_is_not_called(
    http: httpx.Client, person: Person, thread: Thread, desk: McpServer
) -> None:
    _, events = _ask(http, person, thread, f"Ask {desk.tool}")
    assert (_called(events), desk.questions) == (["thread_search"], [])
