"""A run of the agents: plan, call tools, answer; each step is an event."""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from apex.backend.agents import Agent
from apex.backend.model import Finding, Model, Plan, ToolCall
from apex.backend.runs import Event, Runs
from apex.backend.threads import Threads
from apex.backend.tools import Scope, Tools
from apex.shared.logs import fields

log = logging.getLogger("apex.pipeline")

Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True)
class Question:
    """What somebody asked, where, and whom."""

    owner_id: uuid.UUID
    thread_id: uuid.UUID
    message_id: uuid.UUID
    content: str
    agent: Agent
    run_id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def scope(self) -> Scope:
        return Scope(self.owner_id, self.thread_id, self.message_id)


@dataclass
class _Narrator:
    """Numbers, stores and hands out the events of one run."""

    question: Question
    runs: Runs
    emit: Emit
    sequence: int = 0

    async def tell(self, kind: str, **details: Any) -> None:
        self.sequence += 1
        event: Event = {
            "type": kind,
            "run_id": str(self.question.run_id),
            "thread_id": str(self.question.thread_id),
            "sequence": self.sequence,
            "timestamp": datetime.now(UTC).isoformat(),
            "agent": self.question.agent.name,
            **details,
        }
        await self.runs.record(self.question.run_id, event)
        await self.emit(event)


class Pipeline:
    """Runs questions; holds no state of its own between two."""

    def __init__(self, model: Model, tools: Tools, threads: Threads, runs: Runs) -> None:
        self._model = model
        self._tools = tools
        self._threads = threads
        self._runs = runs

    async def begin(self, question: Question) -> None:
        """Store the run, so that it can be found from now on."""
        await self._runs.begin(
            question.run_id, question.thread_id, question.owner_id, question.agent.name
        )

    async def answer(self, question: Question, emit: Emit) -> str | None:
        """Run a question that was begun; the answer, or None if the run failed."""
        narrator = _Narrator(question, self._runs, emit)
        try:
            return await self._answer(question, narrator)
        except Exception:
            log.exception("run failed", extra=fields(run_id=question.run_id))
            await self._runs.end(question.run_id, "failed", None)
            await narrator.tell("agent_failed", reason="the run could not be finished")
            return None

    async def _answer(self, question: Question, narrator: _Narrator) -> str:
        await narrator.tell("agent_started", question=question.content)
        plan = await self._plan(question)
        steps = [call.as_json() for call in plan.calls]
        await narrator.tell("agent_thinking", reasoning=plan.reasoning, plan=steps)
        findings = [await self._call(question, call, narrator) for call in plan.calls]
        answer = await self._model.answer(question.content, findings)
        await self._threads.add_message(question.thread_id, "assistant", answer, question.run_id)
        await self._runs.end(question.run_id, "completed", answer)
        used = [finding.call.tool for finding in findings]
        await narrator.tell("agent_completed", answer=answer, tools_used=used)
        return answer

    async def _plan(self, question: Question) -> Plan:
        vocabulary = await self._tools.vocabulary(question.owner_id)
        plan = await self._model.plan(question.content, vocabulary)
        allowed = tuple(call for call in plan.calls if call.tool in question.agent.tools)
        return Plan(plan.reasoning, allowed)

    async def _call(self, question: Question, call: ToolCall, narrator: _Narrator) -> Finding:
        await narrator.tell("tool_executing", **call.as_json())
        began = time.perf_counter()
        result = await self._tools.run(call, question.scope)
        took = round((time.perf_counter() - began) * 1000, 2)
        await narrator.tell("tool_completed", tool=call.tool, result=result, duration_ms=took)
        return Finding(call, result)
