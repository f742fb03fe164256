"""The narrow port through which a run becomes durable; `adapters.durability` has the engine behind it."""

from collections.abc import Callable
from typing import Any, Protocol

type Json = Any
"""What JSON knows, and nothing else."""
type Act = Callable[[], Json]
type Step = Callable[[str, Act], Json]
"""Takes a step of this name, or returns what it returned when it was taken."""
type Body = Callable[[Step], Json]
"""The order of the steps. It must do nothing else, and come to the same steps if the same steps return the same."""


class Durable(Protocol):
    """Runs of one environment that survive their process."""

    def unfinished(self) -> tuple[str, ...]:
        """Ids of the runs that have not come to their end, the oldest first."""

    def run(self, run: str, body: Body) -> Json:
        """Begin a run, or go on with it, to its end. Whatever a step raises is raised here, and ends nothing."""

    def abandon(self, run: str) -> None:
        """This run will not be taken up again."""
