"""Runs whose instance has died: found by a heartbeat that stopped, ended with an event.

Each instance keeps a key in Redis alive. A run that says it is running, on an instance without
such a key, will never end by itself: whichever instance sees that first ends it.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import asyncpg
import redis.asyncio as redis

from apex.backend.runs import Runs
from apex.shared.logs import fields
from apex.shared.stores import AWAY

log = logging.getLogger("apex.recovery")

BEATS_MISSED = 3

_ABANDONED = """
SELECT r.id, r.thread_id, r.agent, r.instance,
       coalesce((SELECT max(e.sequence) FROM run_events e WHERE e.run_id = r.id), 0) AS sequence
FROM runs r
WHERE r.status = 'running' AND r.instance <> $1 AND r.started_at < now() - $2 * interval '1 second'
"""


class Recovery:
    """The heartbeat of this instance, and its eye on the runs of others."""

    def __init__(
        self, database: asyncpg.Pool, cache: redis.Redis, runs: Runs, beat_seconds: float
    ) -> None:
        self._database = database
        self._cache = cache
        self._runs = runs
        self._beat_seconds = beat_seconds
        self._gone_after = BEATS_MISSED * beat_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._task = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """Stop beating; the key goes at once."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._cache.delete(_key(self._runs.instance))
        except AWAY:
            log.info("the key of this instance will lapse by itself")

    async def end_abandoned(self) -> int:
        """End the runs whose instance is gone; how many there were."""
        rows = await self._database.fetch(_ABANDONED, self._runs.instance, self._gone_after)
        ended = 0
        for row in rows:
            if not await self._cache.exists(_key(row["instance"])):
                ended += await self._end(row)
        return ended

    async def _beat(self) -> None:
        while True:
            try:
                milliseconds = int(1000 * self._gone_after)
                await self._cache.set(_key(self._runs.instance), "1", px=milliseconds)
                await self.end_abandoned()
            except AWAY as failure:
                log.warning("a store is away", exc_info=failure)
            await asyncio.sleep(self._beat_seconds)

    async def _end(self, row: Any) -> bool:
        # Of two instances that see it, one ends it.
        if not await self._runs.end(row["id"], "failed", None):
            return False
        event = {
            "type": "agent_failed",
            "run_id": str(row["id"]),
            "thread_id": str(row["thread_id"]),
            "sequence": row["sequence"] + 1,
            "timestamp": datetime.now(UTC).isoformat(),
            "agent": row["agent"],
            "code": "run_interrupted",
            "reason": "the service stopped before the run had ended",
        }
        await self._runs.record(row["id"], event)
        log.warning("ended an abandoned run", extra=fields(run_id=row["id"]))
        return True


def _key(instance: str) -> str:
    return f"instance:{instance}"
