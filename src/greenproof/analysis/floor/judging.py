"""The floor of a suite: per backend and worst; per file, category and priority; and a finding for each case."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from greenproof.analysis.authenticity.claims import Claims, matches_any
from greenproof.analysis.authenticity.contact import Contacts
from greenproof.analysis.floor.findings import finding_of, outcome_of, took_too_long
from greenproof.analysis.floor.notes import notes
from greenproof.model.facts import CaseRecord
from greenproof.model.floor import Backend, BackendRun, Floor, FloorCase, FloorOutcome, FloorRow, Share
from greenproof.model.plan import Category, Priority

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Plans:
    """What is known beside the runs."""

    at: str
    command: tuple[str, ...]
    targets: tuple[str, ...]
    planned: tuple[str, ...] = ()
    """Ids of a census of the files, without parameters."""
    categories: tuple[Category, ...] = ()
    priorities: tuple[Priority, ...] = ()
    case_timeout_s: float = 30.0
    notes: tuple[str, ...] = ()


def judge_floor(runs: Sequence[BackendRun], plans: Plans) -> Floor:
    """From facts to the floor; touches nothing."""
    views = {run.backend: _View(run, plans.case_timeout_s) for run in runs}
    cases = tuple(_case(i, views) for i in _ids(runs, plans.planned))
    total = _row("all", cases)
    return Floor(
        at=plans.at,
        command=plans.command,
        targets=plans.targets,
        total=total,
        files=_rows(cases, lambda i: i.partition("::")[0], ()),
        categories=_by_name(cases, [(c.name, c.tests) for c in plans.categories]),
        priorities=_by_name(cases, [(p.name, p.tests) for p in plans.priorities]),
        cases=cases,
        notes=(*plans.notes, *notes(runs, cases, plans.case_timeout_s)),
        case_timeout_s=plans.case_timeout_s,
        duration_s={run.backend: run.observation.duration_s for run in runs},
        tail=() if total.worst is not None or not runs else runs[-1].tail,
    )


class _View:
    """One backend's facts, by case."""

    def __init__(self, run: BackendRun, limit_s: float) -> None:
        self.run = run
        self.records = {case.id: case for case in run.observation.cases}
        # The relay stands before every backend but the one that refuses: there, nothing could be seen.
        self._contacts = Contacts(run.observation, Claims((), ()))
        self.sees = run.backend is not Backend.REFUSED
        self.cut_off = {*run.cut_off, *(i for i, case in self.records.items() if took_too_long(case, limit_s))}
        self._deselected = frozenset(run.observation.deselected)
        self._collected = frozenset(run.observation.collected)

    def outcome(self, case: str) -> FloorOutcome:
        return outcome_of(self.records.get(case), cut_off=case in self.cut_off)

    def reached(self, record: CaseRecord) -> bool:
        return bool(self._contacts.of(record).all) or self._meanwhile(record)

    def _meanwhile(self, record: CaseRecord) -> bool:
        """Whether the proxy was asked for something while the case ran. With several workers: perhaps by it."""
        times, start = self.run.elsewhere_ns, record.setup_start_ns
        if start is None:
            return False
        at = bisect_left(times, start)
        return at < len(times) and (record.end_ns is None or times[at] <= record.end_ns)

    def why_not(self, case: str) -> str:
        """Why a case was not decided here."""
        record, observation = self.records.get(case), self.run.observation
        if record is not None:
            return record.skip_reason or "skipped"
        if case in self._collected:
            return "not reached"
        if case in self._deselected:
            return "deselected"
        file = case.partition("::")[0]
        if any(where.partition("::")[0] == file for where, _ in observation.collection_errors):
            return "its file could not be imported"
        skipped = (reason for where, reason in observation.skipped_files if where.partition("::")[0] == file)
        return next(skipped, "never collected")


def _ids(runs: Sequence[BackendRun], planned: Iterable[str]) -> tuple[str, ...]:
    """Every case that any backend saw, and what the files hold besides."""
    seen: dict[str, None] = {}
    for run in runs:
        observation = run.observation
        seen.update(dict.fromkeys((*observation.collected, *observation.deselected)))
        seen.update(dict.fromkeys(case.id for case in observation.cases))
    bare = {i.split("[", 1)[0] for i in seen}
    return (*seen, *(i for i in dict.fromkeys(planned) if i not in bare))


def _case(case: str, views: Mapping[Backend, _View]) -> FloorCase:
    outcomes = {b: views[b].outcome(case) if b in views else FloorOutcome.NOT_RUN for b in Backend}
    return FloorCase(
        id=case,
        outcomes=outcomes,
        finding=finding_of(outcomes),
        cut_off=tuple(b for b in Backend if b in views and case in views[b].cut_off),
        reason=next((views[b].why_not(case) for b in views if not outcomes[b].decided), None),
        unreached=_unreached(case, outcomes, views),
    )


def _unreached(case: str, outcomes: Mapping[Backend, FloorOutcome], views: Mapping[Backend, _View]) -> str | None:
    """Why nothing of a case arrived at a backend where it would have been seen; None: it did, or it never ran there."""
    ran = [views[b] for b in views if views[b].sees and outcomes[b].decided]
    records = [(view, view.records[case]) for view in ran]
    if not records or any(view.reached(record) for view, record in records):
        return None
    if any(record.foreign_connections for _, record in records):
        return "it connected elsewhere: the address is in no variable of a target, and the client asks no proxy"
    if any(record.connections for _, record in records):
        return "it connected, but sent no request that the relay understood"
    if any(record.evasions for _, record in records):
        return "it uses a native client whose connections can't be seen"
    if any(record.children for _, record in records):
        return "it started a process, and nothing of that came to the relay"
    return "it made no connection in its call"


def _row(name: str, cases: Sequence[FloorCase]) -> FloorRow:
    shares = {}
    for backend in Backend:
        outcomes = [case.outcomes[backend] for case in cases]
        passed = sum(o is FloorOutcome.PASSED for o in outcomes)
        shares[backend] = Share(passed, sum(o.decided for o in outcomes))
    return FloorRow(name, len(cases), shares)


def _rows(cases: Sequence[FloorCase], group: Callable[[str], str], order: Sequence[str]) -> tuple[FloorRow, ...]:
    members: dict[str, list[FloorCase]] = {name: [] for name in order}
    for case in cases:
        members.setdefault(group(case.id), []).append(case)
    return tuple(_row(name, found) for name, found in members.items())


def _by_name(cases: Sequence[FloorCase], groups: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[FloorRow, ...]:
    """A row for each group; a case counts in the first that names it, else in `other`. Without groups: no row."""
    if not groups:
        return ()

    def group(case: str) -> str:
        return next((name for name, tests in groups if matches_any(case, tests)), OTHER)

    return _rows(cases, group, [name for name, _ in groups])
