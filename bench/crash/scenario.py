"""What a seed decides: the change before the run, when the loop is killed, and what else happens to it."""

import random
from dataclasses import dataclass

from place import services_to_tag


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that is drawn from a seed."""

    seed: int
    change: str
    """`same`, `new`, or what spoils the release: `titles`, `bypass`, `dead`."""
    services: tuple[str, ...]
    """Those that get another revision."""
    kills: tuple[float, ...]
    """Seconds between the start of a process and its death, one for each process that is killed."""
    supervisor: frozenset[int]
    """Kills with which the supervisor of the environment is killed, too."""
    pauses: tuple[tuple[int, float, float], ...]
    """(number of the process, seconds after its start, seconds until `resume`)."""
    repeat_faults: bool

    @property
    def good(self) -> bool:
        """Whether the release does what it should."""
        return self.change in ("same", "new")


def scenario_of(seed: int, kills: int, latest_s: float) -> Scenario:
    """The same for the same arguments: about so many kills, each at most so many seconds after a process began."""
    draw = random.Random(seed)
    change = draw.choices(("same", "new", "titles", "bypass", "dead"), (20, 45, 15, 10, 10))[0]
    services = tuple(sorted(draw.sample(services_to_tag(), draw.choice((1, 1, 2, 4))))) if change != "same" else ()
    count = draw.randint(max(1, kills - 2), kills + 2)
    instants = tuple(round(draw.uniform(0.2, latest_s), 3) for _ in range(count))
    supervisor = frozenset(n for n in range(count) if draw.random() < 0.4) if draw.random() < 0.2 else frozenset()
    pauses: tuple[tuple[int, float, float], ...] = ()
    if draw.random() < 0.25:
        pauses = ((draw.randrange(count + 1), round(draw.uniform(0.5, 6), 2), round(draw.uniform(0.5, 4), 2)),)
    return Scenario(seed, change, services, instants, supervisor, pauses, draw.random() < 0.15)
