"""What a run takes over from the runs before it, as the ledger has it: each with the run, the time and the release."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from greenproof.ledger import EventLedger
from greenproof.ledger.past import of_releases
from greenproof.model.events import (
    CasesPlanned,
    PerformanceMeasured,
    ReadingTaken,
    ReleaseDeployed,
    RolledBack,
    RunJudged,
    RunStarted,
    VerdictReached,
)
from greenproof.model.facts import TARGET_PROBE, Reading
from greenproof.model.history import PerformancePast, RunSummary
from greenproof.model.inheritance import COMPONENTS, PERFORMANCE, RELEASE, Baseline, Inherited
from greenproof.model.performance import Performance


@dataclass(frozen=True, slots=True)
class ComponentsBefore:
    """How the components were in the last run on the same environment that looked at them."""

    run: str | None = None
    """None: there is no such run."""
    at: str = ""
    release: str | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)

    @property
    def inherited(self) -> tuple[Inherited, ...]:
        """What a report has to say beside them."""
        if self.run is None:
            return ()
        text = f"states and latencies of {len(self.readings)} components, shown as those before."
        return (Inherited(COMPONENTS, text, self.run, self.at, self.release),)


@dataclass(frozen=True, slots=True)
class PerformanceBefore:
    """What the last run of the same kind measured of promises about time."""

    run: str | None = None
    """None: there is no such run."""
    at: str = ""
    release: str | None = None
    promises: Mapping[str, PerformanceMeasured] = field(default_factory=dict)

    def beside(self, found: Sequence[Performance]) -> Mapping[str, PerformancePast]:
        """Those that timed the same thing in the same place, by name."""
        same = {p.target.name: (p.target.definition, p.target.statistic.value) for p in found}
        return {
            name: PerformancePast(name, old.met, old.measure, old.statistic, old.limit_ms, old.value_ms)
            for name, old in self.promises.items()
            if old.value_ms is not None and same.get(name) == (old.definition, old.statistic)
        }

    def inherited(self, found: Sequence[Performance]) -> tuple[Inherited, ...]:
        """What a report has to say beside them."""
        beside = self.beside(found)
        if self.run is None or not beside:
            return ()
        text = f"times of {len(beside)} promises, shown as those before."
        return (Inherited(PERFORMANCE, text, self.run, self.at, self.release),)


def performance_before(ledger: EventLedger, started: RunStarted, without: str | None = None) -> PerformanceBefore:
    """The last run of the same command, suite, arguments and environment that measured any, on a current release."""
    alike: dict[str, bool] = {}
    for entry in ledger.latest("PerformanceMeasured"):
        if entry.run == without:
            continue
        if entry.run not in alike:
            begun = (found.event for found in ledger.entries(entry.run, ("RunStarted",)))
            alike[entry.run] = any(isinstance(event, RunStarted) and _same_kind(event, started) for event in begun)
        if alike[entry.run]:
            events = (found.event for found in ledger.entries(entry.run, ("PerformanceMeasured",)))
            promises = {event.name: event for event in events if isinstance(event, PerformanceMeasured)}
            release = next((event.release for event in promises.values()), None)
            return PerformanceBefore(entry.run, entry.at, release, promises)
    return PerformanceBefore()


def _same_kind(one: RunStarted, other: RunStarted) -> bool:
    return not one.side and (one.command, one.suite, one.arguments, one.environment) == (
        other.command,
        other.suite,
        other.arguments,
        other.environment,
    )


def last_good(ledger: EventLedger, started: RunStarted) -> Baseline | None:
    """The latest verified run of the same command, suite, arguments and environment."""
    for run in reversed(of_releases(ledger)):
        if run.verdict == "verified" and run.exit_code == 0 and _alike(run, started):
            return _baseline(ledger, run)
    return None


def _alike(run: RunSummary, started: RunStarted) -> bool:
    wanted = (started.command, started.suite, started.arguments, started.environment)
    return (run.command, run.suite, run.arguments, run.environment) == wanted


def _baseline(ledger: EventLedger, run: RunSummary) -> Baseline:
    planned = [entry.event for entry in ledger.entries(run.run, ("CasesPlanned",))]
    # Of several turns the last one was verified.
    for event in reversed(planned):
        if isinstance(event, CasesPlanned):
            return Baseline(run.run, run.started, event.cases, run.release, event.bodies)
    verdicts = (entry.event for entry in ledger.entries(run.run, ("VerdictReached",)))
    cases = dict.fromkeys(event.verdict.id for event in verdicts if isinstance(event, VerdictReached))
    return Baseline(run.run, run.started, tuple(cases), run.release)


def components_before(ledger: EventLedger, environment: str, without: str | None = None) -> ComponentsBefore:
    """The last readings of this environment's components, but for those of a run that goes on."""
    places: dict[str, str | None] = {}
    for entry in ledger.latest("ReadingTaken"):
        event = entry.event
        if not isinstance(event, ReadingTaken) or event.reading.probe == TARGET_PROBE or entry.run == without:
            continue
        if entry.run not in places:
            places[entry.run] = _environment_of(ledger, entry.run)
        if places[entry.run] == environment:
            return _components_of(ledger, entry.run)
    return ComponentsBefore()


def _environment_of(ledger: EventLedger, run: str) -> str | None:
    started = (entry.event for entry in ledger.entries(run, ("RunStarted",)))
    return next((event.environment for event in started if isinstance(event, RunStarted)), None)


def _components_of(ledger: EventLedger, run: str) -> ComponentsBefore:
    at, release = "", None
    readings: dict[str, Reading] = {}
    for entry in ledger.entries(run, ("ReadingTaken", "ReleaseDeployed", "RolledBack", "RunJudged")):
        event = entry.event
        if isinstance(event, ReadingTaken) and event.reading.probe != TARGET_PROBE:
            readings[event.reading.service] = event.reading
            at = event.reading.at
        elif isinstance(event, ReleaseDeployed | RolledBack):
            release = event.release.name
        elif isinstance(event, RunJudged):
            release = event.release or release
    return ComponentsBefore(run, at, release, readings)


def origin_of(ledger: EventLedger, environment: str, revisions: Collection[str]) -> Inherited | None:
    """The run that made these revisions live on this environment, last of all; None: the ledger doesn't know it."""
    wanted = set(revisions)
    found = []
    for kind in ("ReleaseDeployed", "RolledBack"):
        for entry in ledger.latest(kind):
            event = entry.event
            if isinstance(event, ReleaseDeployed | RolledBack) and event.environment == environment:
                if wanted and wanted <= {revision.name for revision in event.release.revisions}:
                    found.append((entry.seq, entry, event.release.name))
                break
    if not found:
        return None
    _, entry, release = max(found, key=lambda one: one[0])
    verb = "went back to" if entry.kind == "RolledBack" else "deployed"
    text = f"the release {release}: that run {verb} it, and this one only judged it."
    return Inherited(RELEASE, text, entry.run, entry.at, release)
