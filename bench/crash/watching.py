"""What can be seen from outside without asking the loop: ledger, spools, the platform's book, processes."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from place import MARK, Place

from greenproof.adapters.platforms.local.processes import birth
from greenproof.ledger import Entry, Ledger

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Book:
    """What the platform remembers of what was done to it."""

    current: str | None
    switches: int
    keys: tuple[tuple[str, str], ...]
    """(key, command), also those that are there twice."""
    good: tuple[tuple[str, str], ...]
    """(release, run)."""


def book_of(place: Place) -> Book:
    """From its file."""
    path = place.environment / "releases" / "state.json"
    if not path.exists():
        return Book(None, 0, (), ())
    found = json.loads(path.read_text("utf-8"))
    keys = tuple((effect["key"], effect["command"]) for effect in found["effects"])
    good = tuple((one["release"], one["run"]) for one in found["good"])
    return Book(found["current"], found["switches"], keys, good)


def entries_of(place: Place, after: int = 0) -> list[Entry]:
    """Of the ledger, later than a number."""
    if not place.ledger.exists():
        return []
    with Ledger.open(place.ledger, create=False) as ledger:
        return list(ledger.entries(after=after))


def spooled(place: Place) -> set[tuple[str, str]]:
    """Cases that are in a spool, and so finished: (run of the command within the turn, case)."""
    found = set()
    for path in sorted((place.state / "runs" / "local").glob("*/*/*.jsonl")):
        name = path.name.partition(".")[0]
        for line in path.read_bytes().split(b"\n"):
            try:
                news = json.loads(line)
            except ValueError:
                continue
            found |= {
                (name.partition("-")[0] if name.startswith("plain") else name, case["id"])
                for case in news.get("cases", ())
            }
    return found


def supervisor_of(place: Place) -> psutil.Process | None:
    """The process that owns the environment, by pid and birth."""
    try:
        found = json.loads((place.environment / "supervisor.json").read_text("utf-8"))
        if birth(found["pid"]) == found["born"]:
            return psutil.Process(found["pid"])
    except (OSError, ValueError, psutil.Error):
        pass
    return None


def ours(place: Place) -> dict[int, tuple[str, str]]:
    """Every process of this place: pid to (birth, command line)."""
    identity = place.environment / "id"
    environment = identity.read_text("utf-8").strip() if identity.exists() else "?"
    found = {}
    for process in psutil.process_iter():
        try:
            if process.pid != psutil.Process().pid and _belongs(process, place.folder, environment):
                found[process.pid] = (birth(process.pid) or "", " ".join(process.cmdline())[:200])
        except (psutil.Error, OSError):
            continue
    return {pid: one for pid, one in found.items() if one[0]}


def _belongs(process: psutil.Process, folder: Path, environment: str) -> bool:
    variables = process.environ()
    if variables.get(MARK) == str(folder) or variables.get("GREENPROOF_ENVIRONMENT_ID") == environment:
        return True
    return Path(process.cwd()).is_relative_to(folder)


def orphans_of(place: Place) -> list[str]:
    """Processes of this place that are not the supervisor's own family, after a moment in which they may still end."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        found = ours(place)
        supervisor = supervisor_of(place)
        family = {supervisor.pid, *(one.pid for one in supervisor.children(recursive=True))} if supervisor else set()
        rest = [f"{pid} {line}" for pid, (_, line) in found.items() if pid not in family]
        if not rest or time.monotonic() > deadline:
            return rest
        time.sleep(0.1)


def body(entry: Entry) -> Mapping[str, Any]:
    """What an entry says."""
    return entry.body


def of_kind(entries: list[Entry], kind: str) -> Iterator[Entry]:
    """Entries of one kind."""
    return (entry for entry in entries if entry.kind == kind)
