"""PostgreSQL and Redis: opened at start-up, checked by readiness, closed at the end."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import redis.asyncio as redis
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from apex.shared.errors import envelope
from apex.shared.settings import StoreSettings

log = logging.getLogger("apex.stores")

# What is raised while a store is away. A missing table or a wrong statement is not among them.
AWAY: tuple[type[Exception], ...] = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    redis.ConnectionError,
    redis.TimeoutError,
)


@dataclass(frozen=True)
class Stores:
    """The connections of one process."""

    database: asyncpg.Pool
    cache: redis.Redis

    async def ping_database(self) -> None:
        await self.database.fetchval("SELECT 1", timeout=3)

    async def ping_cache(self) -> None:
        await self.cache.ping()


@asynccontextmanager
async def open_stores(settings: StoreSettings) -> AsyncIterator[Stores]:
    """Open both, and close them at the end."""
    async with (
        open_database(settings.database_url) as database,
        open_cache(settings.redis_url) as cache,
    ):
        yield Stores(database, cache)


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[asyncpg.Pool]:
    """PostgreSQL alone.

    The pool starts empty and makes a new connection whenever one has died, so a store that is
    away at start-up or restarts later shows in readiness and heals by itself.
    """
    database = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=10,
        max_inactive_connection_lifetime=60,
        timeout=5,
        command_timeout=10,
    )
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_cache(redis_url: str) -> AsyncIterator[redis.Redis]:
    """Redis alone; it reconnects by itself."""
    cache = redis.Redis.from_url(
        redis_url,
        decode_responses=True,
        socket_connect_timeout=3,
        socket_timeout=5,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
        health_check_interval=15,
    )
    try:
        yield cache
    finally:
        await cache.aclose()


def answer_while_stores_are_away(app: FastAPI) -> None:
    """503 with an envelope when a request finds a store away; the next one may find it back."""
    for failure in AWAY:
        app.add_exception_handler(failure, _away)


async def _away(request: Request, failure: Exception) -> JSONResponse:
    log.warning("a store is away", exc_info=failure)
    return JSONResponse(envelope("store_unavailable", "a store did not answer"), 503)
