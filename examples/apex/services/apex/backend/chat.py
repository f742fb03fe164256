"""Sending a message: store it, run the agents, hand out their events."""

import asyncio
import uuid
from typing import Any

from apex.backend.agents import SUPERVISOR, find_agent
from apex.backend.pipeline import Emit, Pipeline, Question
from apex.backend.runs import Event
from apex.backend.threads import Threads
from apex.shared.tokens import Caller


class Chat:
    """What the HTTP route and the WebSocket share."""

    def __init__(self, threads: Threads, pipeline: Pipeline) -> None:
        self._threads = threads
        self._pipeline = pipeline
        # asyncio keeps only weak references to tasks.
        self._background: set[asyncio.Task[str | None]] = set()

    async def ask(
        self, caller: Caller, thread_id: uuid.UUID, content: str, agent: str = SUPERVISOR
    ) -> tuple[dict[str, Any], Question]:
        """Store the message and begin its run; 404 for an unknown thread or agent."""
        chosen = find_agent(agent)
        await self._threads.find(caller.user_id, thread_id)
        message = await self._threads.add_message(thread_id, "user", content, None)
        question = Question(caller.user_id, thread_id, uuid.UUID(message["id"]), content, chosen)
        await self._pipeline.begin(question)
        return message, question

    async def answer(self, question: Question, emit: Emit) -> str | None:
        """Run the agents now, telling each event to `emit`."""
        return await self._pipeline.answer(question, emit)

    def answer_later(self, question: Question) -> None:
        """Run the agents in the background; the events are stored and published."""

        async def nobody(event: Event) -> None:
            return None

        task = asyncio.create_task(self._pipeline.answer(question, nobody))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
