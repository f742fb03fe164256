"""Condition 2, arrived: a receipt of the expected release on a claimed route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greenproof.analysis.authenticity import reasons
from greenproof.analysis.authenticity.contact import Contact
from greenproof.model.facts import CaseRecord, Depth, Exchange, Phase, Receipt
from greenproof.model.routes import Route
from greenproof.model.verdicts import Reason

_ASKING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the serving side confirmed."""

    reason: Reason | None
    """Why the case did not arrive; None: it did."""
    hollow: bool
    receipts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def arrived(
    case: CaseRecord,
    contact: Contact,
    receipts: Sequence[Receipt],
    expected: Mapping[str, str | None],
    services: Mapping[str, str],
    *,
    claimed: bool = True,
) -> Arrival:
    """Judge the arrival of a case.

    `receipts` are those that carry one of the case's trace ids; `expected` maps a target to its revision (None:
    unnamed); `services` maps a target to the name under which its service writes receipts; `claimed`: a claim names
    the case's routes.
    """
    if not contact.on_route:
        return _no_route(case, contact, claimed)
    judged = [_judge(x, receipts, expected.get(x.target), services) for x in contact.on_route]
    good = [a for a in judged if a.reason is None]
    own = judged[: len(contact.call)]
    if own and all(a.hollow for a in own):
        # What a fixture fetched does not make up for answers that the test itself got from a stub or an old release.
        return own[0]
    if good:
        ids = tuple(dict.fromkeys(i for a in good for i in a.receipts))
        remarks = tuple(dict.fromkeys(r for a in good for r in a.remarks))
        return Arrival(None, False, ids, remarks)
    refuted = [a for a in judged if a.hollow]
    return (refuted or judged)[0]


def _no_route(case: CaseRecord, contact: Contact, claimed: bool) -> Arrival:
    """Nothing was answered on a claimed route: say which of the ways to fail this is."""
    if contact.synthetic:
        return _refuted(reasons.FALLBACK, [x.id for x in contact.synthetic])
    if contact.ambiguous:
        left = f" Left behind by: {', '.join(case.strays[:3])}." if case.strays else ""
        text = f"{reasons.AMBIGUOUS.meaning}{left}"
        return Arrival(reasons.AMBIGUOUS.reason(text, *(x.id for x in contact.ambiguous)), False)
    if contact.unanswered:
        return _missing(reasons.NO_ANSWER, [x.id for x in contact.unanswered])
    if contact.own_setup:
        return _refuted(reasons.SETUP_ONLY, [x.id for x in contact.own_setup])
    if contact.elsewhere:
        routes = sorted({f"{x.target}: {x.method} {x.path}" for x in contact.elsewhere})
        if not claimed and any(x.phase is Phase.CALL and x.method not in _ASKING for x in contact.elsewhere):
            # Perhaps it tests the log-in itself; asking for the health of a service is no test of a feature.
            return _missing(reasons.PLUMBING_ONLY, [x.id for x in contact.elsewhere])
        text = f"{reasons.WRONG_ROUTE.meaning} Reached: {', '.join(routes[:5])}."
        return Arrival(reasons.WRONG_ROUTE.reason(text, *(x.id for x in contact.elsewhere)), True)
    ways_out = _ways_out(case)
    if ways_out:
        return Arrival(reasons.UNSEEN_CONTACT.reason(f"{reasons.UNSEEN_CONTACT.meaning} {ways_out}"), False)
    return _refuted(reasons.MOCKED if case.mocks else reasons.NO_CONTACT, [])


def _ways_out(case: CaseRecord) -> str:
    """How the case may have talked to something that the relay can't see; empty: in no way."""
    ways = []
    if case.foreign_connections:
        ways.append(f"{case.foreign_connections} connections to other addresses")
    if case.children:
        ways.append(f"{case.children} child processes")
    if case.evasions:
        ways.append(f"native clients loaded: {', '.join(case.evasions)}")
    return f"Seen: {'; '.join(ways)}." if ways else ""


def _judge(
    exchange: Exchange,
    receipts: Sequence[Receipt],
    expected: str | None,
    services: Mapping[str, str],
) -> Arrival:
    service = services.get(exchange.target, exchange.target)
    own = [r for r in receipts if _same_exchange(r, exchange, service)]
    depth = exchange.depth if exchange.depth is not Depth.UNKNOWN else _shallowest(own)
    if depth is Depth.CANNED:
        return _refuted(reasons.BYPASS, [exchange.id])
    if depth is Depth.CACHE:
        return _refuted(reasons.CACHED, [exchange.id])
    if exchange.status is not None and exchange.status >= 500 and depth is not Depth.CORE:
        # Whoever stands before a dead service says the same.
        return _missing(reasons.SERVER_ERROR_ONLY, [exchange.id])
    remarks = ("the service did not say how deep it went",) if depth is Depth.UNKNOWN else ()
    named = [(f"header:{exchange.id}", exchange.identity)] if exchange.identity else []
    named += [(f"{r.source}:{r.service}:{r.trace_id}", r.revision) for r in own if r.revision]
    if expected is None:
        ids = tuple(i for i, _ in named) or (f"relay:{exchange.id}",)
        return Arrival(None, False, ids, (*remarks, "release unnamed"))
    wrong = sorted({revision for _, revision in named if revision != expected and revision})
    if wrong:
        text = f"Expected {exchange.target}={expected}; answered by {', '.join(wrong)}."
        return Arrival(reasons.STALE_REVISION.reason(text, exchange.id), True)
    if not named:
        return _missing(reasons.NO_RECEIPT, [exchange.id])
    return Arrival(None, False, tuple(i for i, _ in named), remarks)


def _same_exchange(receipt: Receipt, exchange: Exchange, service: str) -> bool:
    """A receipt carries the case, not the exchange: route and method tell the exchanges of a case apart."""
    if receipt.trace_id != exchange.trace_id or receipt.service != service:
        return False
    if receipt.method != exchange.method or not receipt.route.startswith("/"):
        return False
    return Route(receipt.method, receipt.route).matches(exchange.target, exchange.method, exchange.path)


def _shallowest(receipts: Sequence[Receipt]) -> Depth:
    """The shallowest depth that any receipt of the route named; core only if none objects."""
    depths = [receipt.depth for receipt in receipts]
    for depth in (Depth.CANNED, Depth.CACHE, Depth.CORE):
        if depth in depths:
            return depth
    return Depth.UNKNOWN


def _refuted(kind: reasons.ReasonKind, evidence: Sequence[str]) -> Arrival:
    return Arrival(kind.reason(None, *evidence), True)


def _missing(kind: reasons.ReasonKind, evidence: Sequence[str]) -> Arrival:
    return Arrival(kind.reason(None, *evidence), False)
