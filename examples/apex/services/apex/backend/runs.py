"""Runs of the agent pipeline and their events: stored, and published to whoever is listening."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import redis.asyncio as redis

from apex.shared.errors import not_found

LAST = frozenset({"agent_completed", "agent_failed"})
LONGEST_SILENCE = 30.0

Event = dict[str, Any]


class Runs:
    """The tables of runs and events, and the channel of each run in Redis."""

    def __init__(self, database: asyncpg.Pool, cache: redis.Redis) -> None:
        self._database = database
        self._cache = cache

    async def begin(
        self, run_id: uuid.UUID, thread_id: uuid.UUID, owner_id: uuid.UUID, agent: str
    ) -> None:
        """Store a run that starts now."""
        await self._database.execute(
            "INSERT INTO runs (id, thread_id, owner_id, agent, status) "
            "VALUES ($1, $2, $3, $4, 'running')",
            run_id,
            thread_id,
            owner_id,
            agent,
        )

    async def record(self, run_id: uuid.UUID, event: Event) -> None:
        """Store an event, then tell it: who listens late finds it stored."""
        text = json.dumps(event)
        await self._database.execute(
            "INSERT INTO run_events (run_id, sequence, event) VALUES ($1, $2, $3)",
            run_id,
            event["sequence"],
            text,
        )
        await self._cache.publish(_channel(run_id), text)

    async def end(self, run_id: uuid.UUID, status: str, answer: str | None) -> None:
        """Store how the run ended."""
        await self._database.execute(
            "UPDATE runs SET status = $2, answer = $3, finished_at = now() WHERE id = $1",
            run_id,
            status,
            answer,
        )

    async def find(self, owner_id: uuid.UUID, run_id: uuid.UUID) -> dict[str, Any]:
        """A run with its events so far, or 404, also when it is somebody else's."""
        row = await self._database.fetchrow(
            "SELECT * FROM runs WHERE owner_id = $1 AND id = $2", owner_id, run_id
        )
        if row is None:
            raise not_found("run")
        return {
            "id": str(row["id"]),
            "thread_id": str(row["thread_id"]),
            "agent": row["agent"],
            "status": row["status"],
            "answer": row["answer"],
            "events": await self._stored(run_id),
        }

    async def follow(self, run_id: uuid.UUID) -> AsyncIterator[Event]:
        """The events of a run, those of the past first, until the last or a long silence."""
        async with self._cache.pubsub() as channel:
            # Listening before reading, so that nothing falls between the two.
            await channel.subscribe(_channel(run_id))
            seen = 0
            for event in await self._stored(run_id):
                seen = event["sequence"]
                yield event
                if event["type"] in LAST:
                    return
            while published := await _next_of(channel):
                if published["sequence"] <= seen:
                    continue
                yield published
                if published["type"] in LAST:
                    return

    async def _stored(self, run_id: uuid.UUID) -> list[Event]:
        rows = await self._database.fetch(
            "SELECT event FROM run_events WHERE run_id = $1 ORDER BY sequence", run_id
        )
        return [json.loads(row["event"]) for row in rows]


async def _next_of(channel: Any) -> Event | None:
    waited = 0.0
    while waited < LONGEST_SILENCE:
        message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
        if message is not None:
            event: Event = json.loads(message["data"])
            return event
        waited += 1.0
    return None


def _channel(run_id: uuid.UUID) -> str:
    return f"run:{run_id}"
