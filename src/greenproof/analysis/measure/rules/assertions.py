"""Checks that are gone, or that accept more than before."""

import re
from collections import Counter
from collections.abc import Iterator

from greenproof.analysis.measure.checks import Check, bare
from greenproof.analysis.measure.kinds import FindingKind, note, weakened
from greenproof.analysis.measure.reaching import Comparison
from greenproof.analysis.measure.suite import Function
from greenproof.analysis.measure.weakening import Loss, loss
from greenproof.model.measure import MeasureFinding, Place

REMOVED = weakened(
    "assertion-removed",
    "A check is gone, and nothing that the test runs checks the same.",
    'assert answer.json()["total"] == 10 was deleted',
    "Bring the check back.",
)
WEAKER = weakened(
    "assertion-weakened",
    "A check accepts more kinds of answers than before.",
    'assert body["total"] == 10 became assert body["total"] is not None',
    "Check the exact value again.",
)
STATUSES = weakened(
    "statuses-widened",
    "More statuses are accepted than before.",
    "assert answer.status_code == 200 became assert answer.status_code in (200, 503)",
    "Accept the one status that the feature promises.",
)
HEALTH = weakened(
    "health-status-widened",
    "Another word for the state of a service is accepted, or accepted as well.",
    'assert body["status"] == "healthy" became assert body["status"] in ("healthy", "degraded")',
    "Mend the service, and accept only the word for a service that works.",
)
BOUND = weakened(
    "bound-loosened",
    "A limit in a check was moved outwards.",
    "assert elapsed < 2 became assert elapsed < 10",
    "Keep the limit, and find out why it is not met.",
)
ALWAYS = weakened(
    "assertion-always-true",
    "A check holds now whatever the service answers.",
    "assert answer.ok or True",
    "Remove the part that always holds.",
)
CONDITIONAL = weakened(
    "assertion-conditional",
    "A check runs only under a condition now.",
    'if answer.ok: assert answer.json()["total"] == 10',
    "Check always; assert the condition itself first.",
)
HARD_CODED = weakened(
    "measurement-hard-coded",
    "What was observed before is written into the test now.",
    "elapsed = stop - start became elapsed = 0.4",
    "Observe it again.",
)
SHIFTED = weakened(
    "measurement-shifted",
    "What was observed is changed by a constant before it is checked.",
    "start = time.monotonic() + 100, or min(elapsed, 1) in the place of elapsed",
    "Check what was observed, as it was observed.",
)
OTHER = note(
    "expectation-changed",
    "A check expects something else, as strictly as before.",
    'assert body["total"] == 10 became assert body["total"] == 12',
    "Nothing, if the feature was meant to change.",
)
FAILURE = weakened(
    "failure-expected",
    "A check expects an error now where it expected success.",
    "assert answer.status_code == 200 became assert answer.status_code == 503",
    "Mend the service, not the test.",
)
KINDS = (REMOVED, WEAKER, STATUSES, HEALTH, BOUND, ALWAYS, CONDITIONAL, HARD_CODED, SHIFTED, OTHER, FAILURE)

_STATUS = re.compile(r"(status_code|\.status|\.code|getcode\(\)|\['status_?code'\])\Z")
_HEALTH = re.compile(r"(status|state|health|ready)\w*('\]|\))?\Z", re.IGNORECASE)


def find(comparison: Comparison) -> Iterator[MeasureFinding]:
    """Each check that some test lost, once."""
    told: dict[tuple[str, int, str, str], tuple[MeasureFinding, int]] = {}
    for old, new in comparison.pairs():
        for finding, check in _lost(comparison, old, new):
            key = (check.owner, check.line, finding.code, finding.now)
            count = told[key][1] if key in told else 0
            told[key] = (finding, count + old.test)
    for finding, count in told.values():
        yield MeasureFinding(
            finding.code, finding.weight, finding.subject, finding.place, finding.text, finding.was, finding.now, count
        )


def _lost(comparison: Comparison, old: Function, new: Function) -> Iterator[tuple[MeasureFinding, Check]]:
    past, present = comparison.old.checks(old), comparison.new.checks(new)
    left, fresh, same = _uncommon(past, present)
    for before, now in same:
        if extra := _condition(before, now):
            place, text = Place(now.path, now.line), f"It stands under `{extra}` now."
            yield CONDITIONAL.finding(now.owner, place, text, was=before.text, now=f"{extra}: {now.text}"), before
    for check in left:
        if _still_there(comparison, check, old, new):
            continue
        found = _judged(check, fresh)
        if found is not None:
            kind, after = found
            owner, place = _here(comparison, check, after, new)
            was, now_said = check.text, after.text if after is not None else "gone"
            if was == now_said and after is not None:
                # A constant elsewhere was changed.
                was, now_said = (f"{one.text}, which is {one.expected}" for one in (check, after))
            yield kind.finding(owner, place, was=was, now=now_said), check


def _still_there(comparison: Comparison, check: Check, old: Function, new: Function) -> bool:
    """Whether a helper has the check as ever, and the test itself calls it as often as before."""
    if check.owner == old.id:
        return False
    helper = comparison.matches.pairs.get(check.owner)
    has = helper is not None and any(c.key == check.key for c in comparison.new.own_checks(helper))
    return has and not comparison.no_longer_named(check.owner, old, new)


def _uncommon(past: list[Check], present: list[Check]) -> tuple[list[Check], list[Check], list[tuple[Check, Check]]]:
    """Checks of the past that are not there any more, new ones, and pairs of those that say the same."""
    by_key: dict[tuple[str, str, str], list[Check]] = {}
    for check in present:
        by_key.setdefault(check.key, []).append(check)
    left, same = [], []
    for check in past:
        those = by_key.get(check.key)
        if those:
            # One that stands as free as this one, if there is one.
            best = min(range(len(those)), key=lambda n: (len(those[n].guards) > len(check.guards), n))
            same.append((check, those.pop(best)))
        else:
            left.append(check)
    return left, [check for those in by_key.values() for check in those], same


def _condition(before: Check, after: Check) -> str:
    """The condition that came on top, if there is one."""
    if len(after.guards) <= len(before.guards):
        return ""
    extra = list((Counter(after.guards) - Counter(before.guards)).elements())
    return extra[-1] if extra else ""


def _judged(check: Check, fresh: list[Check]) -> tuple[FindingKind, Check | None] | None:
    if check.relation == "always" or not check.measured:
        return None
    near = [c for c in fresh if _shares(check, c)]
    if not near:
        return _without(check, fresh)
    losses = [(loss(check, c), c) for c in near]
    if any(what is Loss.NONE for what, _ in losses):
        return None
    what, after = min(losses, key=lambda pair: (_ORDER.index(pair[0]), pair[1].line))
    return _kind(what, check, after), after


_ORDER = [Loss.OTHER, Loss.LOOSER, Loss.WIDER, Loss.WEAKER, Loss.ALWAYS]


def _shares(old: Check, new: Check) -> bool:
    return new.subject == old.subject or any(a.subject == old.subject for a in new.alternatives)


def _without(check: Check, fresh: list[Check]) -> tuple[FindingKind, Check | None] | None:
    """Nothing looks at the same any more."""
    alike = [c for c in fresh if (c.relation, c.expected) == (check.relation, check.expected)]
    literal = next((c for c in alike if not c.measured), None)
    if literal is not None:
        return HARD_CODED, literal
    plain = bare(check.subject)
    shifted = next((c for c in alike if c.subject != check.subject and bare(c.subject) == plain), None)
    if shifted is not None and plain is not None and len(shifted.subject) > len(check.subject):
        return SHIFTED, shifted
    if check.expected and any(c.measured for c in alike):
        # The same is expected of something that has another name now.
        return None
    always = next((c for c in fresh if c.relation == "always"), None)
    if always is not None:
        return HARD_CODED if always.subject == check.expected else ALWAYS, always
    return REMOVED, None


def _kind(what: Loss, old: Check, new: Check) -> FindingKind:
    if what is Loss.ALWAYS:
        return ALWAYS
    status = _STATUS.search(old.subject) is not None
    if what is Loss.OTHER:
        if status and _succeeds(old) and not _succeeds(new):
            return FAILURE
        return HEALTH if not status and _is_health(old) else OTHER
    if status and what in (Loss.WIDER, Loss.LOOSER):
        return STATUSES
    if what is Loss.WIDER and _is_health(old):
        return HEALTH
    return BOUND if what is Loss.LOOSER else WEAKER


def _is_health(check: Check) -> bool:
    words = check.accepted or frozenset()
    return _HEALTH.search(check.subject) is not None and any(word.startswith("'") for word in words)


def _succeeds(check: Check) -> bool:
    return any(value.startswith(("2", "3")) for value in check.accepted or ())


def _here(comparison: Comparison, old: Check, new: Check | None, test: Function) -> tuple[str, Place]:
    """Where a person should look: at the new check, else at what holds it no longer."""
    if new is not None:
        return new.owner, Place(new.path, new.line)
    owner = comparison.matches.pairs.get(old.owner)
    if owner is not None:
        return owner.id, Place(owner.path, owner.line)
    return test.id, Place(test.path, test.line)
