"""What is about one case or service is found by its name, without reading the rest."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenproof.ledger import Ledger
from greenproof.ledger.database import VERSION
from greenproof.ledger.subjects import CASE, SERVICE, bounds, key, name_of
from greenproof.model.events import CaseFinished, ReadingTaken, RunStarted, VerdictReached
from greenproof.model.facts import CaseRecord, Outcome, Reading
from greenproof.model.verdicts import CaseVerdict, Verdict

HOSTILE = "t.py::test_evil[\x1b|'\"%_ \n\udc80é]"
LARGE = "t.py::test_large"
BOTH = ("CaseFinished", "VerdictReached")


def verdict(case: str, exchanges: int = 0) -> VerdictReached:
    ids = tuple(f"exchange-{n:08}" for n in range(exchanges))
    return VerdictReached(1, "e2e", CaseVerdict(case, Outcome.PASSED, Verdict.PROVEN, (), exchanges=ids))


def finished(case: str) -> CaseFinished:
    return CaseFinished(1, "e2e", CaseRecord(case, Outcome.PASSED))


def reading(service: str) -> ReadingTaken:
    return ReadingTaken(1, Reading(service, "http", "2026-01-01T00:00:00Z", True, "ready"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        for run in ("a", "b", "c"):
            ledger.append(run, RunStarted(run, "prove", "local"))
            ledger.append_many(run, [finished("t::1"), finished("t::10"), finished(HOSTILE), reading("t::1")])
            ledger.append_many(run, [verdict("t::1"), verdict(HOSTILE), verdict(LARGE, 2_000), reading("auth")])
    return tmp_path / "ledger.db"


def old(path: Path) -> None:
    """Make of the ledger one that version 1 wrote."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("DROP TABLE subjects")
    raw.execute("DROP INDEX entries_of_kind")
    raw.execute("PRAGMA user_version = 1")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()


def everything(ledger: Ledger) -> list[object]:
    """All that can be asked about subjects."""
    return [
        list(ledger.names(CASE)),
        list(ledger.names(SERVICE)),
        *([e.seq for e in ledger.about(CASE, name, BOTH)] for name in ("t::1", HOSTILE, LARGE, "t::", "")),
        [e.seq for e in ledger.about(SERVICE, "t::1", ("ReadingTaken",))],
        [e.seq for e in ledger.about(CASE, "t::1", ("CaseFinished",), before=11)],
        [e.seq for e in ledger.latest("RunStarted")],
        [(e.seq, e.kind) for e in ledger.entries(kinds=(*BOTH, "RunStarted"))],
        [(e.seq, e.kind) for e in ledger.entries("b", BOTH)],
    ]


def test_what_is_about_one_is_found_newest_first(path: Path) -> None:
    with Ledger.open(path) as ledger:
        assert everything(ledger) == [
            sorted(["t::1", "t::10", HOSTILE, LARGE], key=lambda name: name.encode("utf-8", "surrogatepass")),
            ["auth", "t::1"],
            [24, 20, 15, 11, 6, 2],
            [25, 22, 16, 13, 7, 4],
            [26, 17, 8],
            [],
            [],
            [23, 14, 5],
            [2],
            [19, 10, 1],
            [(n, k) for n, k in _kinds(ledger) if k in (*BOTH, "RunStarted")],
            [(n, k) for n, k in _kinds(ledger) if k in BOTH and 10 <= n <= 18],
        ]
        assert ledger.verify().intact


def _kinds(ledger: Ledger) -> list[tuple[int, str]]:
    return [(e.seq, e.kind) for e in ledger.entries()]


def test_an_old_ledger_is_brought_forward_and_says_the_same(path: Path) -> None:
    with Ledger.open(path) as ledger:
        before, head = everything(ledger), ledger.head()
    old(path)
    with Ledger.open(path) as ledger:
        assert everything(ledger) == before
        found = ledger.verify(head)
        assert found.intact, found.findings
        assert found.head_seq == 27
        ledger.append("d", verdict("t::1"))
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (VERSION,)
    raw.close()


def test_an_old_ledger_that_cannot_be_written_says_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(path) as ledger:
        before = everything(ledger)
    old(path)
    content = path.read_bytes()
    # As root no mode keeps us from writing; SQLite's own switch does.
    connect = sqlite3.connect

    def refuse(*arguments: object, **named: object) -> sqlite3.Connection:
        connection = connect(*arguments, **named)  # type: ignore[call-overload]
        connection.execute("PRAGMA query_only = ON")
        assert isinstance(connection, sqlite3.Connection)
        return connection

    monkeypatch.setattr("greenproof.ledger.files.sqlite3.connect", refuse)
    with Ledger.open(path, create=False) as ledger:
        assert everything(ledger) == before
        assert ledger.verify().intact
    assert path.read_bytes() == content


def test_old_evidence_that_is_gone_does_not_keep_the_ledger_shut(path: Path) -> None:
    old(path)
    shutil.rmtree(path.parent / "evidence")
    with Ledger.open(path) as ledger:
        assert LARGE not in list(ledger.names(CASE))
        assert {f.code for f in ledger.verify().findings} == {"evidence-missing"}


@pytest.mark.parametrize(
    ("change", "seqs"),
    [
        ("DELETE FROM subjects WHERE seq = 2", {2}),
        ("UPDATE subjects SET subject = CAST('case t::2' AS BLOB) WHERE seq = 8", {8}),
        ("INSERT INTO subjects VALUES (1, CAST('case t::1' AS BLOB))", {1}),
        ("INSERT INTO subjects VALUES (900, CAST('case t::1' AS BLOB))", {900}),
        ("UPDATE subjects SET seq = 0 WHERE seq = 2", {0, 2}),
    ],
)
def test_a_list_that_hides_or_invents_is_found(path: Path, change: str, seqs: set[int]) -> None:
    raw = sqlite3.connect(path, isolation_level=None)
    guards = raw.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'subjects_stay%'").fetchall()
    for name, _ in guards:
        with pytest.raises(sqlite3.IntegrityError):
            raw.execute("DELETE FROM subjects" if name == "subjects_stay" else "UPDATE subjects SET seq = seq")
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute(change)
    for _, sql in guards:
        raw.execute(sql)
    raw.close()
    with Ledger.open(path) as ledger:
        found = ledger.verify().findings
    assert {f.seq for f in found} == seqs
    assert {f.code for f in found} == {"unlisted"}


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=())), st.sampled_from([CASE, SERVICE]))
def test_any_name_survives_as_a_key(name: str, what: str) -> None:
    low, high = bounds(what)
    assert low <= key(what, name) < high
    assert name_of(key(what, name)) == name
