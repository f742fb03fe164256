"""Which cases a fault run repeats, and which answers it replaces for them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from greenproof.analysis.authenticity.claims import Claims, route_of
from greenproof.analysis.authenticity.contact import Contact, Contacts, spans
from greenproof.model.facts import Exchange, FaultKind, FixtureSpan, Outcome, Phase, RunObservation
from greenproof.model.faults import CaseFaults, FaultPlan
from greenproof.model.routes import Route


@dataclass(frozen=True, slots=True)
class FaultCandidates:
    """The cases that a fault can tell something about, in the order in which they ran, and the two plans."""

    ids: tuple[str, ...]
    error: FaultPlan
    value: FaultPlan


def plan_faults(plain: RunObservation, claims: Claims, known: Collection[str] = ()) -> FaultCandidates:
    """Every passed case with an answer on a claimed route is repeated under both faults; the rest is decided.

    `known` are cases of which it is known already what they do under faults.
    """
    faults: dict[str, CaseFaults] = {}
    resting: dict[str, Contact] = {}
    contacts = Contacts(plain, claims)
    for case in plain.cases:
        contact = contacts.of(case)
        if case.outcome is not Outcome.PASSED or not contact.on_route or case.id in known:
            continue
        routes = claims.of(case.id)
        faults[case.id] = CaseFaults(routes, _refused(contact.call, routes))
        if not contact.call:
            resting[case.id] = contact
    shared = _mostly_of_others(contacts, plain, resting, known)
    looked_at = [(case, x) for case, contact in resting.items() for x in contact.fixture if x.id not in shared]
    builders = {x.case for _, x in looked_at}
    fixture_routes = dict.fromkeys(route_of(x, claims.of(case)) for case, x in looked_at)
    # A fault in the set-up of a case with requests of its own would only hide what these show.
    for case_id in faults.keys() - resting.keys() - builders:
        faults[case_id] = replace(faults[case_id], spared=True)
    # Who does not run cannot be disturbed.
    needed = _needed_by_others(plain, resting.keys() | set(known))
    alone = tuple(r for r in fixture_routes if not any(r.matches(x.target, x.method, x.path) for x in needed))
    return FaultCandidates(
        tuple(faults),
        FaultPlan(FaultKind.ERROR, faults, claims.plumbing, alone),
        FaultPlan(FaultKind.VALUE, faults, claims.plumbing, tuple(fixture_routes)),
    )


def _mostly_of_others(
    contacts: Contacts, plain: RunObservation, resting: Mapping[str, Contact], known: Collection[str]
) -> frozenset[str]:
    """Ids of what a set-up fetched for more cases that make requests of their own than for such as rest on it.

    A session's log-in with other values in it would tell of one case, and end the set-up of all others.
    """
    looked_at = {x.id for contact in resting.values() for x in contact.fixture}
    for_others: Counter[str] = Counter()
    for_resting: Counter[str] = Counter()
    for case in plain.cases if looked_at else ():
        if case.id not in known:
            count = for_resting if case.id in resting else for_others
            count.update(x.id for x in contacts.built_for(case) if x.id in looked_at)
    return frozenset(one for one in looked_at if for_others[one] > for_resting[one])


def _needed_by_others(plain: RunObservation, resting: Collection[str]) -> list[Exchange]:
    """The exchanges of set-ups on which some case depends that makes requests of its own."""
    users: dict[str, set[str]] = defaultdict(set)
    for case in plain.cases:
        for key in case.fixtures:
            users[key].add(case.id)
    built: dict[str, list[FixtureSpan]] = defaultdict(list)
    for span in plain.fixtures:
        built[span.case].append(span)
    needed = []
    for exchange in plain.exchanges:
        if exchange.phase is Phase.SETUP:
            keys = [s.key for s in built[exchange.case or ""] if spans(s, exchange)]
            concerned = {case for key in keys for case in users[key]} or {exchange.case or ""}
            if not concerned <= set(resting):
                needed.append(exchange)
    return needed


def _refused(exchanges: Iterable[Exchange], routes: tuple[Route, ...]) -> tuple[Route, ...]:
    refused = [x for x in exchanges if x.method == "WS" and x.status is not None and x.status >= 400]
    return tuple(dict.fromkeys(route_of(x, routes) for x in refused))
