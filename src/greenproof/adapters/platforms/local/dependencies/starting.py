"""Wait until a started server answers, or say why it does not; the same for every kind of dependency."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from greenproof.adapters.logs.files import quoted
from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.adapters.platforms.local.output import Capture
from greenproof.adapters.platforms.local.processes import Started
from greenproof.model.facts import Reading

_PAUSE_S = 0.04


@dataclass(frozen=True, slots=True)
class Start:
    """A server that was started and is to be waited for."""

    product: str
    """Its name for people."""
    started: Started
    capture: Capture | None
    log: Path
    expected: str
    hopeless: str
    """The state of a reading after which waiting is in vain."""
    within: float
    """Seconds."""


async def await_ready(start: Start, read: Callable[[], Awaitable[Reading]]) -> None:
    """Return when a reading is good. Raises ServiceFailed with the end of the server's log."""
    deadline = time.monotonic() + start.within
    while not (reading := await read()).ok:
        if not start.started.alive or reading.state == start.hopeless or time.monotonic() > deadline:
            raise await _failure(start, reading)
        await asyncio.wait([start.started.ended], timeout=_PAUSE_S)


async def _failure(start: Start, reading: Reading) -> ServiceFailed:
    if start.capture is not None:
        await start.capture.drained()
    ended = "" if start.started.alive else f", {start.started.manner_of_end()}"
    return ServiceFailed(
        f"{start.product} did not start: {reading.detail}{ended}",
        code="dependency-failed",
        where=str(start.log),
        expected=start.expected,
        log=quoted(start.log),
    )
