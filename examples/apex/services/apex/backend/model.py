"""The language model as a port: a question becomes a plan, results become an answer."""

import datetime
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

COST_ANALYSIS = "cost_analysis"
THREAD_SEARCH = "thread_search"
MCP_TOOL = "mcp_tool"


@dataclass(frozen=True)
class Period:
    """Days from start to end, both included; None is open."""

    start: datetime.date | None = None
    end: datetime.date | None = None
    text: str = "all time"

    def as_json(self) -> dict[str, str | None]:
        return {
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
        }


@dataclass(frozen=True)
class Vocabulary:
    """What the caller's own data is about: the names that a question may use."""

    services: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToolCall:
    """A tool and what it is asked."""

    tool: str
    arguments: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"tool": self.tool, "arguments": self.arguments}


@dataclass(frozen=True)
class Plan:
    """The tool calls that will answer a question, and why these."""

    reasoning: str
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True)
class Finding:
    """A tool call with its result."""

    call: ToolCall
    result: dict[str, Any] = field(default_factory=dict)


class Model(Protocol):
    """Plans and words; it never touches the data itself."""

    async def plan(self, question: str, vocabulary: Vocabulary) -> Plan:
        """Which tools to call for this question, and with what."""

    def answer(self, question: str, findings: list[Finding]) -> AsyncIterator[str]:
        """The answer in words, from what the tools found, piece by piece."""
