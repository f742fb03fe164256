"""Appending, reading, and everything that can go wrong with the disk."""

import errno
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from greenproof.ledger import Ledger, prepare
from greenproof.ledger.chain import GENESIS
from greenproof.ledger.database import VERSION
from greenproof.ledger.files import LocalFiles
from greenproof.ledger.ledger import ROW_LIMIT
from greenproof.model.errors import LedgerError
from greenproof.model.events import CasesSelected, RunFinished, StepFinished, StepStarted, UnknownEvent
from greenproof.model.redaction import MASK, Redactor


def refusal(action, *arguments, **named) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        action(*arguments, **named)
    assert caught.value.code
    return caught.value


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path):
    with Ledger.open(path) as opened:
        yield opened


def test_what_is_appended_comes_back(ledger):
    first = ledger.append("r-1", StepStarted(1, "ready"))
    rest = ledger.append_many("r-2", [StepStarted(1, "deploy"), RunFinished("verified", 0)])
    assert [entry.seq for entry in (first, *rest)] == [1, 2, 3]
    assert list(ledger.entries()) == [first, *rest]
    assert first.event == StepStarted(1, "ready")
    assert ledger.head() == rest[-1].hash
    assert ledger.runs() == ("r-1", "r-2")


def test_entries_can_be_narrowed(ledger):
    ledger.append_many("a", [StepStarted(1, "x"), RunFinished("failed", 1)])
    ledger.append_many("b", [StepStarted(1, "y")])
    assert [e.seq for e in ledger.entries("a")] == [1, 2]
    assert [e.seq for e in ledger.entries(kinds={"StepStarted"})] == [1, 3]
    assert [e.seq for e in ledger.entries("a", ["RunFinished"])] == [2]
    assert [e.seq for e in ledger.entries(after=2)] == [3]
    assert list(ledger.entries(kinds=[])) == []


def test_many_entries_come_in_order(ledger):
    ledger.append_many("r", (StepStarted(number, "x") for number in range(1, 1202)))
    assert [e.seq for e in ledger.entries()] == list(range(1, 1202))


def test_an_empty_ledger(ledger):
    assert ledger.head() == GENESIS
    assert list(ledger.entries()) == []
    assert ledger.append_many("r", []) == ()


def test_a_second_opening_goes_on(path):
    with Ledger.open(path) as ledger:
        head = ledger.append("r", StepStarted(1, "x")).hash
    with Ledger.open(path, create=False) as ledger:
        assert ledger.head() == head
        assert ledger.append("r", StepStarted(1, "y")).seq == 2


def test_a_missing_ledger_is_not_made_up(path):
    assert refusal(Ledger.open, path, create=False).code == "ledger-missing"
    assert not path.exists()


SELECT = "SELECT {}, at, run, kind, body, hash FROM entries"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entries",
        "UPDATE entries SET run = 'x'",
        f"REPLACE INTO entries {SELECT.format(1)}",
        f"INSERT INTO entries {SELECT.format(9)}",
    ],
)
def test_the_database_itself_refuses_changes(ledger, path, statement):
    ledger.append("r", StepStarted(1, "x"))
    with sqlite3.connect(path) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()
    assert ledger.verify().intact


def test_secrets_are_taken_out_before_anything_is_written(path):
    with Ledger.open(path, redactor=Redactor(["hunter2-hunter2"])) as ledger:
        entry = ledger.append("r", StepFinished(1, "x", "failed", detail="password=abc hunter2-hunter2"))
        kept = [
            ledger.put_evidence("Authorization: Bearer abcdefgh"),
            ledger.put_evidence(b"\xff\x00 token=abcdefgh"),
            ledger.put_evidence({"a": "hunter2-hunter2", "token": "abcdefgh"}),
        ]
        assert entry.event.detail == f"password={MASK} {MASK}"
        assert ledger.evidence(kept[1]) == f"\xff\0 token={MASK}".encode("latin-1")
    stored = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())
    assert b"hunter2" not in stored
    assert b"abcdefgh" not in stored


def test_binary_evidence_comes_back_exactly(ledger):
    content = bytes(range(256)) * 100
    assert ledger.evidence(ledger.put_evidence(content)) == content


def test_the_same_evidence_is_kept_once(ledger, path):
    assert ledger.put_evidence("a") == ledger.put_evidence(b"a")
    assert len([file for file in (path.parent / "evidence").rglob("*") if file.is_file()]) == 1
    identifier = ledger.put_evidence("a").removeprefix("ev-")
    assert (path.parent / "evidence" / identifier[:2] / identifier).read_bytes() == b"a"


@pytest.mark.parametrize(
    "identifier", ["", "../../etc/passwd", "ev-" + "g" * 64, "ev-" + "0" * 64, "ev-" + "0" * 64 + "\n"]
)
def test_only_evidence_can_be_read(ledger, identifier):
    assert refusal(ledger.evidence, identifier).code in {"evidence-id", "evidence-missing"}


def test_an_event_too_large_for_a_row_goes_to_the_evidence(ledger, path):
    cases = tuple(f"e2e/test_a.py::test_{number}" for number in range(2000))
    entry = ledger.append("r", CasesSelected(1, "e2e", cases))
    assert entry.event.cases == cases
    assert next(iter(ledger.entries())) == entry
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT MAX(LENGTH(body)) FROM entries").fetchone()[0] < ROW_LIMIT
    raw.close()
    assert ledger.verify().intact


@pytest.mark.parametrize("run", ["", " ", "a b", "x" * 300, "r\n", "é"])
def test_names_of_runs_are_plain(ledger, run):
    assert refusal(ledger.append, run, StepStarted(1, "x")).code == "run-name"


def test_what_is_not_json_is_refused_as_a_whole(ledger):
    wrong = [StepStarted(1, "x"), RunFinished("x", 0, duration_s=float("inf"))]
    assert refusal(ledger.append_many, "r", wrong).code == "not-json"
    assert refusal(ledger.put_evidence, {"a": object()}).code == "not-json"
    assert ledger.head() == GENESIS


def test_text_that_is_no_unicode_is_kept_readable(ledger):
    ledger.append("r", StepFinished(1, "x", "failed", detail="\udc80 \0 é"))
    assert next(iter(ledger.entries())).event.detail == "\udc80 \0 é"
    assert ledger.evidence(ledger.put_evidence("\udc80")) == rb"\udc80"
    assert ledger.verify().intact


def test_a_clock_set_back_is_said(path):
    times = iter([datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(minutes=m) for m in (0, 5, 3, 4)])
    with Ledger.open(path, clock=lambda: next(times)) as ledger:
        written = [ledger.append("r", StepStarted(number, "x")) for number in range(1, 5)]
        assert [entry.clock_set_back for entry in written] == [False, False, True, False]
        assert list(ledger.entries()) == written
        assert [entry.clock_set_back for entry in ledger.entries(after=2)] == [True, False]
        assert ledger.verify().intact
        assert written[0].at == "2026-01-01T12:00:00.000000Z"


# The disk


class SmallDisk(LocalFiles):
    """A disk with room for so many pages of the database and so many bytes of evidence."""

    def __init__(self, pages: int = 10_000, evidence: int = 10**9) -> None:
        self.pages, self.evidence = pages, evidence

    def connect(self, path):
        connection = super().connect(path)
        connection.execute(f"PRAGMA max_page_count = {self.pages}")
        return connection

    def write(self, path, content):
        self.evidence -= len(content)
        if self.evidence < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(path, content)


class ReadOnlyDisk(LocalFiles):
    """A disk that lets nothing be written."""

    def make_folder(self, path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


class ReadOnlyDatabase(LocalFiles):
    """A database file that this user may only read."""

    def connect(self, path):
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)


def test_a_full_disk_loses_nothing_that_was_appended(path):
    with Ledger.open(path, files=SmallDisk(pages=12)) as ledger:
        kept = []
        found = refusal(lambda: kept.extend(ledger.append("r", StepStarted(n, "x" * 500)) for n in range(1000)))
        assert found.code == "disk-full"
        assert "kept" in found.message
        assert kept
        assert list(ledger.entries()) == kept
        assert ledger.verify(kept[-1].hash).intact
    with Ledger.open(path) as ledger:
        assert list(ledger.entries()) == kept
        ledger.append("r", StepStarted(1, "there is room again"))
        assert ledger.verify().intact


def test_a_full_disk_leaves_no_half_evidence(path):
    with Ledger.open(path, files=SmallDisk(evidence=10)) as ledger:
        assert refusal(ledger.put_evidence, "x" * 100).code == "disk-full"
        assert refusal(ledger.append, "r", StepStarted(1, "x" * 20_000)).code == "disk-full"
        assert list(ledger.entries()) == []
        assert ledger.verify().intact


def test_a_limit_on_file_sizes_is_a_full_disk(tmp_path):
    """The real thing, in a process of its own: writing more than the limit fails as on a full disk."""
    code = """
import resource, signal, sys
from pathlib import Path
from greenproof.ledger.database import VERSION
from greenproof.ledger import Ledger
from greenproof.model.errors import LedgerError
from greenproof.model.events import StepStarted
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Ledger.open(Path(sys.argv[1])) as ledger:
    ledger.append("r", StepStarted(1, "x"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))
    codes = set()
    for action in (lambda: [ledger.append("r", StepStarted(n, "x" * 9000)) for n in range(50)],
                   lambda: ledger.put_evidence(b"x" * 200_000)):
        try:
            action()
        except LedgerError as error:
            codes.add(error.code)
    print(sorted(codes), ledger.verify().intact, any(Path(sys.argv[1]).parent.rglob("*.part")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "ledger.db")], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip().endswith("True False")
    assert "disk-full" in done.stdout


def test_a_folder_that_can_not_be_written(path):
    assert refusal(Ledger.open, path, files=ReadOnlyDisk()).code == "ledger-unwritable"


def test_a_ledger_that_can_only_be_read(path):
    with Ledger.open(path) as ledger:
        kept = ledger.append("r", StepStarted(1, "x"))
    with Ledger.open(path, files=ReadOnlyDatabase()) as ledger:
        assert refusal(ledger.append, "r", StepStarted(1, "y")).code == "ledger-unwritable"
        assert list(ledger.entries()) == [kept]


def test_a_folder_in_the_place_of_the_ledger(tmp_path):
    assert refusal(Ledger.open, tmp_path).where == str(tmp_path)


@pytest.mark.parametrize(
    "content", [b"hello", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 4000, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_database_is_left_alone(path, content):
    path.write_bytes(content)
    assert refusal(Ledger.open, path).code in {"ledger-damaged", "ledger-foreign", "ledger-newer"}
    assert path.read_bytes() == content


def test_another_database_is_left_alone(path):
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE mine (x)")
    raw.close()
    before = path.read_bytes()
    assert refusal(Ledger.open, path).code == "ledger-foreign"
    # SQLite notes the new journal mode in two bytes of the header; what is in the database stays.
    assert len(path.read_bytes()) == len(before)
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]
    raw.close()


def test_a_newer_ledger_is_refused_and_not_touched(path):
    with Ledger.open(path) as ledger:
        ledger.append("r", StepStarted(1, "x"))
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {VERSION + 1}")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    found = refusal(Ledger.open, path)
    assert found.code == "ledger-newer"
    assert "not touched" in found.message
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_events_of_a_newer_version_are_kept(ledger):
    event = UnknownEvent("WhyAdmitted", {"why": "x"})
    assert ledger.append("r", event).event == event


def test_a_busy_ledger_says_so(path):
    class Impatient(LocalFiles):
        def connect(self, path):
            connection = super().connect(path)
            connection.execute("PRAGMA busy_timeout = 50")
            return connection

    with Ledger.open(path, files=Impatient()) as ledger:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert refusal(ledger.append, "r", StepStarted(1, "x")).code == "ledger-busy"
        other.close()
        assert ledger.append("r", StepStarted(1, "x")).seq == 1


def _append_some(path: Path, run: str, count: int) -> None:
    with Ledger.open(path) as ledger:
        for number in range(count):
            ledger.append(run, StepStarted(number, "x"))


def test_several_processes_append_at_once(path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_some, args=(path, f"r-{number}", 40)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with Ledger.open(path, create=False) as ledger:
        assert ledger.verify().intact
        for number in range(3):
            assert [e.event.cycle for e in ledger.entries(f"r-{number}")] == list(range(40))


def test_several_threads_append_at_once(ledger):
    threads = [
        threading.Thread(target=lambda: [ledger.append("r", StepStarted(1, "x")) for _ in range(30)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.seq for e in ledger.entries()] == list(range(1, 121))
    assert ledger.verify().intact


def test_a_killed_writer_loses_nothing_that_was_acknowledged(path):
    code = """
import os, signal, sys
from pathlib import Path
from greenproof.ledger.database import VERSION
from greenproof.ledger import Ledger
from greenproof.model.events import StepStarted
ledger = Ledger.open(Path(sys.argv[1]))
for number in range(20):
    ledger.append("r", StepStarted(number, "x"))
print(ledger.head(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    with Ledger.open(path, create=False) as ledger:
        assert ledger.head() == done.stdout.strip()
        assert ledger.verify(done.stdout).intact
        assert len(list(ledger.entries())) == 20


def test_home_is_prepared_once(tmp_path):
    state = tmp_path / "a" / ".greenproof"
    assert prepare(state) == state / "ledger.db"
    assert (state / ".gitignore").read_text() == "*\n"
    (state / ".gitignore").write_text("mine\n")
    prepare(state)
    assert (state / ".gitignore").read_text() == "mine\n"


def test_a_home_that_is_taken(tmp_path):
    (tmp_path / ".greenproof").write_text("")
    assert refusal(prepare, tmp_path / ".greenproof").code == "ledger-unwritable"
    assert refusal(prepare, tmp_path / "x", ReadOnlyDisk()).code == "ledger-unwritable"


RUNS = st.sampled_from(["a", "b", "c"])
STEPS = st.builds(StepStarted, cycle=st.integers(0, 9), step=st.text(max_size=8), attempt=st.integers(1, 3))


class Appending(RuleBasedStateMachine):
    """The ledger is a list, whatever is opened, closed and appended in whatever order."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.ledgers = [Ledger.open(self.path), Ledger.open(self.path)]
        self.model = []
        self.heads = [GENESIS]

    @rule(which=st.integers(0, 1), run=RUNS, events=st.lists(STEPS, max_size=3))
    def append(self, which, run, events):
        for entry in self.ledgers[which].append_many(run, events):
            self.model.append((run, entry.event))
            self.heads.append(entry.hash)
        assert [event for _, event in self.model[len(self.model) - len(events) :]] == events

    @rule(which=st.integers(0, 1))
    def reopen(self, which):
        self.ledgers[which].close()
        self.ledgers[which] = Ledger.open(self.path, create=False)

    @precondition(lambda self: len(self.model) > 2)
    @rule(pick=st.randoms(use_true_random=False))
    def verify(self, pick):
        assert self.ledgers[0].verify(pick.choice(self.heads)).intact

    @invariant()
    def same_as_the_list(self):
        for ledger in self.ledgers:
            assert [(entry.run, entry.event) for entry in ledger.entries()] == self.model
            assert ledger.head() == self.heads[-1]
        assert list(self.ledgers[0].runs()) == list(dict.fromkeys(run for run, _ in self.model))

    def teardown(self):
        for ledger in self.ledgers:
            ledger.close()
        self.folder.cleanup()


Appending.TestCase.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestAppending = Appending.TestCase


def test_a_ledger_that_is_gone_beside_its_evidence_is_not_begun_anew(path):
    with Ledger.open(path) as ledger:
        ledger.put_evidence("what was seen")
    for file in path.parent.glob("ledger.db*"):
        file.unlink()
    for create in (True, False):
        found = refusal(Ledger.open, path, create=create)
        assert (found.code, int(found.exit_code)) == ("ledger-gone", 3)
        assert not path.exists()
    (path.parent / "evidence").rename(path.parent / "evidence of before")
    with Ledger.open(path) as ledger:
        assert ledger.verify().entries == 0


def test_a_writer_that_was_interrupted_at_the_door_does_not_lock_out_the_end_of_the_run(ledger):
    """The interrupt strikes after the lock was taken; whoever handles it still holds the traceback, and so the lock."""
    door = ledger._writing()
    door.__enter__()
    ledger.append("run", RunFinished("failed", 2))
    assert [entry.event for entry in ledger.entries("run")] == [RunFinished("failed", 2)]
    del door
    ledger.append("run", RunFinished("failed", 1))
    assert len(list(ledger.entries("run"))) == 2
    assert ledger.verify().intact
