"""What a run keeps on disk between its steps and within them, so that a killed one goes on where it was."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from greenproof.adapters.runners.command import CommandResult
from greenproof.loop.merging import merge
from greenproof.loop.spool import read_spool
from greenproof.model.encoding import fields_of, read
from greenproof.model.errors import CutOffError, PlaceError
from greenproof.model.facts import CaseRecord, FaultKind, RunObservation

MOST_ATTEMPTS = 200
"""Times that one run of the command may be cut off and taken up again."""

_MARKS = "marks"

type Seen = tuple[RunObservation, CommandResult]
type Make = Callable[[Sequence[str] | None, Path | None], Seen]
"""Runs the command over some cases (None: all), with a spool."""


class Keeper(Protocol):
    """Who keeps what was seen of the runs of a suite."""

    def seen(self, name: str, fault: FaultKind | None, wanted: Sequence[str] | None, make: Make) -> Seen:
        """The facts of a run of the command, made now or kept from before."""

    def value[T](self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """A value, made now or kept from before."""

    def mark(self, control: str) -> None:
        """Processes that carry this mark are started from now on."""


class NothingKept:
    """Keeps nothing: whoever is killed starts again."""

    def seen(self, name: str, fault: FaultKind | None, wanted: Sequence[str] | None, make: Make) -> Seen:
        """Made now."""
        return make(wanted, None)

    def value[T](self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """Made now."""
        return make()

    def mark(self, control: str) -> None:
        """Nobody will look for them."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A run of the command that came to its end."""

    observation: RunObservation
    result: CommandResult


@dataclass(frozen=True, slots=True)
class Kept:
    """Files of one cycle of one run."""

    folder: Path
    taken_over: Callable[[str | None, tuple[CaseRecord, ...]], None] = lambda fault, cases: None
    """Told of cases that finished before this process began."""

    def seen(self, name: str, fault: FaultKind | None, wanted: Sequence[str] | None, make: Make) -> Seen:
        """The facts of a run of the command: those of the cases that finished before it was cut off, and of the rest.

        A run that came to its end is not made again. Raises CutOffError after too many attempts, and OSError.
        """
        whole = self._load(f"{name}.json", _Whole)
        if whole is not None:
            return whole.observation, whole.result
        spools = sorted(self.folder.glob(f"{name}.*.jsonl"), key=lambda path: int(path.suffixes[-2][1:]))
        before = [found for path in spools if (found := read_spool(path, fault)) is not None]
        done = {case.id: None for found in before for case in found.cases}
        if before:
            self.taken_over(fault.value if fault else None, tuple(case for found in before for case in found.cases))
        if len(spools) >= MOST_ATTEMPTS:
            raise CutOffError(
                f"this run was cut off {len(spools)} times and makes no progress",
                code="cut-off-again",
                where=str(self.folder),
                expected="a run that comes to its end",
                hint="`greenproof loop --new` begins another one",
            )
        rest = None if wanted is None else [case for case in wanted if case not in done]
        if wanted is None and before:
            rest = [case for case in before[-1].collected if case not in done]
        self.folder.mkdir(parents=True, exist_ok=True)
        if rest or not before:
            observation, result = make(rest, self.folder / f"{name}.{len(spools) + 1}.jsonl")
        else:
            # Every case had finished; only the end of the command was not seen.
            observation, before = before[-1], before[:-1]
            result = CommandResult(observation.exit_code, timed_out=False, stopped=False, duration_s=0.0, tail=())
        seen = merge([*before, observation], ()), result
        self._save(f"{name}.json", _Whole(*seen))
        return seen

    def value[T](self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """A value that was made once, and stays what it was."""
        found = self._load(f"{name}.json", kind)
        if found is None:
            found = make()
            self._save(f"{name}.json", found)
        return found

    def mark(self, control: str) -> None:
        """Written down before the first process carries it, so that none is ever left without a trace."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _MARKS).open("a", encoding="utf-8") as file:
            file.write(control + "\n")

    def marks(self) -> tuple[str, ...]:
        """Every mark of this run and its parts."""
        files = sorted(self.folder.rglob(_MARKS))
        return tuple(line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line)

    def put(self, name: str, value: object) -> None:
        """Keep a value."""
        self._save(f"{name}.json", value)

    def get[T](self, name: str, kind: type[T]) -> T | None:
        """A value that was kept; None: there is none."""
        return self._load(f"{name}.json", kind)

    def of(self, part: str) -> "Kept":
        """What belongs to a part of the run."""
        return Kept(self.folder / part, self.taken_over)

    def forget(self) -> None:
        """Nothing of this is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _load[T](self, name: str, kind: type[T]) -> T | None:
        try:
            return read(kind, json.loads((self.folder / name).read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PlaceError(
                "what a run had kept can't be read",
                code="kept-damaged",
                where=str(self.folder / name),
                expected="what the run itself had written",
                hint="`greenproof loop --new` begins another run",
            ) from error

    def _save(self, name: str, value: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(fields_of(value)), encoding="utf-8")
        temporary.replace(path)
