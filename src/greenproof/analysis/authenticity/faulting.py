"""Which cases a fault run repeats, and which answers it replaces for them."""

from collections.abc import Iterable
from dataclasses import dataclass

from greenproof.analysis.authenticity.claims import Claims, route_of
from greenproof.analysis.authenticity.contact import Contacts
from greenproof.model.facts import Exchange, FaultKind, Outcome, RunObservation
from greenproof.model.faults import CaseFaults, FaultPlan
from greenproof.model.routes import Route


@dataclass(frozen=True, slots=True)
class FaultCandidates:
    """The cases that a fault can tell something about, in the order in which they ran, and the two plans."""

    ids: tuple[str, ...]
    error: FaultPlan
    value: FaultPlan


def plan_faults(plain: RunObservation, claims: Claims) -> FaultCandidates:
    """Every passed case with an answer on a claimed route is repeated under both faults; the rest is decided."""
    faults: dict[str, CaseFaults] = {}
    fixture_routes: dict[Route, None] = {}
    contacts = Contacts(plain, claims)
    for case in plain.cases:
        contact = contacts.of(case)
        if case.outcome is not Outcome.PASSED or not contact.on_route:
            continue
        routes = claims.of(case.id)
        faults[case.id] = CaseFaults(routes, _refused(contact.call, routes))
        if not contact.call:
            fixture_routes.update((route_of(x, routes), None) for x in contact.fixture)
    return FaultCandidates(
        tuple(faults),
        FaultPlan(FaultKind.ERROR, faults, claims.plumbing),
        FaultPlan(FaultKind.VALUE, faults, claims.plumbing, tuple(fixture_routes)),
    )


def _refused(exchanges: Iterable[Exchange], routes: tuple[Route, ...]) -> tuple[Route, ...]:
    refused = [x for x in exchanges if x.method == "WS" and x.status is not None and x.status >= 400]
    return tuple(dict.fromkeys(route_of(x, routes) for x in refused))
