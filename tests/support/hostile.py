"""Run the real program as a hostile world would, and look at what it leaves behind.

Every process that comes from a run carries a mark in its environment, or works in the folder of the run, so that a
survivor is found wherever it went; the greatest memory of each of ours is sampled while the run goes on.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MARK = "HOSTILE_MARK"
_WAIT_S = 120.0
_SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of the program ended."""

    code: int
    out: str
    err: str
    seconds: float
    largest: int
    """Bytes of memory (resident) that the largest of our own processes had."""
    survivors: tuple[str, ...]
    leftovers: tuple[str, ...]
    """Files in the folder for temporary files."""

    @property
    def said(self) -> str:
        """Everything that a person saw."""
        return self.out + self.err


@dataclass
class Watch:
    """Samples the memory of everything marked."""

    mark: str
    largest: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            for process in marked(self.mark):
                with contextlib.suppress(psutil.Error, OSError):
                    if "greenproof" in process.cmdline() or _is_ours(process):
                        self.largest = max(self.largest, process.memory_info().rss)

    def close(self) -> int:
        """Stop; the greatest value seen."""
        self._over.set()
        self._thread.join()
        return self.largest


def _is_ours(process: psutil.Process) -> bool:
    return any(word.startswith("greenproof.") for word in process.cmdline())


def marked(mark: str) -> list[psutil.Process]:
    """Every process that carries the mark: as a variable, or in the folder for temporary files that it was given."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            values = process.environ()
            if mark in (values.get(MARK) or values.get("TMPDIR", "")) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def survivors(mark: str, patience: float = 3.0) -> tuple[str, ...]:
    """What still lives of a run: whoever was just told to go may take a moment. All of it is ended here."""
    deadline = time.monotonic() + patience
    while (alive := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    told = []
    for process in alive:
        with contextlib.suppress(psutil.Error):
            told.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            process.kill()
    return tuple(told)


def command_line(*arguments: str) -> list[str]:
    """The program, as the tests' own interpreter has it."""
    return [sys.executable, "-m", "greenproof", *arguments]


def run(
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    during: Callable[[subprocess.Popen[bytes]], None] | None = None,
    prefix: Sequence[str] = (),
    patience: float = _WAIT_S,
    mark: str | None = None,
    sweep: bool = True,
) -> Outcome:
    """Run the program to its end. `during` gets the process while it runs; without `sweep` what it left lives on."""
    mark = mark or secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix=f"hostile-{mark}-") as folder:
        Path(folder).chmod(0o777)
        scratch = Path(folder) / "tmp"
        scratch.mkdir()
        scratch.chmod(0o777)
        values = {
            **os.environ,
            "TMPDIR": str(scratch),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(environment or {}),
            MARK: mark,
        }
        values.pop("GREENPROOF_TRACEBACK", None)
        out, err = Path(folder) / "out", Path(folder) / "err"
        watch = Watch(mark)
        started = time.monotonic()
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [*prefix, *command_line(*arguments)],
                cwd=cwd,
                env=values,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                process_group=0,
            )
            try:
                if during is not None:
                    during(process)
                process.wait(patience)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        seconds = time.monotonic() - started
        left = survivors(mark) if sweep else ()
        return Outcome(
            process.returncode,
            out.read_text("utf-8", "replace"),
            err.read_text("utf-8", "replace"),
            seconds,
            watch.close(),
            left,
            tuple(sorted(str(path.relative_to(scratch)) for path in scratch.rglob("*"))),
        )


def assert_decent(outcome: Outcome, code: int | Iterable[int], *, seconds: float, megabytes: int = 200) -> None:
    """What holds after everything that can go wrong."""
    codes = (code,) if isinstance(code, int) else tuple(code)
    assert outcome.code in codes, outcome
    assert "Traceback" not in outcome.said, outcome.said
    assert "internal-error" not in outcome.said, outcome.said
    assert "a defect in greenproof" not in outcome.said, outcome.said
    assert "\x1b" not in outcome.said, outcome.said
    assert outcome.survivors == (), outcome.survivors
    assert outcome.leftovers == (), outcome.leftovers
    assert outcome.seconds < seconds, outcome
    assert outcome.largest < megabytes * (1 << 20), outcome.largest


def kinds(cwd: Path) -> set[str]:
    """The kinds of events in the ledger of the folder."""
    from greenproof.ledger import Ledger

    with Ledger.open(cwd / ".greenproof" / "ledger.db", create=False) as ledger:
        return {entry.kind for entry in ledger.entries()}


def assert_ledger(cwd: Path, *kinds: str) -> None:
    """The ledger of the folder is whole, and holds events of these kinds."""
    from greenproof.ledger import Ledger

    with Ledger.open(cwd / ".greenproof" / "ledger.db", create=False) as ledger:
        found = ledger.verify()
        assert found.intact, found.findings
        there = {entry.kind for entry in ledger.entries()}
    assert set(kinds) <= there, there
    stray = [str(p) for p in (cwd / ".greenproof").rglob("*.part")]
    assert not stray, stray
