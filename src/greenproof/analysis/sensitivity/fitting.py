"""Which faults fit a case: only those whose subject was seen in an answer of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from greenproof.analysis.authenticity.claims import Claims, route_of
from greenproof.analysis.authenticity.contact import Contact, Contacts
from greenproof.analysis.sensitivity.operator import Operator
from greenproof.analysis.sensitivity.registry import OPERATORS
from greenproof.model.facts import AnswerSeen, Exchange, Outcome, RunObservation
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Disturbance, Means

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_ENDINGS = frozenset({Means.CLOSED, Means.RESET, Means.HANG})
_EVENTS = frozenset({Means.EVENT_CHANGED, Means.EVENT_DOUBLED, Means.EVENT_LATE})


def writes(contact: Contact, claims: Claims) -> str | None:
    """What a case, or a fixture that it uses, may have changed in the system; None: it only reads.

    Log-in and other plumbing do not count.
    """
    found = [x for x in contact.all if not claims.is_plumbing(x) and _may_write(x)]
    return str(route_of(found[0], ())) if found else None


def _may_write(exchange: Exchange) -> bool:
    # A WebSocket on which the client never speaks is read only.
    return exchange.sent > 0 if exchange.method == "WS" else exchange.method not in _SAFE


@dataclass(slots=True)
class Fitting:
    """The answers of an undisturbed run, asked case by case."""

    run: RunObservation
    claims: Claims
    seed: int
    _answers: dict[str, AnswerSeen] = field(init=False)
    _contacts: Contacts = field(init=False)
    _exchanges: Mapping[str, Exchange] = field(init=False)
    _bodies: dict[Route, "_Bodies"] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._answers = {answer.exchange: answer for answer in self.run.answers}
        self._contacts = Contacts(self.run, self.claims)
        self._exchanges = {exchange.id: exchange for exchange in self.run.exchanges}

    def of(self) -> dict[str, tuple[Disturbance, ...]]:
        """The faults that fit each case that passed, in the order in which the cases ran."""
        passed = [case for case in self.run.cases if case.outcome is Outcome.PASSED]
        return {case.id: self._of_case(case.id, self._contacts.of(case)) for case in passed}

    def _of_case(self, case: str, contact: Contact) -> tuple[Disturbance, ...]:
        routes = self.claims.of(case)
        found: dict[Disturbance, None] = {}
        for exchange in contact.call:
            route = route_of(exchange, routes)
            for operator, part in self._on(exchange, route):
                found[Disturbance(operator.name, operator.means, route, part, self.seed)] = None
        return tuple(found)

    def _on(self, exchange: Exchange, route: Route) -> Iterator[tuple[Operator, str]]:
        answer = self._answers.get(exchange.id)
        for operator in OPERATORS:
            if exchange.method == "GRPC":
                if operator.means in _ENDINGS:
                    yield operator, ""
            elif exchange.method == "WS":
                if exchange.received and _on_events(operator.means, answer.burst if answer else 1):
                    yield operator, ""
            elif answer is not None:
                yield from ((operator, part) for part in self._on_answer(operator, exchange, answer, route))

    def _on_answer(self, operator: Operator, exchange: Exchange, answer: AnswerSeen, route: Route) -> Iterator[str]:
        means = operator.means
        if means is Means.BODY:
            for pointer, kind in answer.shape:
                if kind in operator.kinds and _fits_place(operator, pointer):
                    yield pointer
        elif means is Means.HEAD:
            if operator.needs is None or operator.needs in answer.headers:
                yield ""
        elif means in (Means.STALE, Means.OTHER_USER):
            if self._has_another(means, exchange, answer, route):
                yield ""
        elif means in _ENDINGS or _fits_whole(means, answer):
            yield ""

    def _has_another(self, means: Means, exchange: Exchange, answer: AnswerSeen, route: Route) -> bool:
        found = self._on_route(route)
        if not answer.digest or found.bodies <= {answer.digest}:
            return False
        if means is Means.STALE:
            return True
        if answer.user:
            return any(body != answer.digest and user != answer.user for body, user in found.users)
        return any(body != answer.digest and case != exchange.case for body, case in found.cases)

    def _on_route(self, route: Route) -> "_Bodies":
        if route not in self._bodies:
            bodies = self._bodies[route] = _Bodies()
            for answer in self.run.answers:
                place = self._exchanges.get(answer.exchange)
                if answer.digest and place and route.matches(place.target, place.method, place.path):
                    bodies.bodies.add(answer.digest)
                    bodies.users.add((answer.digest, answer.user))
                    bodies.cases.add((answer.digest, place.case or ""))
        return self._bodies[route]


@dataclass(slots=True)
class _Bodies:
    """The different bodies that a route gave, by digest, and to whom."""

    bodies: set[str] = field(default_factory=set)
    users: set[tuple[str, str]] = field(default_factory=set)
    cases: set[tuple[str, str]] = field(default_factory=set)


def _fits_whole(means: Means, answer: AnswerSeen) -> bool:
    if means in (Means.TRUNCATED, Means.EMPTY):
        return not answer.events and (answer.size > 1 or answer.size < 0)
    return answer.events > 0 and _on_events(means, answer.burst)


def _on_events(means: Means, burst: int) -> bool:
    return means in _EVENTS or (means is Means.EVENT_REORDERED and burst > 1)


def _fits_place(operator: Operator, pointer: str) -> bool:
    if not pointer:
        return operator.root
    return not operator.whole and not (operator.of_property and pointer.endswith("/*"))
