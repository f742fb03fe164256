"""The registry: what was started, so that a successor finds what a killed supervisor left."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from greenproof.adapters.platforms.local import processes
from greenproof.adapters.platforms.local.layout import Layout, read_json, write_json


@dataclass(frozen=True, slots=True)
class Entry:
    """One started process, known by pid and birth."""

    role: str
    pid: int
    born: str
    folder: str | None = None
    """The data folder of a server, whose processes all work in it."""


class Registry:
    """A file that is written before anybody relies on a process, and after it is gone."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.registry
        self._entries: dict[int, Entry] = {}

    def add(self, started: processes.Started, folder: Path | None = None) -> None:
        """Remember a process."""
        if started.born is not None:
            entry = Entry(started.role, started.pid, started.born, str(folder) if folder else None)
            self._entries[started.pid] = entry
            self._save()

    def remove(self, pid: int) -> None:
        """Forget a process that is gone."""
        if self._entries.pop(pid, None) is not None:
            self._save()

    def pids(self) -> set[int]:
        """Processes that somebody waits for."""
        return set(self._entries)

    def _save(self) -> None:
        write_json(self._path, [asdict(entry) for entry in self._entries.values()])


def read_entries(layout: Layout) -> list[Entry]:
    """What the last supervisor had started and not seen to be gone."""
    found = read_json(layout.registry)
    if not isinstance(found, list):
        return []
    return [Entry(**value) for value in found]


def leftovers(layout: Layout) -> dict[int, str]:
    """Pid and birth of everything that an earlier supervisor left; nothing else, ever.

    Found by pid and birth in the registry (with descendants), by the environment's marker, and
    for servers, which overwrite their own environment, by the data folder that they work in.
    """
    found: set[int] = set()
    for entry in read_entries(layout):
        if processes.birth(entry.pid) == entry.born:
            found |= processes.descendants(entry.pid)
        if entry.folder is not None:
            found |= processes.working_in(Path(entry.folder))
    found |= processes.marked(processes.MARKER, layout.environment_id())
    found -= {os.getpid(), os.getppid()}
    return {pid: born for pid in found if (born := processes.birth(pid)) is not None}


def clear(layout: Layout, grace: float = 3.0) -> int:
    """End what an earlier supervisor left; returns how many processes that were.

    Call only while the supervisor's lock is held.
    """
    found = leftovers(layout)
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 5.0)):
        kill_same(found, number)
        deadline = time.monotonic() + patience
        # Polls: the kernel tells the end of a process only to its parent, which is gone.
        while alive(found) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not alive(found):
            break
    # What a dying process started meanwhile.
    kill_same(leftovers(layout), signal.SIGKILL)
    layout.registry.unlink(missing_ok=True)
    layout.supervisor.unlink(missing_ok=True)
    return len(found)


def alive(births: Mapping[int, str]) -> bool:
    """Whether any of these still runs."""
    return any(processes.birth(pid) == born for pid, born in births.items())


def kill_same(births: Mapping[int, str], number: signal.Signals) -> None:
    """Signal those that are still the same process."""
    processes.kill([pid for pid, born in births.items() if processes.birth(pid) == born], number)
