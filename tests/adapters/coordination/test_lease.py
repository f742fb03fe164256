"""Leases between real processes, on SQLite and on a real PostgreSQL."""

import contextlib
import gc
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenproof.adapters.coordination import Lease, Store, Wish
from greenproof.model.errors import CoordinationError, LeaseHeldError, LeaseLostError

HOLDER = """
import sys, time
from pathlib import Path
from greenproof.adapters.coordination import Lease, Store
store = Store.open(Path(sys.argv[1]))
with Lease.take(store, "staging", "other"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str | None]]:
    """A folder, and the URL of a PostgreSQL for the second time."""
    if request.param == "sqlite":
        yield tmp_path, None
    else:
        yield tmp_path, request.getfixturevalue("postgresql_url")


@pytest.fixture
def stores(place: tuple[Path, str | None]) -> Iterator[tuple[Store, Store]]:
    """The same store, opened by two."""
    with contextlib.closing(Store.open(*place)) as one, contextlib.closing(Store.open(*place)) as other:
        yield one, other


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store beside the ledger."""
    with contextlib.closing(Store.open(tmp_path)) as found:
        yield found


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the environment."""
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_one_holds_and_the_other_is_told_who(stores: tuple[Store, Store]) -> None:
    store, other = stores
    with Lease.take(store, "staging", "run run-1") as first:
        with pytest.raises(LeaseHeldError, match="run run-1") as caught:
            Lease.take(other, "staging", "run run-2")
        assert caught.value.code == "environment-held"
        # Another environment is another matter.
        with Lease.take(other, "preview", "run-2") as elsewhere:
            assert elsewhere.number == 1
    with Lease.take(other, "staging", "run run-2") as second:
        assert second.number == first.number + 1


def test_a_holder_tells_what_it_goes_on_with(stores: tuple[Store, Store]) -> None:
    store, other = stores
    with Lease.take(store, "staging", "run run-2") as lease:
        before = other.desk("staging")
        lease.serve("run run-1")
        after = other.desk("staging")
        assert after.holder.owner.endswith(", run run-1")
        assert (after.token, after.number, after.since) == (before.token, before.number, before.since)
        lease.confirm()
    with Lease.take(other, "staging", "run run-3"):
        # Whoever lost it names nobody any more.
        lease.serve("run run-1")
        assert store.desk("staging").holder.owner.endswith(", run run-3")


def test_who_waits_takes_over_when_the_holder_leaves(stores: tuple[Store, Store]) -> None:
    store, other = stores
    first = Lease.take(store, "staging", "run run-1")
    told: list[str] = []

    def leave(desk: object) -> None:
        told.append(desk.holder.owner)
        first.__exit__(None, None, None)

    with Lease.take(other, "staging", "run run-2", wait_s=20, on_wait=leave) as second:
        assert second.number == first.number + 1
    assert len(told) == 1
    assert "run run-1" in told[0]


def test_a_killed_holder_is_noticed_at_once(store: Store, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LeaseHeldError):
        Lease.take(store, "staging", "mine")
    holder.kill()
    holder.wait()
    began = time.monotonic()
    with Lease.take(store, "staging", "mine") as lease:
        assert lease.number == 2
    assert time.monotonic() - began < 5


def test_a_stopped_holder_is_taken_over_and_finds_out(store: Store, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGSTOP)
    with Lease.take(store, "staging", "mine", wait_s=30, stale_s=0.7) as lease:
        assert lease.number == 2
        lease.confirm()


def test_a_holder_that_lost_its_lease_may_not_act(stores: tuple[Store, Store]) -> None:
    store, other = stores
    first = Lease.take(store, "staging", "run run-1")
    first.confirm()
    # As if its process had been stopped: no heart beats meanwhile.
    first._over.set()
    first._heart.join()
    with Lease.take(other, "staging", "run run-2", wait_s=30, stale_s=0.7) as second:
        first._confirmed -= 60
        with pytest.raises(LeaseLostError) as caught:
            first.confirm()
        assert caught.value.code == "lease-lost"
        # What it leaves now is not its own any more.
        first.__exit__(None, None, None)
        second.confirm()


def test_only_one_of_many_takes_it(tmp_path: Path) -> None:
    script = """
    import sys
    from pathlib import Path
    from greenproof.adapters.coordination import Lease, Store
    from greenproof.model.errors import LeaseHeldError
    store = Store.open(Path(sys.argv[1]))
    sys.stdin.readline()
    try:
        Lease.take(store, "staging", "run")
        print("mine", flush=True)
        sys.stdin.readline()
    except LeaseHeldError:
        print("held", flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted(process.stdout.readline().strip() for process in started)
    for process in started:
        process.communicate("leave\n", timeout=20)
    assert said == ["held"] * 5 + ["mine"]


def test_wishes_and_freezing_are_there_for_everybody(stores: tuple[Store, Store]) -> None:
    store, other = stores
    assert other.desk("staging").wish is Wish.NOTHING
    store.wish("staging", Wish.PAUSE, "ann")
    desk = other.desk("staging")
    assert (desk.wish, desk.wished_by) == (Wish.PAUSE, "ann")
    store.freeze("staging", "a migration can't be undone")
    assert other.desk("staging").frozen == "a migration can't be undone"
    store.freeze("staging", "")
    assert not other.desk("staging").frozen


def test_a_store_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "desk.db").write_text("this is no database, but it is long enough to be looked at as one" * 20)
    with pytest.raises(CoordinationError) as caught:
        Store.open(tmp_path)
    assert caught.value.code == "store-unusable"
    with pytest.raises(CoordinationError) as caught:
        Store.open(tmp_path, "postgresql://nobody:secret@127.0.0.1:1/none")
    assert caught.value.code == "store-unusable"
    assert "secret" not in "\n".join(caught.value.lines())
    # A connection that was left open would warn here (Python 3.13), and warnings are errors.
    del caught
    gc.collect()
