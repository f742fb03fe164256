"""Which run is meant, and what was probably meant by a name that nothing has."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from greenproof.model.errors import UsageError
from greenproof.model.history import RunSummary

LAST, PREVIOUS, LAST_GOOD = "last", "previous", "last-good"
_BACK = re.compile(r"-([1-9][0-9]{0,3})\Z")
_EXPECTED = "the id of a run or the unique beginning of one, last, previous, last-good, or -1, -2 ... before the last"
_MOST = 5
_LONGEST = 200
_CANDIDATES = 2_000
_ALIKE = 0.75


def named_run(reference: str, runs: Sequence[RunSummary]) -> RunSummary:
    """The run that is meant. `last`, `previous`, `-N` and `last-good` count the runs that were judged.

    Raises UsageError when there is none, or when the beginning of an id fits several.
    """
    judged = [run for run in runs if run.judged]
    back = _steps_back(reference)
    if back is not None:
        if back < len(judged):
            return judged[-1 - back]
        raise _unknown(reference, f"there are {len(judged)} judged runs", runs)
    if reference == LAST_GOOD:
        good = [run for run in judged if run.verdict == "verified" and not run.side]
        if good:
            return good[-1]
        raise _unknown(reference, f"none of {len(judged)} judged runs is verified", runs)
    exact = [run for run in runs if run.run == reference]
    found = exact or [run for run in runs if reference and run.run.startswith(reference)]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(run.run for run in found[:_MOST]) + (" ..." if len(found) > _MOST else "")
        raise UsageError(
            f"{reference!r} is the beginning of {len(found)} runs: {shown}",
            code="ambiguous-run",
            where="RUN",
            expected=_EXPECTED,
            hint="add a few characters",
        )
    raise _unknown(reference, "no recorded run has such an id", runs)


def _steps_back(reference: str) -> int | None:
    if reference in (LAST, PREVIOUS):
        return (LAST, PREVIOUS).index(reference)
    match = _BACK.match(reference)
    return int(match[1]) if match else None


def _unknown(reference: str, why: str, runs: Sequence[RunSummary]) -> UsageError:
    names = nearest(reference, (run.run for run in reversed(runs)))
    return UsageError(
        f"there is no run {reference[:_LONGEST]!r}: {why}",
        code="unknown-run",
        where="RUN",
        expected=_EXPECTED,
        hint=f"did you mean {' or '.join(names)}? `greenproof ledger runs` lists all"
        if names
        else "`greenproof ledger runs` lists all",
    )


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Up to five known names that look like this one, the likest first.

    Names that hold it, or its last part, come before those that only look like it. Of very many names only some are
    looked at: nobody waits for a hint.
    """
    wanted = name[:_LONGEST]
    part = wanted.rsplit("::", 1)[-1].split("[", 1)[0].strip("*?")
    every = list(dict.fromkeys(known))
    holding = sorted((other for other in every if part and part.lower() in other.lower()), key=len)
    same_end = [other for other in holding if other.endswith(f"::{part}")]
    ends: dict[str, str] = {}
    for other in every[:_CANDIDATES]:
        ends.setdefault(other.rsplit("::", 1)[-1], other)
    by_end = [ends[end] for end in get_close_matches(part, list(ends), n=_MOST, cutoff=_ALIKE)]
    if not (holding or by_end):
        by_end = get_close_matches(wanted, [other[:_LONGEST] for other in every[:_CANDIDATES]], n=_MOST, cutoff=_ALIKE)
    return tuple(dict.fromkeys((*same_end, *holding, *by_end)))[:_MOST]
