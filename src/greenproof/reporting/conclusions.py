"""What was known before, and what became of it: for the terminal, the worklog and the result."""

from collections.abc import Iterator
from typing import Any

from greenproof.model.conclusions import KnownBefore, Rechecked, Standing
from greenproof.model.text import printable

_SHOWN = 20
_TOLD = (Standing.OVERTURNED, Standing.DROPPED)


def known_line(known: KnownBefore) -> str:
    """One line: how many conclusions of which run stand, and how many don't."""
    counts = known.counts
    told = ", ".join(f"{number} {standing}" for standing, number in counts.items() if number)
    release = f", release {known.release}" if known.release else ""
    many = len(known.rechecked)
    return printable(f"known before: {many} conclusions of run {known.run} ({known.at}{release}): {told}")


def known_rows(known: KnownBefore) -> Iterator[tuple[str, ...]]:
    """What does not stand any more: subject, what was said, what is said now, why, and its event in the ledger."""
    for one in _not_standing(known)[:_SHOWN]:
        found = one.conclusion
        yield found.subject, found.said, one.now or "-", f"{one.standing}: {one.why}", f"event {found.event}"
    more = len(_not_standing(known)) - _SHOWN
    if more > 0:
        yield f"and {more} more", "", "", "the result as JSON has them", ""


def known_document(known: KnownBefore) -> dict[str, Any]:
    """For programs."""
    return {
        "run": known.run,
        "at": known.at,
        "release": known.release,
        "counts": dict(known.counts),
        "conclusions": [
            {
                "about": one.conclusion.about,
                "subject": one.conclusion.subject,
                "said": one.conclusion.said,
                "now": one.now,
                "standing": one.standing.value,
                "why": one.why,
                "event": one.conclusion.event,
                "hash": one.conclusion.hash,
            }
            for one in known.rechecked
        ],
    }


def _not_standing(known: KnownBefore) -> list[Rechecked]:
    return [one for standing in _TOLD for one in known.rechecked if one.standing is standing]
