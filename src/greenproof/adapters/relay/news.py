"""News of a run: what was seen since the last time, for a parent that keeps it while the run goes on."""

from collections.abc import Sequence

from greenproof.adapters.relay.observation import Observation
from greenproof.adapters.relay.recording import Recording
from greenproof.model.facts import CaseRecord, FaultKind, RunObservation


class News:
    """Remembers what was told."""

    def __init__(self, fault: FaultKind | None) -> None:
        self._fault = fault
        self._exchanges = 0
        """So many exchanges, from the first, are told and over."""
        self._fixtures = 0
        self._collected = -1

    def since(self, finished: Sequence[CaseRecord], recording: Recording, seen: Observation) -> RunObservation:
        """The cases that finished, with all that became known of them and of others meanwhile.

        An exchange that is not over is told again, as is what came after it.
        """
        exchanges = tuple(recording.since(self._exchanges))
        over = True
        for exchange in exchanges:
            over = over and exchange.end_ns is not None
            self._exchanges += over
        fixtures = tuple(seen.fixtures[self._fixtures :])
        self._fixtures += len(fixtures)
        # Collection is over when the first case ends, but xdist's workers may begin one after the other.
        collected = len(seen.collected) + len(seen.deselected) + len(seen.collection_errors) + len(seen.skipped_files)
        changed = collected != self._collected
        self._collected = collected
        return RunObservation(
            fault=self._fault,
            exit_code=None,
            timed_out=False,
            processes=tuple(seen.processes) if changed else (),
            collected=tuple(seen.collected) if changed else (),
            deselected=tuple(seen.deselected) if changed else (),
            collection_errors=tuple(seen.collection_errors) if changed else (),
            cases=tuple(finished),
            exchanges=exchanges,
            skipped_files=tuple(seen.skipped_files) if changed else (),
            fixtures=fixtures,
        )
