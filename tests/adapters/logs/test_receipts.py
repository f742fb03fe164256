"""Receipts from real log files, whatever else they hold."""

import json
import threading
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from greenproof.adapters.logs.receipts import LogPlace, mark, read_receipts, receipts_in
from greenproof.model.facts import Depth
from greenproof.model.plan import DepthNames, LogSource

TRACE = "ab" * 16


def line(**changes: object) -> str:
    base = {
        "greenproof": "receipt",
        "service": "api",
        "revision": "api-1",
        "method": "GET",
        "route": "/orders/{id}",
        "status": 200,
        "trace_id": TRACE,
        "depth": "core",
    }
    return json.dumps({**base, **changes}) + "\n"


def test_only_what_was_written_after_the_mark_counts(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text(line(revision="old"))
    place = mark("api", log, LogSource())
    with log.open("a") as file:
        file.write("2026-01-01 INFO " + line() + "noise\n" + line(trace_id="cd" * 16))
    (receipt,) = read_receipts([place], frozenset({TRACE}), wait_s=0)
    assert (receipt.revision, receipt.route, receipt.depth, receipt.source) == (
        "api-1",
        "/orders/{id}",
        Depth.CORE,
        "middleware",
    )


def test_it_waits_for_a_line_that_comes_late(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.touch()
    place = mark("api", log, LogSource())
    writer = threading.Timer(0.2, lambda: log.write_text(line()))
    writer.start()
    try:
        assert len(read_receipts([place], frozenset({TRACE}), wait_s=10)) == 1
    finally:
        writer.join()


def test_a_line_that_is_still_being_written_is_not_lost(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text(line(trace_id="cd" * 16) + line()[:40])
    place = mark("api", tmp_path / "none.log", LogSource())
    place = LogPlace("api", log, 0, place.source)

    def rest() -> None:
        with log.open("a") as file:
            file.write(line()[40:])

    writer = threading.Timer(0.2, rest)
    writer.start()
    try:
        found = read_receipts([place], frozenset({TRACE, "cd" * 16}), wait_s=10)
    finally:
        writer.join()
    assert sorted(receipt.trace_id for receipt in found) == sorted([TRACE, "cd" * 16])


def test_who_has_written_none_for_so_long_is_not_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("an ordinary line\n")
    place = LogPlace("api", log, 0, LogSource())
    began = time.monotonic()
    assert read_receipts([place], frozenset({TRACE}), wait_s=30, first_s=began - 31) == ()
    assert time.monotonic() - began < 20
    # One receipt tells that it writes some: the others may still come.
    log.write_text(line())
    writer = threading.Timer(0.2, lambda: log.write_text(line() + line(trace_id="cd" * 16)))
    writer.start()
    try:
        found = read_receipts([place], frozenset({TRACE, "cd" * 16}), wait_s=30, first_s=began - 31)
    finally:
        writer.join()
    assert len(found) == 2


def test_the_services_own_log_with_its_own_names() -> None:
    source = LogSource(None, "trace", "endpoint", DepthNames("answered_by", ("db",), ("redis",), ("edge",)))
    own = {"trace": TRACE, "endpoint": "/ws", "method": "websocket", "answered_by": "edge", "message": "done"}
    (receipt,) = receipts_in([json.dumps(own).encode()], "api", source, frozenset({TRACE}))
    assert (receipt.method, receipt.depth, receipt.source, receipt.revision) == ("WS", Depth.CANNED, "log", None)


def test_a_missing_log_is_no_receipt(tmp_path: Path) -> None:
    assert read_receipts([mark("api", tmp_path / "none.log", LogSource())], frozenset({TRACE}), wait_s=0) == ()


@given(st.lists(st.binary()))
def test_any_bytes_are_survived(lines: list[bytes]) -> None:
    assert list(receipts_in([b"trace_id" + line for line in lines], "api", LogSource(), frozenset({TRACE}))) == []
