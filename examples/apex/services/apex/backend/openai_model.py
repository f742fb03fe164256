"""A language model behind an endpoint that speaks OpenAI's chat completions.

It plans by tool calls, and words the answer as a stream. What it asks for is checked like any
other input from outside; what it can't express is not called.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError

from apex.backend.model import (
    COST_ANALYSIS,
    MCP_TOOL,
    THREAD_SEARCH,
    Finding,
    Plan,
    ToolCall,
    Vocabulary,
)
from apex.backend.settings import ModelSettings
from apex.shared.errors import ApiError
from apex.shared.usage import CostQuestion

_SYSTEM = (
    "You answer questions about usage and cost, and about what was said in this thread. Call the "
    "tools that the question needs. Say only what the tools found, briefly, with their numbers."
)


class _Terms(BaseModel):
    terms: list[str] = Field(min_length=1, max_length=20)


class _McpCall(BaseModel):
    name: str
    question: str


_ARGUMENTS: dict[str, type[BaseModel]] = {
    COST_ANALYSIS: CostQuestion,
    THREAD_SEARCH: _Terms,
    MCP_TOOL: _McpCall,
}
_DESCRIPTIONS = {
    COST_ANALYSIS: "Aggregates usage events: one metric, some services, some days.",
    THREAD_SEARCH: "Finds earlier messages of this thread that contain the terms.",
    MCP_TOOL: "Asks a tool of one of the user's own servers.",
}


class OpenAIModel:
    """The port, over HTTP."""

    def __init__(self, settings: ModelSettings, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._client = client

    async def plan(self, question: str, vocabulary: Vocabulary) -> Plan:
        """One request with the tools; 502 if the model does not answer as documented."""
        names = {
            "services": vocabulary.services,
            "metrics": vocabulary.metrics,
            "names of mcp_tool": vocabulary.tools,
        }
        messages = [
            {"role": "system", "content": f"{_SYSTEM} Known names: {json.dumps(names)}"},
            {"role": "user", "content": question},
        ]
        asked = {"messages": messages, "tools": _tools(), "tool_choice": "auto"}
        try:
            answer = await self._client.send(self._request(asked))
            answer.raise_for_status()
            message = answer.json()["choices"][0]["message"]
            calls = tuple(_call(each["function"]) for each in message.get("tool_calls") or ())
        except httpx.HTTPError as failure:
            raise _unreachable() from failure
        except (ValueError, LookupError, TypeError, AttributeError) as failure:
            raise ApiError(502, "model_invalid", "the model's plan is not valid") from failure
        return Plan(str(message.get("content") or "the model chose these tools"), calls)

    async def answer(self, question: str, findings: list[Finding]) -> AsyncIterator[str]:
        """The pieces that the model sends, as they come."""
        asked = {"messages": _conversation(question, findings), "stream": True}
        try:
            answer = await self._client.send(self._request(asked), stream=True)
            try:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    if piece := _piece(line):
                        yield piece
            finally:
                await answer.aclose()
        except httpx.HTTPError as failure:
            raise _unreachable() from failure
        except (ValueError, LookupError, TypeError, AttributeError) as failure:
            raise ApiError(502, "model_invalid", "the model's answer is not valid") from failure

    def _request(self, asked: dict[str, Any]) -> httpx.Request:
        settings = self._settings
        headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
        body = {"model": settings.name, "temperature": 0, **asked}
        url = f"{settings.url}/chat/completions"
        return self._client.build_request("POST", url, json=body, headers=headers)


def _tools() -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": _DESCRIPTIONS[name],
                "parameters": arguments.model_json_schema(),
            },
        }
        for name, arguments in _ARGUMENTS.items()
    ]


def _call(function: dict[str, Any]) -> ToolCall:
    """A tool call of the model, or ValueError: there is no such tool, or it can't be asked that."""
    name = function["name"]
    if name not in _ARGUMENTS:
        raise ValueError(f"there is no tool {name}")
    try:
        asked = _ARGUMENTS[name].model_validate_json(function["arguments"])
    except ValidationError as failure:
        raise ValueError(f"{name} can't be asked that") from failure
    return ToolCall(name, asked.model_dump(mode="json"))


def _conversation(question: str, findings: list[Finding]) -> list[dict[str, Any]]:
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {
                "name": finding.call.tool,
                "arguments": json.dumps(finding.call.arguments),
            },
        }
        for number, finding in enumerate(findings)
    ]
    results = [
        {"role": "tool", "tool_call_id": f"call_{number}", "content": json.dumps(finding.result)}
        for number, finding in enumerate(findings)
    ]
    called = [{"role": "assistant", "content": None, "tool_calls": calls}] if calls else []
    return [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": question},
        *called,
        *results,
    ]


def _piece(line: str) -> str:
    """The text in a line of the stream: `data: {...}`, at the end `data: [DONE]`."""
    kind, _, data = line.partition(":")
    data = data.strip()
    if kind != "data" or data == "[DONE]":
        return ""
    choices = json.loads(data)["choices"]
    return str(choices[0]["delta"].get("content") or "") if choices else ""


def _unreachable() -> ApiError:
    return ApiError(502, "model_unreachable", "the model did not answer")
