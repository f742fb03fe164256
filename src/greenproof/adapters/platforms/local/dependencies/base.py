"""What a dependency is to the supervisor."""

from collections.abc import Mapping
from typing import Protocol

from greenproof.adapters.platforms.base import DependencyStatus
from greenproof.model.facts import Reading


class Server(Protocol):
    """A backing store: started with its data of last time, on loopback, behind a password."""

    async def start(self) -> None:
        """Start it and wait until it answers. Raises ServiceFailed or PlatformError."""

    async def stop(self) -> None:
        """Stop it in order, by force if need be."""

    @property
    def alive(self) -> bool:
        """Whether its process runs."""

    async def reading(self, timeout: float) -> Reading:
        """Log in and ask."""

    def values(self) -> Mapping[str, str]:
        """What `{NAME.url}`, `{NAME.port}` ... stand for."""

    async def schema(self, *, settled: bool = False) -> Mapping[str, str] | None:
        """The schema as lines by name, None for a store without one; `settled`: after whoever changes it just now.

        Raises PlatformError.
        """

    async def contents(self) -> Mapping[str, str]:
        """Digests of what it holds, by table or the like. Raises PlatformError."""

    def status(self) -> DependencyStatus:
        """For people; without the password."""
