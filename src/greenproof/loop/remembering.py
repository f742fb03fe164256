"""What need not be tried again: cases that an earlier run proved, and that nothing has touched since.

What a case does under a fault depends on its code, on the answers that it gets and on what judges it. All of that is
brought into one digest. Only if it is the same as in a run that proved the case, and that run is not old, the fault
runs of that run stand for new ones; the plain run and all that follows from it are always new.
"""

import hashlib
import importlib.util
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path

import greenproof
from greenproof.adapters.runners.sources import suite_sources
from greenproof.adapters.runners.surroundings import data_files, digest_of, settings
from greenproof.adapters.runners.witnessed import PLUGIN
from greenproof.analysis.authenticity.claims import Claims, route_of
from greenproof.analysis.authenticity.contact import Contact, Contacts
from greenproof.analysis.authenticity.dependence import Dependence, Dependences
from greenproof.ledger import EventLedger
from greenproof.ledger.past import of_releases
from greenproof.model.events import RunStarted, VerdictReached
from greenproof.model.facts import Exchange, Outcome, RunObservation, TestProcess
from greenproof.model.inheritance import FAULTS, Inherited, Remembered
from greenproof.model.proof import TargetSeen
from greenproof.model.verdicts import Verdict

LONGEST = timedelta(days=7)
"""How long fault runs stand for new ones."""
_RUNS = 3
"""Earlier runs that are looked at: the last one may have been cut off."""
type Known = Mapping[tuple[str, str], Remembered]
"""What was seen of a case under certain conditions."""
_RULES = ("analysis/authenticity", "adapters/relay", "adapters/runners", "model")


class Conditions:
    """Digests of all that fault runs depend on, case by case."""

    def __init__(
        self,
        process: TestProcess,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        targets: tuple[TargetSeen, ...],
        claims: Claims,
    ) -> None:
        self._root = Path(process.rootdir)
        self._environment = environment
        self._revisions = {target.name: target.expected for target in targets}
        self._claims = claims
        self._sources = suite_sources(process)
        self._dependences = Dependences(self._sources)
        self._data = data_files(self._root)
        self._common = [
            _rules(),
            list(command),
            [process.python, process.installed],
            sorted(settings(self._root)),
            sorted(map(str, claims.plumbing)),
        ]
        self._digest_of_file = cache(lambda path: digest_of(self._root, path))
        self._of_code = cache(self._code)

    def of(self, plain: RunObservation) -> dict[str, str]:
        """The digest of each passed case of which all is known."""
        contacts = Contacts(plain, self._claims)
        found = {}
        for case in plain.cases:
            code = self._of_code(case.id.partition("::")[0]) if case.outcome is Outcome.PASSED else None
            met = self._met(case.id, contacts.of(case)) if code else None
            if code and met:
                found[case.id] = _digest([code, case.id, met])
        return found

    def _code(self, file: str) -> str | None:
        depends = self._dependences.of(file)
        # Without the command's answer to what is installed, another library might judge the answers.
        if depends is None or self._data is None or not self._common[2][1]:
            return None
        sources = [(path, _digest(self._sources[path])) for path in depends.files]
        data = [(path, self._digest_of_file(path)) for path in self._data if depends.reads(path)]
        return _digest([self._common, sources, data, self._variables(depends)])

    def _variables(self, depends: Dependence) -> list[tuple[str, str]]:
        """The variables of the environment that the code names."""
        return sorted((name, value) for name, value in self._environment.items() if name in depends.words)

    def _met(self, case: str, contact: Contact) -> object:
        """The routes on which the service answered, and which release it was; None: it is not named."""
        revisions = {x.target: self._revisions.get(x.target) for x in contact.on_route}
        if not revisions or None in revisions.values():
            return None
        routes = self._claims.of(case)
        met = {(place, str(route_of(x, routes))) for place, xs in _places(contact) for x in xs}
        last = contact.call[-1].status if contact.call else None
        return [sorted(revisions.items()), sorted(map(str, routes)), sorted(met), last]


def known_of(conditions: Mapping[str, str], known: Known) -> dict[str, Remembered]:
    """The cases whose fault runs need not be repeated."""
    return {case: known[case, digest] for case, digest in conditions.items() if (case, digest) in known}


def inherited_from(found: Mapping[str, Remembered]) -> tuple[Inherited, ...]:
    """What a report has to say of them: one line for each run that made the fault runs."""
    by_run: dict[str, list[str]] = defaultdict(list)
    for case, seen in found.items():
        by_run[seen.run].append(case)
    text = "fault runs of {} cases, not repeated: same code, routes, release and environment."
    return tuple(
        Inherited(FAULTS, text.format(len(cases)), run, found[cases[0]].at, None, tuple(cases))
        for run, cases in by_run.items()
    )


def _places(contact: Contact) -> tuple[tuple[str, tuple[Exchange, ...]], ...]:
    return ("call", contact.call), ("fixture", contact.fixture)


def remembered(ledger: EventLedger, started: RunStarted, now: datetime | None = None) -> Known:
    """What the last runs of the same kind say of cases that they proved. The newest that judged a case under the same
    conditions has the last word: if that did not prove it, nobody did.
    """
    now = now or datetime.now(UTC)
    wanted = (started.command, started.suite, started.arguments, started.environment)
    alike = (
        run
        for run in reversed(of_releases(ledger))
        if (run.command, run.suite, run.arguments, run.environment) == wanted and run.verdict is not None
    )
    found: dict[tuple[str, str], Remembered] = {}
    told: set[tuple[str, str]] = set()
    for run in islice(alike, _RUNS):
        for entry in ledger.entries(run.run, ("VerdictReached",)):
            event = entry.event
            if not isinstance(event, VerdictReached) or event.verdict.conditions is None:
                continue
            verdict, key = event.verdict, (event.verdict.id, event.verdict.conditions)
            at = verdict.faults_at or entry.at
            if key not in told and verdict.verdict is Verdict.PROVEN and verdict.faults and _is_fresh(at, now):
                found[key] = Remembered(event.verdict.conditions, verdict.faults, verdict.faults_run or entry.run, at)
            told.add(key)
    return found


def _is_fresh(at: str, now: datetime) -> bool:
    """Not too old; and not of a time that is still to come, which a clock that was set back would show."""
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return False
    return then.tzinfo is not None and timedelta(0) <= now - then <= LONGEST


@cache
def _rules() -> str:
    """What judges, and what makes the faults: another version of it may see more."""
    home, plugin = Path(greenproof.__file__).parent, importlib.util.find_spec(PLUGIN)
    folders = [
        *(home / name for name in _RULES),
        *(Path(plugin.origin).parent for _ in [0] if plugin and plugin.origin),
    ]
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    return _digest([[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()
