"""Owners: the process that a side release lives for, known by pid and birth."""

import asyncio
import os
from dataclasses import dataclass
from typing import Self

from greenproof.adapters.platforms.local import processes

_POLL_S = 0.5
"""Where the kernel doesn't tell."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process."""

    pid: int
    born: str

    @classmethod
    def me(cls) -> Self:
        """The process that asks."""
        return cls(os.getpid(), processes.birth(os.getpid()) or "")

    @property
    def alive(self) -> bool:
        """Whether it is there, and still the same."""
        return processes.birth(self.pid) == self.born

    async def gone(self) -> None:
        """Return once it has ended, in whatever way; at once, where the kernel tells."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (OSError, AttributeError):
            while self.alive:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(_POLL_S)
            return
        try:
            # Opened first: from now on the number can't come to mean another process unnoticed.
            if self.alive:
                ended = asyncio.Event()
                loop = asyncio.get_running_loop()
                loop.add_reader(descriptor, ended.set)
                try:
                    await ended.wait()
                finally:
                    loop.remove_reader(descriptor)
        finally:
            os.close(descriptor)
