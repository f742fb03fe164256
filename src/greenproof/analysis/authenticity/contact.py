"""What a case exchanged with the targets, sorted by what it can prove."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from greenproof.analysis.authenticity.claims import Claims
from greenproof.model.facts import CaseRecord, Exchange, FixtureSpan, Join, Phase, RunObservation


@dataclass(frozen=True, slots=True)
class Contact:
    """The exchanges of one case in one run."""

    call: tuple[Exchange, ...] = ()
    """Answered, on claimed routes, in the call phase, certainly of this case."""
    fixture: tuple[Exchange, ...] = ()
    """Answered, on claimed routes, while a fixture that the case uses was set up."""
    elsewhere: tuple[Exchange, ...] = ()
    """Answered, but on plumbing or on routes that the case does not claim."""
    own_setup: tuple[Exchange, ...] = ()
    """Answered on claimed routes outside its call phase, but in no fixture that it uses."""
    unanswered: tuple[Exchange, ...] = ()
    """Sent on claimed routes; no answer was seen."""
    synthetic: tuple[Exchange, ...] = ()
    """Answered by the relay itself, since the target was down."""
    ambiguous: tuple[Exchange, ...] = ()

    @property
    def on_route(self) -> tuple[Exchange, ...]:
        """What can prove something."""
        return (*self.call, *self.fixture)

    @property
    def all(self) -> tuple[Exchange, ...]:
        """Every exchange that was seen for the case."""
        others = (self.elsewhere, self.own_setup, self.unanswered, self.synthetic, self.ambiguous)
        return (*self.on_route, *(x for group in others for x in group))


class Contacts:
    """The contacts of every case of one run; indexed once, so that asking for each case stays linear."""

    def __init__(self, run: RunObservation, claims: Claims) -> None:
        self._claims = claims
        self._spans: dict[tuple[str | None, str], list[FixtureSpan]] = defaultdict(list)
        for span in run.fixtures:
            self._spans[span.worker, span.key].append(span)
        self._exchanges: dict[tuple[str | None, str | None], list[Exchange]] = defaultdict(list)
        for exchange in run.exchanges:
            self._exchanges[exchange.worker, exchange.case].append(exchange)

    def of(self, case: CaseRecord) -> Contact:
        """Sort the exchanges of a case. Fixtures of a wider scope may have been set up for another case."""
        routes = self._claims.of(case.id)
        spans = [s for key in case.fixtures for s in self._spans.get((case.worker, key), ())]
        bins: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in self._exchanges.get((case.worker, case.id), ()):
            covered = self._claims.covers(routes, exchange)
            bins[_bin(exchange, spans, covered)].append(exchange)
        for span in spans:
            if span.case == case.id:
                continue
            for exchange in self._exchanges.get((case.worker, span.case), ()):
                if _within(exchange, span):
                    bins[_bin(exchange, spans, self._claims.covers(routes, exchange))].append(exchange)
        return Contact(**{name: tuple(found) for name, found in bins.items()})


def _within(exchange: Exchange, span: FixtureSpan) -> bool:
    return exchange.case == span.case and span.start_ns <= exchange.start_ns <= span.end_ns


def _bin(exchange: Exchange, spans: Sequence[FixtureSpan], covered: bool) -> str:
    if exchange.join in (Join.AMBIGUOUS, Join.NONE):
        return "ambiguous"
    if exchange.synthetic:
        return "synthetic"
    if not covered:
        return "elsewhere"
    if exchange.head_ns is None:
        return "unanswered"
    if any(_within(exchange, span) for span in spans):
        return "fixture"
    return "call" if exchange.phase is Phase.CALL else "own_setup"
