"""Receipts from a service's log: the middleware's lines, and the service's own structured lines."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from greenproof.model.facts import Depth, Receipt
from greenproof.model.plan import DepthNames, LogSource

_LINE_LIMIT = 64 * 1024
_READ_LIMIT = 256 * 1024 * 1024
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A log and where in it a run began."""

    service: str
    path: Path
    offset: int
    source: LogSource


def mark(service: str, path: Path, source: LogSource) -> LogPlace:
    """Remember the end of a log before a run starts."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return LogPlace(service, path, size, source)


def read_receipts(places: Sequence[LogPlace], traces: frozenset[str], *, wait_s: float = 2.0) -> tuple[Receipt, ...]:
    """The receipts of these trace ids. Waits, within bounds, until each trace has one in some log."""
    deadline = time.monotonic() + (wait_s if places else 0)
    while True:
        found = [r for place in places for r in receipts_in(_lines(place), place.service, place.source, traces)]
        if not places or {r.trace_id for r in found} >= traces or time.monotonic() > deadline:
            return tuple(found)
        time.sleep(_POLL_S)


def _lines(place: LogPlace) -> Iterator[bytes]:
    try:
        with place.path.open("rb") as file:
            if place.path.stat().st_size >= place.offset:
                file.seek(place.offset)
            read = 0
            while read < _READ_LIMIT and (line := file.readline(_LINE_LIMIT)):
                read += len(line)
                yield line
    except OSError:
        return


def receipts_in(lines: Iterable[bytes], service: str, source: LogSource, traces: frozenset[str]) -> Iterator[Receipt]:
    """Parse log lines; whatever is not a JSON object with one of the trace ids is passed over."""
    for line in lines:
        start = line.find(b"{")
        if start < 0 or source.trace_field.encode() not in line:
            continue
        try:
            record = json.loads(line[start:])
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            receipt = _receipt(record, service, source)
            if receipt is not None and receipt.trace_id in traces:
                yield receipt


def _receipt(record: Mapping[str, object], service: str, source: LogSource) -> Receipt | None:
    own = record.get("greenproof") == "receipt"
    trace = record.get("trace_id" if own else source.trace_field)
    route = record.get("route" if own else source.route_field)
    method = record.get("method")
    if not isinstance(trace, str) or not isinstance(route, str) or not isinstance(method, str):
        return None
    status, revision = record.get("status"), record.get("revision")
    method = "WS" if method.lower() in ("ws", "websocket") else method.upper()
    names = DepthNames() if own else source.depth
    return Receipt(
        service=service,
        revision=revision if isinstance(revision, str) else None,
        method=method,
        route=route,
        trace_id=trace,
        depth=_depth(record.get("depth" if own else names.field), names),
        source="middleware" if own else "log",
        status=status if isinstance(status, int) else None,
    )


def _depth(value: object, names: DepthNames) -> Depth:
    for depth, known in ((Depth.CANNED, names.canned), (Depth.CACHE, names.cache), (Depth.CORE, names.core)):
        if value in known:
            return depth
    return Depth.UNKNOWN
