"""The model behind an endpoint of OpenAI's kind: what is sent to it, what is taken from it."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from apex.backend.model import COST_ANALYSIS, THREAD_SEARCH, Finding, Plan, ToolCall, Vocabulary
from apex.backend.openai_model import OpenAIModel
from apex.backend.settings import ModelSettings
from apex.shared.errors import ApiError

from unit.servers import Server, running

KNOWN = Vocabulary(("checkout",), ("cost",), ("desk.ask",))


def _completion(*calls: tuple[str, Any]) -> str:
    tool_calls = [
        {"id": "1", "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
        for n, a in calls
    ]
    message = {"role": "assistant", "content": None, "tool_calls": tool_calls}
    return json.dumps({"choices": [{"message": message}]})


def _plan(server: Server) -> Plan:
    async def planned() -> Plan:
        async with httpx.AsyncClient() as client:
            model = OpenAIModel(ModelSettings(server.url, "small", "secret"), client)
            return await model.plan("total of checkout?", KNOWN)

    return asyncio.run(planned())


def _answer(server: Server) -> list[str]:
    finding = Finding(ToolCall(THREAD_SEARCH, {"terms": ["x"]}), {"matches": []})

    async def answered() -> list[str]:
        async with httpx.AsyncClient() as client:
            model = OpenAIModel(ModelSettings(server.url, "small", ""), client)
            return [piece async for piece in model.answer("what about x?", [finding])]

    return asyncio.run(answered())


def test_the_tools_and_the_names_are_sent_and_the_calls_are_taken() -> None:
    asked = {"operation": "sum", "services": ["checkout"]}
    with running((200, _completion((COST_ANALYSIS, asked)))) as server:
        [call] = _plan(server).calls
    assert call.tool == COST_ANALYSIS
    assert call.arguments["services"] == ["checkout"]
    assert call.arguments["period"] == {"start": None, "end": None}
    [received] = server.received
    sent = json.loads(received.body)
    assert received.path == "/chat/completions"
    assert received.headers["Authorization"] == "Bearer secret"
    assert {each["function"]["name"] for each in sent["tools"]} == {
        "cost_analysis",
        "thread_search",
        "mcp_tool",
    }
    assert "desk.ask" in sent["messages"][0]["content"]
    assert sent["messages"][1] == {"role": "user", "content": "total of checkout?"}


def test_a_model_that_calls_nothing_plans_nothing() -> None:
    with running((200, _completion())) as server:
        assert _plan(server).calls == ()


@pytest.mark.parametrize(
    "answer",
    [
        _completion(("drop_tables", {})),
        _completion((COST_ANALYSIS, {"operation": "delete"})),
        _completion((THREAD_SEARCH, {"terms": []})),
        '{"choices": []}',
        '{"choices": [{"message": {"tool_calls": 7}}]}',
        "not JSON",
    ],
)
def test_a_plan_that_is_none_is_refused(answer: str) -> None:
    with running((200, answer)) as server, pytest.raises(ApiError) as refused:
        _plan(server)
    assert (refused.value.status, refused.value.code) == (502, "model_invalid")


def test_an_error_of_the_endpoint_is_told() -> None:
    with running((500, "broken")) as server, pytest.raises(ApiError) as refused:
        _plan(server)
    assert refused.value.code == "model_unreachable"


def test_the_answer_comes_in_the_pieces_of_the_stream() -> None:
    lines = [json.dumps({"choices": [{"delta": {"content": text}}]}) for text in ("No", "thing.")]
    stream = "".join(f"data: {line}\n\n" for line in [*lines, '{"choices": []}', "[DONE]"])
    with running((200, stream)) as server:
        assert _answer(server) == ["No", "thing."]
    sent = json.loads(server.received[0].body)
    assert sent["stream"] is True
    assert [each["role"] for each in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][2]["tool_calls"][0]["id"] == sent["messages"][3]["tool_call_id"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [((429, "slow down"), "model_unreachable"), ((200, "data: {}\n\n"), "model_invalid")],
)
def test_an_answer_that_is_none_is_refused(answer: tuple[int, str], code: str) -> None:
    with running(answer) as server, pytest.raises(ApiError) as refused:
        _answer(server)
    assert refused.value.code == code
