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


def read_receipts(
    places: Sequence[LogPlace], traces: frozenset[str], *, wait_s: float = 2.0, first_s: float | None = None
) -> tuple[Receipt, ...]:
    """The receipts of these trace ids. Waits, within bounds, until each trace has one in some log.

    `first_s` is when the first of them was answered, on the monotonic clock: logs without any receipt so long after it
    are of services that write none, and are not waited for.
    """
    now = time.monotonic()
    deadline = now + (wait_s if places else 0)
    hopeless = now if first_s is None else min(deadline, first_s + wait_s)
    readers = [_Reader(place) for place in places]
    found: list[Receipt] = []
    while True:
        for reader in readers:
            found += receipts_in(reader.lines(), reader.place.service, reader.place.source, traces)
        now = time.monotonic()
        silent = first_s is not None and not found and now > hopeless
        if silent or not places or {r.trace_id for r in found} >= traces or now > deadline:
            return tuple(found)
        time.sleep(_POLL_S)


class _Reader:
    """What is written to a log since the run began, each line once."""

    def __init__(self, place: LogPlace) -> None:
        self.place = place
        self._offset: int | None = None
        self._rest = _READ_LIMIT

    def lines(self) -> Iterator[bytes]:
        """Lines that are whole; one that is still being written comes next time."""
        try:
            with self.place.path.open("rb") as file:
                if self._offset is None:
                    # A log that is shorter now was begun anew.
                    self._offset = self.place.offset if self.place.path.stat().st_size >= self.place.offset else 0
                file.seek(self._offset)
                while self._rest > 0 and (line := file.readline(_LINE_LIMIT)):
                    if not line.endswith(b"\n") and len(line) < _LINE_LIMIT:
                        return
                    self._offset += len(line)
                    self._rest -= len(line)
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
