"""Drift: what is declared, deployed, expected by the tests, and what was so in the last good state. Pure."""

from collections.abc import Mapping

from greenproof.analysis.drift.facing import covers, deployed_and_tests
from greenproof.analysis.drift.pairs import declared_and_deployed, empty, since_last_good
from greenproof.analysis.drift.services import facts_in, facts_of, in_order, service_settings
from greenproof.analysis.drift.suites import SuiteFacts, TargetVariables, hosts_of, suite_snapshot
from greenproof.analysis.drift.values import shown
from greenproof.analysis.drift.written import WrittenValues, written_in
from greenproof.model.drift import Drift, Pair, Side, Snapshot, State
from greenproof.model.exits import ExitCode

AGAINST = ("deployed", "tests", "last-good")
"""What can be looked at alone: declared beside deployed, deployed beside tests, the last good state beside now."""


def compare(now: Mapping[Side, Snapshot], before: Mapping[Side, Snapshot], against: str | None) -> tuple[Pair, ...]:
    """Every pair, or those of one word of AGAINST. What is asked for alone counts, also what has changed since."""
    found = []
    if against in (None, "deployed"):
        found.append(declared_and_deployed(now[Side.DECLARED], now[Side.DEPLOYED]))
    if against in (None, "tests"):
        found.append(deployed_and_tests(now[Side.DEPLOYED], now[Side.TESTS]))
    if against in (None, "last-good"):
        pairs = (since_last_good(before[side], now[side]) for side in Side)
        found += [_counting(pair) if against else pair for pair in pairs]
    return tuple(found)


def _counting(pair: Pair) -> Pair:
    return Pair(pair.name, pair.first, pair.second, pair.differences, pair.compared, pair.absent, counts=True)


def exit_code(found: Drift) -> ExitCode:
    """1: something that matters differs; 5: nothing could be compared; 6: something can't be told; 0: no drift."""
    counting = [pair for pair in found.pairs if pair.counts]
    compared = [pair for pair in counting if not pair.absent]
    matters = [one for pair in compared for one in pair.differences if one.matters]
    if any(one.state is not State.UNCOMPARED for one in matters):
        return ExitCode.FAILED
    if not compared or not any(pair.compared for pair in compared):
        return ExitCode.NOTHING_VERIFIED
    missing = any(snapshot.missing for snapshot in found.snapshots)
    if matters or missing or len(compared) < len(counting):
        return ExitCode.INCONCLUSIVE
    return ExitCode.VERIFIED


__all__ = [
    "AGAINST",
    "SuiteFacts",
    "TargetVariables",
    "WrittenValues",
    "compare",
    "covers",
    "declared_and_deployed",
    "deployed_and_tests",
    "empty",
    "exit_code",
    "facts_in",
    "facts_of",
    "hosts_of",
    "in_order",
    "service_settings",
    "shown",
    "since_last_good",
    "suite_snapshot",
    "written_in",
]
