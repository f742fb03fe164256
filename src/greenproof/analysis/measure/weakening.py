"""Does one check accept more than another?"""

import math
from enum import StrEnum

from greenproof.analysis.measure.checks import Check
from greenproof.model.redaction import MASK


class Loss(StrEnum):
    """What a check lost against an earlier one with the same subject."""

    NONE = "none"
    """It accepts the same, or less."""
    WIDER = "wider"
    """It accepts more values."""
    LOOSER = "looser"
    """A bound was moved outwards."""
    WEAKER = "weaker"
    """It is of a weaker kind."""
    OTHER = "other"
    """It accepts something else."""
    ALWAYS = "always"
    """It holds whatever happens."""


def loss(old: Check, new: Check) -> Loss:  # noqa: C901  (one line for each pair of relations)
    """What is lost when `new` stands where `old` stood."""
    if new.relation == "always":
        return Loss.NONE if old.relation == "always" else Loss.ALWAYS
    if old.key == new.key or MASK in old.expected or MASK in new.expected:
        # A masked value can't be compared with anything.
        return Loss.NONE
    if old.relation == new.relation == "raises":
        return _exceptions(old.expected, new.expected)
    if new.own and not old.own and old.accepted is not None:
        # Whatever the answer says must only agree with itself.
        return Loss.WEAKER
    past, present = old.accepted, new.accepted
    if past is not None and present is not None:
        return _sets(past, present)
    span, now = old.numbers, new.numbers
    if span is not None and now is not None:
        return _spans(span, now)
    if present is not None and span is not None:
        # Single values within a span that was accepted before.
        values = [_number(v) for v in present]
        if all(v is not None and span[0] <= v <= span[1] for v in values):
            return Loss.NONE
    if past is not None and (now is not None or new.relation in ("contains", "ne")):
        return Loss.WIDER if now is not None else Loss.WEAKER
    if any(loss(old, one) is Loss.NONE for one in new.alternatives):
        return Loss.WEAKER
    if old.alternatives and any(loss(one, new) is Loss.NONE for one in old.alternatives):
        return Loss.NONE
    if new.strength < old.strength:
        return Loss.WEAKER
    return Loss.NONE if new.strength > old.strength else Loss.OTHER


def _exceptions(past: str, present: str) -> Loss:
    """`ValueError 'no stock'` beside `Exception`."""
    kind, _, match = past.partition(" '")
    other, _, now = present.partition(" '")
    if other in _BROAD and kind not in _BROAD:
        return Loss.WEAKER
    if match and not now:
        return Loss.WEAKER
    names, others = (set(k.strip("()").replace(",", " ").split()) for k in (kind, other))
    if names < others:
        return Loss.WIDER
    return Loss.NONE if others <= names and (match == now or not match) else Loss.OTHER


_BROAD = frozenset({"Exception", "BaseException"})


def _sets(past: frozenset[str], present: frozenset[str]) -> Loss:
    if present <= past:
        return Loss.NONE
    return Loss.WIDER if len(present) > len(past) or present > past else Loss.OTHER


def _spans(past: tuple[float, float], present: tuple[float, float]) -> Loss:
    if past[0] <= present[0] and present[1] <= past[1]:
        return Loss.NONE
    if past[0] == past[1]:
        return Loss.OTHER if present[0] == present[1] else Loss.WIDER
    if present[0] == present[1]:
        return Loss.OTHER
    return Loss.LOOSER


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return None if math.isnan(found) else found
