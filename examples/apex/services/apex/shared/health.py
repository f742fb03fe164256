"""`/health` (alive), `/health/ready` (each dependency, measured) and `/version` (identity)."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

Ping = Callable[[], Awaitable[None]]
LONGEST_CHECK = 4.0


@dataclass(frozen=True)
class Reading:
    """One look at one dependency."""

    name: str
    ok: bool
    latency_ms: float
    detail: str = ""
    needed: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            "state": "ok" if self.ok else "failed",
            "latency_ms": self.latency_ms,
            "needed": self.needed,
            "detail": self.detail,
        }


async def read(name: str, ping: Ping, needed: bool = True) -> Reading:
    """Look at a dependency once, for at most four seconds."""
    began = time.perf_counter()
    detail = ""
    try:
        await asyncio.wait_for(ping(), LONGEST_CHECK)
    except Exception as failure:
        detail = f"{type(failure).__name__}: {failure}"
    latency = round((time.perf_counter() - began) * 1000, 2)
    return Reading(name, not detail, latency, detail, needed)


def health_routes(
    service: str, pings: Callable[[], dict[str, Ping]], optional: frozenset[str] = frozenset()
) -> APIRouter:
    """The routes that say how this service is; what is `optional` is measured, and may be away."""
    router = APIRouter()

    @router.get("/health")
    async def alive() -> dict[str, str]:
        return {"service": service, "status": "alive"}

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        readings = await asyncio.gather(
            *(read(name, ping, name not in optional) for name, ping in pings().items())
        )
        good = all(reading.ok for reading in readings if reading.needed)
        body = {
            "service": service,
            "status": "ready" if good else "not_ready",
            "dependencies": {reading.name: reading.as_json() for reading in readings},
        }
        return JSONResponse(body, 200 if good else 503)

    @router.get("/version")
    async def version() -> dict[str, str]:
        return {"service": service, "revision": os.environ.get("GREENPROOF_REVISION", "")}

    return router
