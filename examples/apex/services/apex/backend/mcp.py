"""MCP over HTTP, the client's side: which tools a server offers, and a call of one.

Model Context Protocol, revision 2025-06-18, transport "streamable HTTP": JSON-RPC 2.0 by POST.
"""

from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError

from apex.shared.errors import ApiError

PROTOCOL = "2025-06-18"
SESSION = "Mcp-Session-Id"
MOST_TOOLS = 64
LARGEST_ANSWER = 256 * 1024


class Tool(BaseModel):
    """A tool, as its server describes it."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str = Field(default="", max_length=1000)


class _Tools(BaseModel):
    tools: list[Tool] = Field(max_length=MOST_TOOLS)


class _Content(BaseModel):
    type: str
    text: str = ""


class _Result(BaseModel):
    content: list[_Content]
    isError: bool = False


class McpClient:
    """Asks servers that users have named. Their answers are hostile until they are checked."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def tools(self, url: str) -> list[Tool]:
        """What the server offers now; 502 if it does not say, or says nonsense."""
        result = await self._ask(url, "tools/list", {})
        try:
            return _Tools.model_validate(result).tools
        except ValidationError as failure:
            raise _invalid() from failure

    async def call(self, url: str, tool: str, arguments: dict[str, Any]) -> str:
        """The text that the tool answers; 502 if it fails."""
        result = await self._ask(url, "tools/call", {"name": tool, "arguments": arguments})
        try:
            answer = _Result.model_validate(result)
        except ValidationError as failure:
            raise _invalid() from failure
        text = "\n".join(part.text for part in answer.content if part.type == "text")
        if answer.isError:
            raise ApiError(502, "mcp_tool_failed", "the tool failed")
        return text

    async def _ask(self, url: str, method: str, parameters: dict[str, Any]) -> Any:
        hello = {
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": {"name": "apex", "version": "1"},
        }
        try:
            _, headers = await self._post(url, {}, "initialize", hello, 1)
            session = {SESSION: headers[SESSION]} if SESSION in headers else {}
            await self._post(url, session, "notifications/initialized")
            answer, _ = await self._post(url, session, method, parameters, 2)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise ApiError(502, "mcp_unreachable", "the MCP server did not answer") from failure
        return answer

    async def _post(
        self,
        url: str,
        headers: dict[str, str],
        method: str,
        parameters: dict[str, Any] | None = None,
        number: int | None = None,
    ) -> tuple[Any, httpx.Headers]:
        message = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": number}
        message = {name: value for name, value in message.items() if value is not None}
        headers = {**headers, "Accept": "application/json", "MCP-Protocol-Version": PROTOCOL}
        async with self._client.stream("POST", url, json=message, headers=headers) as answer:
            answer.raise_for_status()
            text = b""
            async for part in answer.aiter_bytes():
                text += part
                if len(text) > LARGEST_ANSWER:
                    raise _invalid()
        return (_result(text, number) if number else None), answer.headers


def _result(text: bytes, number: int) -> Any:
    try:
        answer = _Answer.model_validate_json(text)
    except ValidationError as failure:
        raise _invalid() from failure
    if answer.error is not None:
        raise ApiError(502, "mcp_refused", "the MCP server refused")
    if answer.id != number:
        raise _invalid()
    return answer.result


class _Answer(BaseModel):
    id: int
    result: Any = None
    error: dict[str, Any] | None = None


def _invalid() -> ApiError:
    return ApiError(502, "mcp_answer_invalid", "the MCP server's answer is not valid")
