"""Sending a message: store it, run the agents, hand out their events."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

from apex.backend.agents import SUPERVISOR, find_agent
from apex.backend.limits import MESSAGES, Limits
from apex.backend.pipeline import Emit, Pipeline, Question
from apex.backend.runs import Event
from apex.backend.threads import Threads
from apex.shared.tokens import Caller


class Chat:
    """What the HTTP routes and the WebSocket share."""

    def __init__(self, threads: Threads, pipeline: Pipeline, limits: Limits) -> None:
        self._threads = threads
        self._pipeline = pipeline
        self._limits = limits
        # asyncio keeps only weak references to tasks.
        self._under_way: set[asyncio.Task[str | None]] = set()

    async def ask(
        self,
        caller: Caller,
        thread_id: uuid.UUID,
        content: str,
        agent: str = SUPERVISOR,
        stream: bool = False,
    ) -> tuple[dict[str, Any], Question]:
        """Store the message and begin its run.

        404 for an unknown thread or agent, 429 if the caller asks too often.
        """
        await self._limits.take(MESSAGES, caller.user_id)
        chosen = find_agent(agent)
        await self._threads.find(caller.user_id, thread_id)
        message = await self._threads.add_message(thread_id, "user", content, None)
        question = Question(
            caller.user_id, thread_id, uuid.UUID(message["id"]), content, chosen, stream
        )
        await self._pipeline.begin(question)
        return message, question

    async def answer(self, question: Question, emit: Emit) -> str | None:
        """Run the agents, telling each event to `emit`. Who stops waiting does not stop the run."""
        return await asyncio.shield(self._start(question, emit))

    def answer_later(self, question: Question) -> None:
        """Run the agents in the background; the events are stored and published."""

        async def nobody(event: Event) -> None:
            return None

        self._start(question, nobody)

    async def stream(self, question: Question) -> AsyncIterator[Event]:
        """Run the agents; the events and the pieces of the answer as they come."""
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        run = self._start(question, events.put)
        run.add_done_callback(lambda _: events.put_nowait(None))
        while (event := await events.get()) is not None:
            yield event

    async def close(self) -> None:
        """End the runs that are under way; each is told to have failed."""
        runs = list(self._under_way)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    def _start(self, question: Question, emit: Emit) -> asyncio.Task[str | None]:
        run = asyncio.create_task(self._pipeline.answer(question, emit))
        self._under_way.add(run)
        run.add_done_callback(self._under_way.discard)
        return run
