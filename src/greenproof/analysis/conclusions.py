"""What a new run makes of what an earlier one concluded."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from greenproof.model.conclusions import LIFETIME_DAYS, Conclusion, KnownBefore, Rechecked, Standing
from greenproof.model.performance import Performance
from greenproof.model.verdicts import CaseVerdict, Verdict


def recheck(
    before: Sequence[Conclusion],
    verdicts: Iterable[CaseVerdict],
    performance: Iterable[Performance],
    release: str | None,
    now: str,
) -> KnownBefore | None:
    """Each conclusion of the earlier run beside what was observed now; None: there was no such run.

    `release` is the name of the one that was judged now, and `now` the time of that: UTC in ISO 8601.
    """
    if not before:
        return None
    seen = {("case", v.id): v.verdict.value for v in verdicts if v.verdict is not Verdict.NOT_RUN}
    seen |= {("promise", p.target.name): p.met.value for p in performance if p.value_ms is not None}
    found = tuple(_rechecked(one, seen.get((one.about, one.subject)), release, now) for one in before)
    first = before[0]
    return KnownBefore(first.run, first.at, first.release, found)


def _rechecked(one: Conclusion, seen: str | None, release: str | None, now: str) -> Rechecked:
    if seen is None:
        why = _why_dropped(one, release, now)
        return Rechecked(one, Standing.DROPPED if why else Standing.UNCHECKED, None, why)
    if seen != one.said:
        where = "" if one.release == release else f", on {release or 'an unnamed release'}"
        return Rechecked(one, Standing.OVERTURNED, seen, f"it was {one.said}, and is {seen} now{where}")
    same = one.release == release
    return Rechecked(one, Standing.CONFIRMED if same else Standing.CARRIED, seen)


def _why_dropped(one: Conclusion, release: str | None, now: str) -> str:
    """Why what nobody looked at now may not be taken over; empty: it may."""
    if one.release != release:
        return f"it was about {one.release or 'an unnamed release'}, which is not what was judged now"
    if datetime.fromisoformat(now) - datetime.fromisoformat(one.at) > timedelta(days=LIFETIME_DAYS):
        return f"it is older than {LIFETIME_DAYS} days"
    return "" if one.evidence else "its evidence is gone"
