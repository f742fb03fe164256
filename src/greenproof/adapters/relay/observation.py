"""From what the plugin tells to the facts of a run: cases, processes, collection, fixtures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from greenproof.model.facts import (
    CaseRecord,
    Failure,
    FixtureSpan,
    Outcome,
    Phase,
    TestProcess,
)

LONGEST_TEXT = 2_000
MOST_ITEMS = 200_000
"""Cases, collected ids or fixture spans of one run."""
_ALL_PASSED = [(when, "passed", False) for when in ("setup", "call", "teardown")]


class BadMessageError(ValueError):
    """A message of the plugin that does not say what the protocol says it must."""


def text_of(message: Mapping[str, Any], key: str) -> str:
    """A text that must be there."""
    value = message.get(key)
    if not isinstance(value, str):
        raise BadMessageError(f"{key}: expected a text")
    return value[:LONGEST_TEXT]


def maybe_text(message: Mapping[str, Any], key: str) -> str | None:
    """A text or nothing."""
    return None if message.get(key) is None else text_of(message, key)


def maybe_number(message: Mapping[str, Any], key: str) -> int | None:
    """A whole number or nothing."""
    value = message.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadMessageError(f"{key}: expected a whole number")
    return value


def number_of(message: Mapping[str, Any], key: str) -> int:
    """A whole number; zero when it is missing."""
    return maybe_number(message, key) or 0


def texts_of(message: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of texts; empty when it is missing."""
    value = message.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadMessageError(f"{key}: expected a list of texts")
    return tuple(item[:LONGEST_TEXT] for item in value)


@dataclass(slots=True)
class Attempt:
    """One try of a case; a plugin that retries makes several."""

    case: str
    worker: str | None = None
    told: dict[str, Any] = field(default_factory=dict)
    """Fields of the record that the worker told."""
    reports: list[tuple[str, str, bool]] = field(default_factory=list)
    """(when, outcome, was expected to fail), as they left the test process."""
    ended: bool = False
    reported: bool = False
    """The last report of this try has come."""
    emitted: bool = False

    def record(self, retried: bool) -> CaseRecord:
        """What is known of this try by now."""
        outcome = Outcome.PASSED if self.reports == _ALL_PASSED else _outcome(self.reports)
        return CaseRecord(id=self.case, outcome=outcome, worker=self.worker, retried=retried, **self.told)


class Observation:
    """The facts of one run as they come in."""

    def __init__(self, on_case: Callable[[CaseRecord], None]) -> None:
        self.on_case = on_case
        self.processes: list[TestProcess] = []
        self.collected: dict[str, None] = {}
        self.deselected: dict[str, None] = {}
        self.collection_errors: dict[tuple[str, str], None] = {}
        self.skipped_files: dict[tuple[str, str], None] = {}
        self.fixtures: list[FixtureSpan] = []
        self.problems: dict[str, None] = {}
        """Failures inside the relay; any makes the run inconclusive."""
        self._attempts: dict[str, list[Attempt]] = {}
        self._open: dict[str, Attempt] = {}

    def problem(self, text: str) -> None:
        """Something inside the relay went wrong."""
        if len(self.problems) < 100:
            self.problems[text[:LONGEST_TEXT]] = None

    def hello(self, message: Mapping[str, Any]) -> int:
        """A process introduced itself; returns its index for `bye`."""
        self.processes.append(
            TestProcess(
                pid=number_of(message, "pid"),
                role=text_of(message, "role"),
                worker=maybe_text(message, "worker"),
                rootdir=text_of(message, "rootdir"),
                arguments=texts_of(message, "arguments"),
                python_files=texts_of(message, "python_files") or ("test_*.py", "*_test.py"),
                python_classes=texts_of(message, "python_classes") or ("Test",),
                python_functions=texts_of(message, "python_functions") or ("test",),
                optimised=bool(message.get("optimised")),
                python=" ".join(maybe_text(message, key) or "" for key in ("python", "pytest")),
                installed=maybe_text(message, "installed") or "",
            )
        )
        return len(self.processes) - 1

    def bye(self, index: int, status: int | None) -> None:
        """A process left and said how."""
        self.processes[index] = replace(self.processes[index], exit_status=status)

    def collect(self, message: Mapping[str, Any]) -> None:
        """What one process collected; each worker of xdist collects the same."""
        for key, kept in (("ids", self.collected), ("deselected", self.deselected)):
            for item in texts_of(message, key):
                if len(kept) >= MOST_ITEMS:
                    return self.problem("collected: more ids than the relay keeps")
                kept[item] = None
        self.collection_errors.update(dict.fromkeys(_pairs(message, "errors")))
        self.skipped_files.update(dict.fromkeys(_pairs(message, "skipped")))
        return None

    def setup(self, case: str, worker: str | None, ns: int | None, strays: tuple[str, ...] = ()) -> None:
        """A case starts."""
        attempts = self._attempts.setdefault(case, [])
        if len(self._attempts) > MOST_ITEMS or len(attempts) >= 1_000:
            self.problem("cases: more than the relay keeps")
            attempts.clear()
        if attempts and not attempts[-1].told:
            # A report overtook the start: the try exists already.
            attempt = attempts[-1]
        else:
            attempt = Attempt(case)
            attempts.append(attempt)
        attempt.worker = worker
        attempt.told["setup_start_ns"] = ns
        attempt.told["strays"] = strays
        self._open[case] = attempt

    def call(self, case: str, message: Mapping[str, Any], worker: str | None) -> None:
        """Set-up is over."""
        attempt = self._running(case)
        attempt.told["call_start_ns"] = maybe_number(message, "ns")
        attempt.told["fixtures"] = texts_of(message, "fixtures")
        self._spans(message, worker)

    def teardown(self, case: str, message: Mapping[str, Any], worker: str | None) -> None:
        """The call phase is over, and this is what it showed."""
        told = self._running(case).told
        # Without a call phase (set-up failed, skipped) there is none that could have ended.
        if told.get("call_start_ns") is not None:
            told["call_end_ns"] = maybe_number(message, "ns")
        # Absent: the call phase did not finish; null: they could not be counted.
        told["checks"] = -1 if message.get("checks", 0) is None else number_of(message, "checks")
        late = (*told.get("fixtures", ()), *texts_of(message, "fixtures"))
        told["fixtures"] = tuple(dict.fromkeys(late))
        told["last_check_ns"] = maybe_number(message, "last_check_ns")
        told["connections"] = number_of(message, "connections")
        told["foreign_connections"] = number_of(message, "foreign")
        told["children"] = number_of(message, "children")
        told["mocks"] = number_of(message, "mocks")
        told["evasions"] = texts_of(message, "evasions")
        self._spans(message, worker)

    def end(self, case: str, message: Mapping[str, Any]) -> None:
        """The case is over as its own process saw it."""
        attempt = self._running(case)
        attempt.told["end_ns"] = maybe_number(message, "ns")
        attempt.told["executed"] = _executed(message.get("executed"))
        attempt.told["failure"] = _failure(message.get("failure"))
        attempt.told["skip_reason"] = maybe_text(message, "skip_reason")
        attempt.ended = True
        self._open.pop(case, None)
        self._emit(attempt)

    def reported(self, message: Mapping[str, Any]) -> None:
        """The reports of a case as they leave the test process; xdist's controller tells them, not its worker."""
        case = text_of(message, "case")
        for when, outcome, expected in _reports(message):
            self._report(case, when, outcome, expected)

    def _report(self, case: str, when: str, outcome: str, expected: bool) -> None:
        attempts = self._attempts.setdefault(case, [])
        attempt = next((held for held in attempts if not held.reported), None)
        if attempt is None:
            attempt = attempts[-1] if attempts else Attempt(case)
            if not attempts:
                attempts.append(attempt)
        if len(attempt.reports) < 10_000:
            attempt.reports.append((when, outcome, expected))
        if when not in ("setup", "call") or outcome == "rerun":
            attempt.reported = True
        self._emit(attempt)

    def cases(self) -> tuple[CaseRecord, ...]:
        """Every case, in the order in which they started; of several tries the last one."""
        return tuple(self._record(attempts[-1]) for attempts in self._attempts.values() if attempts)

    def _running(self, case: str) -> Attempt:
        attempt = self._open.get(case)
        if attempt is None:
            raise BadMessageError("a phase of a case that was not set up")
        return attempt

    def _emit(self, attempt: Attempt) -> None:
        if attempt.emitted or not attempt.reported:
            return
        crashed = any(when not in ("setup", "call", "teardown") for when, _, _ in attempt.reports)
        again = any(outcome == "rerun" for _, outcome, _ in attempt.reports)
        if not again and (attempt.ended or crashed):
            attempt.emitted = True
            self.on_case(self._record(attempt))

    def _record(self, attempt: Attempt) -> CaseRecord:
        tries = self._attempts[attempt.case]
        return attempt.record(retried=len(tries) > 1 and sum(bool(held.told) for held in tries) > 1)

    def _spans(self, message: Mapping[str, Any], worker: str | None) -> None:
        spans = message.get("spans") or []
        if not isinstance(spans, list):
            raise BadMessageError("spans: expected a list")
        for span in spans:
            if not isinstance(span, list) or len(span) != 4:
                raise BadMessageError("spans: expected key, case, start and end")
            key, case, start, end = span
            if not (isinstance(start, int) and isinstance(end, int)):
                raise BadMessageError("spans: expected times in nanoseconds")
            if len(self.fixtures) >= MOST_ITEMS:
                return self.problem("fixtures: more spans than the relay keeps")
            self.fixtures.append(FixtureSpan(str(key)[:LONGEST_TEXT], worker, str(case)[:LONGEST_TEXT], start, end))
        return None


def _pairs(message: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """A list of [id, text]."""
    entries = message.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(e, list) and len(e) == 2 for e in entries):
        raise BadMessageError(f"{key}: expected pairs of id and text")
    return [(str(name)[:LONGEST_TEXT], str(text)[:LONGEST_TEXT]) for name, text in entries]


def _reports(message: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """A list of [when, outcome, whether it was expected to fail]."""
    entries = message.get("reports")
    if not isinstance(entries, list):
        raise BadMessageError("reports: expected a list")
    for entry in entries:
        if not (
            isinstance(entry, list) and len(entry) == 3 and isinstance(entry[0], str) and isinstance(entry[1], str)
        ):
            raise BadMessageError("reports: expected when, outcome and whether it was expected")
    return [(when[:LONGEST_TEXT], outcome[:LONGEST_TEXT], bool(expected)) for when, outcome, expected in entries]


def _outcome(reports: list[tuple[str, str, bool]]) -> Outcome:
    """What the runner said of the case, from its reports."""

    def has(outcome: str, *whens: str) -> bool:
        return any(o == outcome and w in whens for w, o, _ in reports)

    if has("failed", "setup"):
        return Outcome.ERROR
    if has("failed", "call") or any(o == "rerun" for _, o, _ in reports):
        return Outcome.FAILED
    if any(o == "failed" and w not in ("setup", "call", "teardown") for w, o, _ in reports):
        # A worker died: the controller reports it without a phase.
        return Outcome.FAILED
    if any(o == "skipped" and expected for _, o, expected in reports):
        return Outcome.XFAILED
    if any(w == "call" and o == "passed" and expected for w, o, expected in reports):
        return Outcome.XPASSED
    if has("failed", "teardown"):
        return Outcome.ERROR
    if has("skipped", "setup", "call"):
        return Outcome.SKIPPED
    if has("passed", "call") and has("passed", "teardown"):
        return Outcome.PASSED
    return Outcome.UNFINISHED


def _executed(value: Any) -> Outcome | None:
    try:
        return None if value is None else Outcome(value)
    except ValueError:
        raise BadMessageError("executed: not an outcome") from None


def _failure(value: Any) -> Failure | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadMessageError("failure: expected an object")
    try:
        phase = Phase(text_of(value, "phase"))
    except ValueError:
        raise BadMessageError("failure: not a phase") from None
    kind = "check" if value.get("kind") == "check" else "error"
    told = text_of(value, "type"), text_of(value, "text")
    return Failure(phase, kind, *told, maybe_number(value, "line"), maybe_text(value, "helper"))
