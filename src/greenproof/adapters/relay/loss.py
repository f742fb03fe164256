"""A target that stopped answering: noticed when connecting fails, confirmed by direct tries."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from greenproof.adapters.relay.targets import Origin
from greenproof.model.facts import LostTarget

_PAUSE_S = 0.2


class LossWatch:
    """Confirms, once for each target, that nobody listens there any more."""

    def __init__(self, grace_s: float, lost: Callable[[LostTarget], None]) -> None:
        self.grace_s = grace_s
        self.lost = lost
        self.found: dict[str, LostTarget] = {}
        self._confirming: dict[str, asyncio.Task[None]] = {}

    @property
    def stop(self) -> str | None:
        """What the plugin is told, if a target is lost."""
        name = next(iter(self.found), None)
        return None if name is None else f"target-lost: {name}"

    def suspect(self, name: str, origin: Origin, detail: str) -> None:
        """Connecting to the target failed: try directly until the grace is over."""
        if name in self.found or name in self._confirming:
            return
        at_ns = time.monotonic_ns()
        task = asyncio.get_running_loop().create_task(self._confirm(name, origin, at_ns, detail[:200]))
        self._confirming[name] = task
        task.add_done_callback(lambda done: self._settled(name, done))

    def _settled(self, name: str, done: asyncio.Task[None]) -> None:
        if self._confirming.get(name) is done:
            del self._confirming[name]

    async def settle(self) -> None:
        """Wait until every suspicion is confirmed or gone; at most the grace and one try."""
        pending = list(self._confirming.values())
        if pending:
            await asyncio.wait(pending, timeout=2 * self.grace_s + 1)

    def forget(self) -> None:
        """A new run: everything is open again."""
        for task in list(self._confirming.values()):
            task.cancel()
        self._confirming.clear()
        self.found.clear()

    async def _confirm(self, name: str, origin: Origin, at_ns: int, detail: str) -> None:
        deadline = time.monotonic() + self.grace_s
        while True:
            if await _answers(origin, max(self.grace_s, 0.2)):
                return
            if time.monotonic() >= deadline:
                break
            await asyncio.sleep(min(_PAUSE_S, self.grace_s))
        self.found[name] = LostTarget(name, at_ns, detail)
        self.lost(self.found[name])


async def _answers(origin: Origin, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(origin.host, origin.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
