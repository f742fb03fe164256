"""The simplest probe: does a connection open?"""

import asyncio
import time
from datetime import UTC, datetime

from greenproof.model.facts import Reading


async def read(service: str, host: str, port: int, timeout: float = 5.0) -> Reading:
    """`alive`, `refused` or `timeout`. An open port proves nothing about who listens."""
    started = time.monotonic()
    state, detail = "alive", f"{host}:{port} accepts connections"
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except TimeoutError:
        state, detail = "timeout", f"{host}:{port} did not accept within {timeout:g} s"
    except OSError as error:
        state, detail = "refused", f"{host}:{port}: {error.strerror or error}"
    latency = round((time.monotonic() - started) * 1000, 3)
    at = datetime.now(UTC).isoformat()
    return Reading(service, "tcp", at, state == "alive", state, None, latency, detail)
