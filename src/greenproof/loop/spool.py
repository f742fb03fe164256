"""The spool of a run: what was seen of it so far, on disk before anybody is told that a case finished.

Lines of JSON, each a part of the facts. Whoever takes up a run that was cut off finds every case that was recorded
as finished here, with its exchanges. The last line may be cut off.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from greenproof.model.encoding import fields_of, read
from greenproof.model.facts import CaseRecord, Exchange, FaultKind, Join, Outcome, RunObservation

_RED = (Outcome.FAILED, Outcome.ERROR, Outcome.XPASSED)


def write_spool(path: Path, news: RunObservation) -> None:
    """Keep what is new. Raises OSError."""
    told = {name: value for name, value in fields_of(news).items() if value not in ([], None, False, 0.0)}
    with path.open("ab") as file:
        file.write(json.dumps(told).encode() + b"\n")


def read_spool(path: Path, fault: FaultKind | None) -> RunObservation | None:
    """What was seen of a run that was cut off; None: no case of it had finished.

    How the command ended nobody knows, for we were killed with it: its exit code and those of its processes are taken
    to be what its reports say. Exchanges of a case that began after its end are nobody's proof.
    """
    news = list(_news(path, fault))
    cases: dict[str, CaseRecord] = {case.id: case for one in news for case in one.cases}
    if not cases:
        return None
    exchanges: dict[str, Exchange] = {exchange.id: exchange for one in news for exchange in one.exchanges}
    exit_code = int(any(case.outcome in _RED for case in cases.values()))
    whole = next(one for one in reversed(news) if one.processes)
    return replace(
        whole,
        exit_code=exit_code,
        processes=tuple(replace(process, exit_status=exit_code) for process in whole.processes),
        cases=tuple(cases.values()),
        exchanges=tuple(_in_time(x, cases) for x in exchanges.values() if x.case is None or x.case in cases),
        fixtures=tuple(span for one in news for span in one.fixtures),
    )


def _in_time(exchange: Exchange, cases: dict[str, CaseRecord]) -> Exchange:
    end = cases[exchange.case].end_ns if exchange.case else None
    late = end is not None and exchange.start_ns > end
    return replace(exchange, join=Join.AMBIGUOUS) if late else exchange


def _news(path: Path, fault: FaultKind | None) -> Iterator[RunObservation]:
    nothing = fields_of(RunObservation(fault, None, False, (), (), (), (), (), ()))
    with path.open("rb") as file:
        for line in file:
            try:
                yield read(RunObservation, {**nothing, **json.loads(line)})
            except (ValueError, TypeError, KeyError):
                # Cut off while it was written.
                return
