"""Tampering: every kind of change to every part of a ledger is found, and the event is named."""

import json
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenproof.ledger import Ledger
from greenproof.ledger.chain import GENESIS, canonical, link
from greenproof.ledger.verification import MOST_FINDINGS
from greenproof.model.errors import LedgerError
from greenproof.model.events import CasesSelected, RunFinished, StepFinished, StepStarted

COLUMNS = ("at", "run", "kind", "body", "hash")
ROWS = 6


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    with Ledger.open(folder / "ledger.db") as ledger:
        evidence = ledger.put_evidence("what was seen")
        inner = ledger.put_evidence("what was seen, too")
        ledger.append("r-1", StepStarted(1, "ready"))
        ledger.append("r-1", StepFinished(1, "ready", "done", evidence=(evidence,)))
        ledger.append("r-1", CasesSelected(1, "e2e", tuple(f"t.py::test_{n}" for n in range(2000))))
        ledger.append("r-2", StepStarted(1, "deploy"))
        ledger.append("r-2", StepFinished(1, "deploy", "failed", detail="x" * 20_000, evidence=(inner,)))
        ledger.append("r-2", RunFinished("failed", 1))
    # The content of the write-ahead log must be in the file that is copied.
    with sqlite3.connect(folder / "ledger.db") as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    return folder


@pytest.fixture
def copy(original, tmp_path):
    shutil.copytree(original, tmp_path / "copy")
    return tmp_path / "copy"


def tamper(folder, *statements):
    """Change the database behind the ledger's back, and leave its guards as they were."""
    raw = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    guards = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in guards:
        raw.execute(f"DROP TRIGGER {name}")
    for statement, *values in statements:
        raw.execute(statement, values)
    for _, sql in guards:
        raw.execute(sql)
    raw.close()


def checked(folder, head=None):
    with Ledger.open(folder / "ledger.db", create=False) as ledger:
        return ledger.verify(head)


def intact(folder):
    try:
        return checked(folder).intact
    except LedgerError:
        return False


def head_of(folder):
    with Ledger.open(folder / "ledger.db", create=False) as ledger:
        return ledger.head()


def test_what_nobody_touched_is_intact(original):
    found = checked(original, head_of(original))
    assert found.intact
    assert (found.entries, found.evidence, found.head_checked) == (ROWS, 4, True)
    assert found.head == head_of(original)


def test_every_earlier_head_is_known(original):
    with Ledger.open(original / "ledger.db") as ledger:
        for head in (GENESIS, *(entry.hash for entry in ledger.entries())):
            assert ledger.verify(head).intact


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_is_found_and_only_its_event_is_named(copy, seq, column):
    for change in ("first", "last", "longer"):
        raw = sqlite3.connect(copy / "ledger.db")
        (value,) = raw.execute(f"SELECT {column} FROM entries WHERE seq = ?", (seq,)).fetchone()
        raw.close()
        text = value if isinstance(value, bytes) else value.encode()
        flipped = {
            "first": bytes([text[0] ^ 1]) + text[1:],
            "last": text[:-1] + bytes([text[-1] ^ 1]),
            "longer": text + b" ",
        }
        new = flipped[change] if isinstance(value, bytes) else flipped[change].decode()
        tamper(copy, (f"UPDATE entries SET {column} = ? WHERE seq = ?", new, seq))
        found = checked(copy)
        assert {finding.seq for finding in found.findings if finding.code == "changed"} == {seq}, change
        assert f"event {seq} " in found.findings[0].text
        tamper(copy, (f"UPDATE entries SET {column} = ? WHERE seq = ?", value, seq))
    assert checked(copy).intact


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_byte_of_a_body_counts(original, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bytes") / "copy"
    shutil.copytree(original, folder)
    seq = data.draw(st.integers(1, ROWS))
    raw = sqlite3.connect(folder / "ledger.db")
    (body,) = raw.execute("SELECT body FROM entries WHERE seq = ?", (seq,)).fetchone()
    raw.close()
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    tamper(folder, ("UPDATE entries SET body = ? WHERE seq = ?", changed, seq))
    assert [f.seq for f in checked(folder).findings if f.code == "changed"] == [seq]
    shutil.rmtree(folder)


def test_text_that_is_not_unicode_is_named(copy):
    tamper(copy, ("UPDATE entries SET kind = CAST(X'ff00fe' AS TEXT) WHERE seq = 2",))
    assert {f.seq for f in checked(copy).findings} == {2}


@pytest.mark.parametrize("seq", range(1, ROWS))
def test_a_deleted_event_is_missing(copy, seq):
    tamper(copy, ("DELETE FROM entries WHERE seq = ?", seq))
    (found,) = [f for f in checked(copy).findings if f.code == "missing"]
    assert found.seq == seq
    assert f"event {seq} is missing" in found.text


def test_deleted_events_whose_followers_are_renumbered(copy):
    tamper(copy, ("DELETE FROM entries WHERE seq = 2",), ("UPDATE entries SET seq = seq - 1 WHERE seq > 2",))
    assert min(f.seq for f in checked(copy).findings) == 2


def test_everything_deleted(copy):
    head = head_of(copy)
    tamper(copy, ("DELETE FROM entries",))
    assert [f.code for f in checked(copy, head).findings] == ["unknown-head"]


def test_a_lost_tail_is_found_by_the_head(copy):
    head = head_of(copy)
    tamper(copy, ("DELETE FROM entries WHERE seq = ?", ROWS))
    without = checked(copy)
    assert without.intact
    assert not without.head_checked
    (found,) = checked(copy, head).findings
    assert found.code == "unknown-head"
    assert head in found.text


def test_a_chain_rewritten_as_a_whole_is_found_by_the_head(copy):
    head = head_of(copy)
    raw = sqlite3.connect(copy / "ledger.db")
    rows = raw.execute("SELECT seq, at, run, kind, body FROM entries").fetchall()
    raw.close()
    before, statements = GENESIS, []
    for seq, at, run, kind, body in rows:
        new = canonical({**json.loads(body), "cycle": 2})
        before = link(before, seq, at.encode(), run.encode(), kind.encode(), new)
        statements.append(("UPDATE entries SET body = ?, hash = ? WHERE seq = ?", new, before, seq))
    tamper(copy, *statements)
    assert checked(copy).intact
    assert [f.code for f in checked(copy, head).findings] == ["unknown-head"]


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 4), (2, 5), (5, 6)])
def test_swapped_events_are_both_named(copy, one, other):
    tamper(
        copy,
        ("UPDATE entries SET seq = 1000 WHERE seq = ?", one),
        ("UPDATE entries SET seq = ? WHERE seq = ?", one, other),
        ("UPDATE entries SET seq = ? WHERE seq = 1000", other),
    )
    found = {f.seq for f in checked(copy).findings if f.code == "changed"}
    assert {one, other} <= found


def test_an_inserted_event_is_found(copy):
    copied = "INSERT INTO entries SELECT {}, at, run, kind, body, hash FROM entries WHERE seq = 1"
    tamper(copy, (copied.format(ROWS + 1),))
    assert [(f.code, f.seq) for f in checked(copy).findings] == [("changed", ROWS + 1)]
    tamper(copy, ("DELETE FROM entries WHERE seq = ?", ROWS + 1), (copied.format(0),))
    assert ("foreign", 0) in [(f.code, f.seq) for f in checked(copy).findings]


def test_an_event_moved_far_away(copy):
    tamper(copy, ("UPDATE entries SET seq = 900 WHERE seq = 6",))
    assert [f.seq for f in checked(copy).findings] == [6]


def test_guards_that_are_gone_are_noticed(copy):
    raw = sqlite3.connect(copy / "ledger.db", isolation_level=None)
    raw.execute("DROP TRIGGER entries_stay")
    raw.execute("CREATE TABLE more (x)")
    raw.close()
    assert [f.code for f in checked(copy).findings] == ["unguarded", "unguarded"]


def test_changed_evidence_is_found_with_its_event(copy):
    for file in sorted((copy / "evidence").rglob("*")):
        if not file.is_file():
            continue
        content = file.read_bytes()
        for changed in (bytes([content[0] ^ 1]) + content[1:], content[:-1], content + b"\n", b""):
            file.write_bytes(changed)
            found = checked(copy).findings
            assert {(f.code, f.evidence) for f in found} >= {("evidence-changed", f"ev-{file.name}")}
            assert all(f.seq in (2, 3, 5) and f.run for f in found)
        file.unlink()
        assert "evidence-missing" in {f.code for f in checked(copy).findings}
        file.write_bytes(content)
    assert checked(copy).intact


def test_evidence_that_nobody_refers_to_counts_too(copy):
    with Ledger.open(copy / "ledger.db") as ledger:
        name = ledger.put_evidence("alone").removeprefix("ev-")
    (copy / "evidence" / name[:2] / name).write_bytes(b"changed")
    (found,) = checked(copy).findings
    assert (found.code, found.evidence, found.seq) == ("evidence-changed", name, None)


def test_a_foreign_reference_of_a_changed_body_is_missing(copy):
    body = canonical({"evidence": ["ev-" + "0" * 64]})
    tamper(copy, ("UPDATE entries SET body = ? WHERE seq = 1", body))
    assert {f.code for f in checked(copy).findings} == {"changed", "evidence-missing"}


def test_a_truncated_file_is_damaged_or_refused(copy):
    path = copy / "ledger.db"
    content = path.read_bytes()
    for size in (len(content) // 2, 4096, 200):
        path.write_bytes(content[:size])
        assert not intact(copy)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_byte_of_the_file_never_changes_an_event_unnoticed(original, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flip") / "copy"
    shutil.copytree(original, folder)
    path = folder / "ledger.db"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with Ledger.open(original / "ledger.db", create=False) as ledger:
        before, head = list(ledger.entries()), ledger.head()
    try:
        with Ledger.open(path, create=False) as ledger:
            # Bytes that SQLite doesn't use may change; what is read must then be the same.
            assert not ledger.verify(head).intact or list(ledger.entries()) == before
    except LedgerError:
        pass
    shutil.rmtree(folder)


def test_a_ledger_rewritten_as_a_whole_is_not_a_thousand_lines(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.append_many("r", [StepStarted(n, "x") for n in range(300)])
    tamper(tmp_path, ("UPDATE entries SET kind = kind || '!'",))
    found = checked(tmp_path).findings
    assert len(found) == MOST_FINDINGS + 1
    assert "200 more" in found[-1].text
