"""What a case exchanged with the targets, sorted by what it can prove."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
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
        for found in self._spans.values():
            found.sort(key=lambda span: span.start_ns)
        self._exchanges: dict[tuple[str | None, str | None], list[Exchange]] = defaultdict(list)
        for exchange in run.exchanges:
            self._exchanges[exchange.worker, exchange.case].append(exchange)

    def of(self, case: CaseRecord) -> Contact:
        """Sort the exchanges of a case. Fixtures of a wider scope may have been set up for another case."""
        routes = self._claims.of(case.id)
        built = [span for key in case.fixtures if (span := self._span_of(case, key)) is not None]
        bins: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in self._exchanges.get((case.worker, case.id), ()):
            covered = self._claims.covers(routes, exchange)
            bins[_bin(exchange, built, covered)].append(exchange)
        for exchange in self._within(case, (span for span in built if span.case != case.id)):
            bins[_bin(exchange, built, self._claims.covers(routes, exchange))].append(exchange)
        return Contact(**{name: tuple(found) for name, found in bins.items()})

    def built_for(self, case: CaseRecord) -> tuple[Exchange, ...]:
        """All that was exchanged while the fixtures that it uses were set up, whatever it claims."""
        built = (span for key in case.fixtures if (span := self._span_of(case, key)) is not None)
        return tuple(self._within(case, built))

    def _within(self, case: CaseRecord, built: Iterable[FixtureSpan]) -> Iterable[Exchange]:
        """A fixture within a fixture spans the same exchanges: each counts once."""
        found = {
            exchange.id: exchange
            for span in built
            for exchange in self._exchanges.get((case.worker, span.case), ())
            if spans(span, exchange)
        }
        return found.values()

    def _span_of(self, case: CaseRecord, key: str) -> FixtureSpan | None:
        """The set-up that gave this case its value: the last one before its end. One of a wider scope is older."""
        found = self._spans.get((case.worker, key), [])
        end = bisect_right(found, case.end_ns, key=lambda s: s.start_ns) if case.end_ns is not None else len(found)
        return found[end - 1] if end else None


def spans(span: FixtureSpan, exchange: Exchange) -> bool:
    """Whether an exchange was made while this fixture was set up."""
    return exchange.case == span.case and span.start_ns <= exchange.start_ns <= span.end_ns


def _bin(exchange: Exchange, built: Sequence[FixtureSpan], covered: bool) -> str:
    if exchange.join in (Join.AMBIGUOUS, Join.NONE):
        return "ambiguous"
    if exchange.synthetic:
        return "synthetic"
    if not covered:
        return "elsewhere"
    if exchange.head_ns is None:
        return "unanswered"
    if any(spans(span, exchange) for span in built):
        return "fixture"
    return "call" if exchange.phase is Phase.CALL else "own_setup"
