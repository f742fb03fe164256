"""The configuration of the last good state: kept when a run was judged, and found again."""

import contextlib
import json
from collections.abc import Mapping

from greenproof.adapters.platforms.base import Platform
from greenproof.adapters.platforms.local.credentials import Credentials, NotMade
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.manifests import load_release
from greenproof.analysis import drift
from greenproof.ledger import EventLedger
from greenproof.ledger.past import of_releases
from greenproof.loop.drifting import Ground, ground_of, of_release, snapshots
from greenproof.loop.journal import Journal
from greenproof.model.drift import Kind, Origin, Role, Setting, Side, Snapshot, Source
from greenproof.model.errors import GreenproofError, LedgerError, PlatformError
from greenproof.model.events import ConfigurationKept
from greenproof.model.history import RunSummary
from greenproof.model.plan import Environment, Plan, Suite


def keep_configuration(
    journal: Journal,
    plan: Plan,
    environment: Environment,
    platform: Platform,
    suite: Suite,
    release: str | None,
    *,
    making: bool = True,
) -> None:
    """Keep what is declared and deployed and what the tests got, beside the ledger. A later run can be compared with
    it, if this one turns out to be verified. `making`: whether the key of digests may be made where there is none.
    """
    with contextlib.suppress(PlatformError, NotMade):
        # Keys are told apart by digests, and an environment without secrets has no key for these yet.
        Credentials(Layout.of(plan, environment), plan, making=making).digest("")
    try:
        taken = snapshots(ground_of(plan, environment, platform), suite)
    except GreenproofError as error:
        taken = {side: drift.empty(side, f"{error.message} [{error.code}]") for side in Side}
    kept = journal.keep("the configuration", [_plain(snapshot) for snapshot in taken.values()])
    count = sum(len(snapshot.settings) for snapshot in taken.values())
    event = ConfigurationKept(journal.cycle, suite.name, environment.name, count, release, (kept,))
    journal.happened(event)


def last_good(ledger: EventLedger | None, ground: Ground, suite: Suite | None) -> Mapping[Side, Snapshot]:
    """The three sides as the last verified run on the environment kept them; else the manifests of the last known good
    release, which know nothing of the tests and of what was declared.
    """
    found = _kept(ledger, ground, suite) if ledger is not None else {}
    why = "no verified run on this environment has kept it"
    if Side.DEPLOYED not in found:
        found = {**found, Side.DEPLOYED: _of_manifests(ground, why)}
    return {side: found.get(side) or drift.empty(side, why) for side in Side}


def _of_manifests(ground: Ground, why: str) -> Snapshot:
    good = ground.status.releases.good
    if not good:
        return drift.empty(Side.DEPLOYED, f"{why}, and no release is known good")
    release = load_release(ground.layout, good[-1].release)
    if release is None:
        return drift.empty(Side.DEPLOYED, f"{why}, and the manifest of {good[-1].release} is gone")
    return of_release(ground, release, good[-1].at)


def _kept(ledger: EventLedger, ground: Ground, suite: Suite | None) -> dict[Side, Snapshot]:
    good = {run.run: run for run in of_releases(ledger) if run.verdict == "verified" and run.exit_code == 0}
    found: dict[Side, Snapshot] = {}
    for entry in ledger.latest("ConfigurationKept"):
        event = entry.event
        if not isinstance(event, ConfigurationKept) or entry.run not in good:
            continue
        if event.environment != ground.environment.name:
            continue
        for snapshot in _read(ledger, event, good[entry.run]):
            # What another suite got says nothing of this one.
            if snapshot.side is not Side.TESTS or (suite is not None and event.suite == suite.name):
                found.setdefault(snapshot.side, snapshot)
        if len(found) == len(Side):
            break
    return found


def _read(ledger: EventLedger, event: ConfigurationKept, run: RunSummary) -> list[Snapshot]:
    try:
        content = json.loads(ledger.evidence(event.evidence[0]))
        return [_snapshot(one, run) for one in content]
    except (LedgerError, ValueError, TypeError, KeyError, IndexError, RecursionError, AttributeError):
        return []


def _plain(snapshot: Snapshot) -> dict[str, object]:
    """As it is kept. Names stand last in their rows, so that the value after one is not taken for a secret."""
    rows: list[object] = [
        [
            one.value, one.kind.value, one.source.origin.value, one.source.line, one.role.value, one.given,
            one.source.where, one.subject, one.name,
        ]
        for one in snapshot.settings
    ]  # fmt: skip
    return {
        "side": snapshot.side.value,
        "of": snapshot.name,
        "at": snapshot.at,
        "settings": rows,
        "missing": list(snapshot.missing),
        "absent": snapshot.absent,
    }


def _snapshot(record: Mapping[str, object], run: RunSummary) -> Snapshot:
    rows, missing = record["settings"], record["missing"]
    if not isinstance(rows, list) or not isinstance(missing, list):
        raise TypeError("a list was expected")
    settings = tuple(
        Setting(
            str(subject),
            str(name),
            Kind(kind),
            str(value),
            Source(Origin(origin), str(where), int(line)),
            Role(role),
            bool(given),
        )
        for value, kind, origin, line, role, given, where, subject, name in rows
    )
    of = f"run {run.run}" + (f", release {run.release}" if run.release else "")
    return Snapshot(
        Side(str(record["side"])), of, run.started, settings, tuple(map(str, missing)), str(record["absent"])
    )
