"""Receipts from real log files, whatever else they hold."""

import json
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from greenproof.adapters.logs.receipts import mark, read_receipts, receipts_in
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
