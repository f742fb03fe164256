"""A run of the agents: plan, call tools, answer; each step is an event."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from apex.backend.agents import Agent
from apex.backend.analytics import Analytics
from apex.backend.model import Finding, Model, Plan, ToolCall
from apex.backend.runs import Event, Runs
from apex.backend.threads import Threads
from apex.backend.tools import Scope, Tools
from apex.shared.errors import ApiError
from apex.shared.logs import fields
from apex.shared.usage import UsageEvent

log = logging.getLogger("apex.pipeline")

Emit = Callable[[Event], Awaitable[None]]

LONGEST_RUN = 60.0
# What a run itself uses is written down like any other usage.
AGENTS, CALLS = "agents", "tool-calls"


@dataclass(frozen=True)
class Question:
    """What somebody asked, where, and whom."""

    owner_id: uuid.UUID
    thread_id: uuid.UUID
    message_id: uuid.UUID
    content: str
    agent: Agent
    stream: bool = False
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
        event = self._event(kind, sequence=self.sequence, **details)
        await self.runs.record(self.question.run_id, event)
        await self.emit(event)

    async def whisper(self, index: int, text: str) -> None:
        """A piece of the answer, for who asked for pieces. The last event has all of it."""
        if self.question.stream:
            await self.emit(self._event("answer_chunk", index=index, text=text))

    def _event(self, kind: str, **details: Any) -> Event:
        return {
            "type": kind,
            "run_id": str(self.question.run_id),
            "thread_id": str(self.question.thread_id),
            "timestamp": datetime.now(UTC).isoformat(),
            "agent": self.question.agent.name,
            **details,
        }


class Pipeline:
    """Runs questions; holds no state of its own between two."""

    def __init__(
        self, model: Model, tools: Tools, threads: Threads, runs: Runs, analytics: Analytics
    ) -> None:
        self._model = model
        self._tools = tools
        self._threads = threads
        self._runs = runs
        self._analytics = analytics

    async def begin(self, question: Question) -> None:
        """Store the run, so that it can be found from now on."""
        await self._runs.begin(
            question.run_id, question.thread_id, question.owner_id, question.agent.name
        )

    async def answer(self, question: Question, emit: Emit) -> str | None:
        """Run a question that was begun; the answer, or None if the run failed."""
        narrator = _Narrator(question, self._runs, emit)
        try:
            async with asyncio.timeout(LONGEST_RUN):
                return await self._answer(question, narrator)
        except asyncio.CancelledError:
            await self._fail(narrator, "run_interrupted", "the service is stopping")
            raise
        except ApiError as failure:
            await self._fail(narrator, failure.code, failure.message)
        except TimeoutError:
            await self._fail(narrator, "run_too_long", f"{LONGEST_RUN:.0f} s are the most")
        except Exception:
            log.exception("run failed", extra=fields(run_id=question.run_id))
            await self._fail(narrator, "internal_error", "the run could not be finished")
        return None

    async def _fail(self, narrator: _Narrator, code: str, reason: str) -> None:
        if await self._runs.end(narrator.question.run_id, "failed", None):
            await narrator.tell("agent_failed", code=code, reason=reason)

    async def _answer(self, question: Question, narrator: _Narrator) -> str:
        await narrator.tell("agent_started", question=question.content)
        plan = await self._plan(question)
        steps = [call.as_json() for call in plan.calls]
        await narrator.tell("agent_thinking", reasoning=plan.reasoning, plan=steps)
        findings = [await self._call(question, call, narrator) for call in plan.calls]
        answer = await self._word(question, findings, narrator)
        await self._threads.add_message(question.thread_id, "assistant", answer, question.run_id)
        await self._write_down(question, len(findings))
        await self._runs.end(question.run_id, "completed", answer)
        used = [finding.call.tool for finding in findings]
        await narrator.tell("agent_completed", answer=answer, tools_used=used)
        return answer

    async def _word(self, question: Question, findings: list[Finding], narrator: _Narrator) -> str:
        pieces: list[str] = []
        async for piece in self._model.answer(question.content, findings):
            await narrator.whisper(len(pieces), piece)
            pieces.append(piece)
        return "".join(pieces)

    async def _write_down(self, question: Question, calls: int) -> None:
        used = UsageEvent(
            service=AGENTS, metric=CALLS, amount=Decimal(calls), occurred_on=date.today()
        )
        try:
            await self._analytics.store(question.owner_id, [used])
        except ApiError as failure:
            # The answer is there; it is not lost for a missing entry in the books.
            log.warning("usage was not written down", exc_info=failure)

    async def _plan(self, question: Question) -> Plan:
        vocabulary = await self._tools.vocabulary(question.owner_id)
        plan = await self._model.plan(question.content, vocabulary)
        allowed = tuple(call for call in plan.calls if question.agent.may_call(call.tool))
        return Plan(plan.reasoning, allowed)

    async def _call(self, question: Question, call: ToolCall, narrator: _Narrator) -> Finding:
        await narrator.tell("tool_executing", **call.as_json())
        began = time.perf_counter()
        result = await self._tools.run(call, question.scope)
        took = round((time.perf_counter() - began) * 1000, 2)
        await narrator.tell("tool_completed", tool=call.tool, result=result, duration_ms=took)
        return Finding(call, result)
