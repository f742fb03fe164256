"""Runs of the agent pipeline and their events: stored, and published to whoever is listening.

Events travel through Redis, so it does not matter which instance runs and which one listens.
"""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import redis.asyncio as redis

from apex.shared.errors import not_found

LAST = frozenset({"agent_completed", "agent_failed"})
LONGEST_SILENCE = 30.0

Event = dict[str, Any]

_APPEND = """
INSERT INTO run_events (run_id, sequence, event) VALUES ($1, $2, $3)
"""


class Runs:
    """The tables of runs and events, and the channels of runs and threads in Redis."""

    def __init__(self, database: asyncpg.Pool, cache: redis.Redis) -> None:
        self._database = database
        self._cache = cache
        self.instance = uuid.uuid4().hex

    async def begin(
        self, run_id: uuid.UUID, thread_id: uuid.UUID, owner_id: uuid.UUID, agent: str
    ) -> None:
        """Store a run that starts now, here."""
        await self._database.execute(
            "INSERT INTO runs (id, thread_id, owner_id, agent, status, instance) "
            "VALUES ($1, $2, $3, $4, 'running', $5)",
            run_id,
            thread_id,
            owner_id,
            agent,
            self.instance,
        )

    async def record(self, run_id: uuid.UUID, event: Event) -> None:
        """Store an event, then tell it: who listens late finds it stored."""
        text = json.dumps(event)
        await self._database.execute(_APPEND, run_id, event["sequence"], text)
        async with self._cache.pipeline(transaction=False) as steps:
            steps.publish(_run_channel(run_id), text)
            steps.publish(_thread_channel(uuid.UUID(event["thread_id"])), text)
            await steps.execute()

    async def end(self, run_id: uuid.UUID, status: str, answer: str | None) -> bool:
        """Store how the run ended; False if it had ended before."""
        done = await self._database.execute(
            "UPDATE runs SET status = $2, answer = $3, finished_at = now() "
            "WHERE id = $1 AND status = 'running'",
            run_id,
            status,
            answer,
        )
        return bool(done == "UPDATE 1")

    async def find(self, owner_id: uuid.UUID, run_id: uuid.UUID) -> dict[str, Any]:
        """A run with its events so far, or 404, also when it is somebody else's."""
        row = await self._database.fetchrow(
            "SELECT * FROM runs WHERE owner_id = $1 AND id = $2", owner_id, run_id
        )
        if row is None:
            raise not_found("run")
        return {**_run(row), "events": await self._stored(run_id)}

    async def of_thread(self, thread_id: uuid.UUID) -> list[dict[str, Any]]:
        """The runs of a thread whose owner was checked before, the oldest first."""
        rows = await self._database.fetch(
            "SELECT * FROM runs WHERE thread_id = $1 ORDER BY started_at, id", thread_id
        )
        return [_run(row) for row in rows]

    async def follow(self, run_id: uuid.UUID, after: int = 0) -> AsyncIterator[Event]:
        """The events with larger numbers, until the last or a long silence. None comes twice."""
        # Listening before reading, so that nothing falls between the two.
        async with self._listen(_run_channel(run_id)) as published:
            seen = after
            for event in await self._stored(run_id):
                if event["sequence"] > seen:
                    seen = event["sequence"]
                    yield event
                if event["type"] in LAST:
                    return
            async for event in published:
                if event["sequence"] > seen:
                    seen = event["sequence"]
                    yield event
                    if event["type"] in LAST:
                        return

    @asynccontextmanager
    async def watch(self, thread_id: uuid.UUID) -> AsyncIterator[AsyncIterator[Event]]:
        """The events of all runs of a thread, from now on, for as long as somebody wants them."""
        async with self._listen(_thread_channel(thread_id), float("inf")) as published:
            yield published

    async def _stored(self, run_id: uuid.UUID) -> list[Event]:
        rows = await self._database.fetch(
            "SELECT event FROM run_events WHERE run_id = $1 ORDER BY sequence", run_id
        )
        return [json.loads(row["event"]) for row in rows]

    @asynccontextmanager
    async def _listen(
        self, name: str, longest_silence: float = LONGEST_SILENCE
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with self._cache.pubsub() as channel:
            await channel.subscribe(name)
            # Redis confirms: whatever is published from now on is heard.
            await channel.get_message(timeout=5.0)
            yield _messages(channel, longest_silence)


async def _messages(channel: Any, longest_silence: float) -> AsyncIterator[Event]:
    silence = 0.0
    while silence < longest_silence:
        message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
        silence = 0.0 if message else silence + 1.0
        if message:
            yield json.loads(message["data"])


def _run(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "thread_id": str(row["thread_id"]),
        "agent": row["agent"],
        "status": row["status"],
        "answer": row["answer"],
        "started_at": row["started_at"].isoformat(),
        "finished_at": row["finished_at"].isoformat() if row["finished_at"] else None,
    }


def _run_channel(run_id: uuid.UUID) -> str:
    return f"run:{run_id}"


def _thread_channel(thread_id: uuid.UUID) -> str:
    return f"thread:{thread_id}"
