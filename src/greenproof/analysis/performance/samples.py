"""From one exchange to durations: each time that it shows what is to be timed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from greenproof.model.facts import Exchange, Join, MessageSeen
from greenproof.model.performance import SOCKET_MEASURES, LeftOut, Measure, PerformanceTarget

_UNSURE = (Join.AMBIGUOUS, Join.NONE)


@dataclass(slots=True)
class Samples:
    """What one exchange showed of one promise."""

    ns: list[int] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)


def samples_of(target: PerformanceTarget, exchange: Exchange, passed: frozenset[str]) -> Samples:
    """Durations in nanoseconds, and what could not be timed. `passed` are the cases that count."""
    found = Samples()
    if exchange.protocol == "tcp" or (exchange.method == "WS") is not (target.measure in SOCKET_MEASURES):
        return found
    if exchange.join in _UNSURE:
        found.left_out[LeftOut.AMBIGUOUS] += 1
    elif exchange.case not in passed:
        found.left_out[LeftOut.NOT_PASSED] += 1
    elif exchange.synthetic:
        found.left_out[LeftOut.UNANSWERED] += 1
    elif exchange.method == "WS":
        _conversation(target, exchange, found)
    else:
        _request(target, exchange, found)
    return found


def _request(target: PerformanceTarget, exchange: Exchange, found: Samples) -> None:
    whole = target.measure is Measure.COMPLETE
    end = exchange.end_ns if whole else exchange.head_ns
    if exchange.head_ns is None or end is None or (whole and exchange.error is not None):
        found.left_out[LeftOut.UNANSWERED] += 1
    elif exchange.asked_ns is None or exchange.head_ns < exchange.asked_ns:
        found.left_out[LeftOut.EARLY] += 1
    else:
        found.ns.append(end - exchange.asked_ns)


def _conversation(target: PerformanceTarget, exchange: Exchange, found: Samples) -> None:
    match target.measure:
        case Measure.HANDSHAKE:
            if exchange.accepted_ns is not None:
                found.ns.append(exchange.accepted_ns - exchange.start_ns)
            elif exchange.status != 101:
                found.left_out[LeftOut.UNANSWERED] += 1
            # Else it is a later part of a conversation, which had its handshake before.
        case Measure.REPLY:
            _replies(target, exchange.messages, found)
        case Measure.EVENT:
            _events(target, exchange.messages, found)
        case Measure.PAUSE:
            found.ns += _pauses(target, exchange.messages)
    if target.measure is not Measure.HANDSHAKE and exchange.not_kept:
        found.left_out[LeftOut.NOT_KEPT] += exchange.not_kept


def _replies(target: PerformanceTarget, messages: Sequence[MessageSeen], found: Samples) -> None:
    """From the first message that waits to the server's next; those sent meanwhile are no samples of their own."""
    since: int | None = None
    for message in messages:
        if message.from_client and (target.sent is None or _is(target, message, target.sent)):
            if since is None:
                since = message.ns
            else:
                found.left_out[LeftOut.OVERLAPPING] += 1
        elif not message.from_client and since is not None:
            found.ns.append(message.ns - since)
            since = None
    if since is not None:
        found.left_out[LeftOut.UNANSWERED] += 1


@dataclass(slots=True)
class _Waiting:
    """Messages with one value in the linking field, for which what is to be timed has not come."""

    since: int = 0
    open: int = 0
    overlapped: bool = False


def _events(target: PerformanceTarget, messages: Sequence[MessageSeen], found: Samples) -> None:
    """Where two wait at once and nothing tells them apart, none of them is a sample until none waits any more."""
    waiting: dict[str | None, _Waiting] = {}
    for message in messages:
        link = _link(target, message)
        if target.link is not None and link is None:
            # Without the field that links it, it belongs to none; a start of that kind is never answered.
            if _starts(target, message):
                found.left_out[LeftOut.UNANSWERED] += 1
            continue
        if _stops(target, message) and (group := waiting.get(link)) is not None and group.open:
            if group.overlapped:
                found.left_out[LeftOut.OVERLAPPING] += 1
            else:
                found.ns.append(message.ns - group.since)
            group.open -= 1
            group.overlapped = group.overlapped and group.open > 0
        # A message may stop one clock and start the next.
        if _starts(target, message):
            group = waiting.setdefault(link, _Waiting())
            group.since, group.open, group.overlapped = message.ns, group.open + 1, group.open > 0
    for group in waiting.values():
        if group.open:
            found.left_out[LeftOut.OVERLAPPING if group.overlapped else LeftOut.UNANSWERED] += group.open


def _pauses(target: PerformanceTarget, messages: Sequence[MessageSeen]) -> Iterator[int]:
    """Between messages of the server; with `after` and `event` only from the one to the other."""
    counting = target.after is None
    last: int | None = None
    for message in messages:
        if message.from_client:
            last = None
            continue
        if counting and last is not None:
            yield message.ns - last
        if target.after is not None and _is(target, message, target.after):
            counting = True
        if target.event is not None and _is(target, message, target.event):
            counting = target.after is None
            last = None
        else:
            last = message.ns if counting else None


def _starts(target: PerformanceTarget, message: MessageSeen) -> bool:
    if target.after is not None:
        return not message.from_client and _is(target, message, target.after)
    return message.from_client and (target.sent is None or _is(target, message, target.sent))


def _stops(target: PerformanceTarget, message: MessageSeen) -> bool:
    return not message.from_client and target.event is not None and _is(target, message, target.event)


def _is(target: PerformanceTarget, message: MessageSeen, name: str) -> bool:
    return (target.field, name) in message.names


def _link(target: PerformanceTarget, message: MessageSeen) -> str | None:
    return next((value for field, value in message.links if field == target.link), None)
