"""The cases: their phases, acknowledged by the witness, and what each phase showed."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from pytest_greenproof.clock import now
from pytest_greenproof.control import Control
from pytest_greenproof.failures import combine, describe, outcome, skip_reason
from pytest_greenproof.fixtures import Fixtures
from pytest_greenproof.instruments import Instruments
from pytest_greenproof.steps import Steps, function_of
from pytest_greenproof.threads import Case, Ownership

STOPPED = "greenproof stopped the session: "


class Attempt:
    """One attempt at a case."""

    def __init__(self, item: pytest.Item, mocks: int) -> None:
        self.item = item
        self.case = Case(item.nodeid)
        self.phase = "setup"
        self.mocks_before = mocks
        self.fixtures: List[str] = []
        self.shown: Optional[Dict[str, Any]] = None
        """What the call phase showed; None: there was none, or it did not end."""
        self.told_teardown = False
        self.seen: Dict[str, BaseException] = {}
        """The first exception of each phase, kept only until its report is made."""
        self.outcomes: Dict[str, str] = {}
        self.connected = False
        """A socket was opened towards the relay: what it is for, nobody knows yet."""
        self.failure: Optional[Dict[str, Any]] = None
        self.skip_reason: Optional[str] = None


class Cases:
    """Tells the witness where each case is."""

    def __init__(
        self,
        control: Control,
        ownership: Ownership,
        instruments: Instruments,
        worker: bool,
        own: Callable[[str], bool],
        *,
        exact: bool,
    ) -> None:
        """`own` tells the files of the suite; `exact`: the witness has to know of a phase before it begins."""
        self._own = own
        self._control = control
        self._ownership = ownership
        self._instruments = instruments
        self._worker = worker
        self._fixtures = Fixtures()
        self._attempt: Optional[Attempt] = None
        self._stop: Optional[str] = None
        self._strays: List[str] = []
        """Cases that left something behind that still lives, as told last."""
        self._exact = exact
        self._conversing = False
        """There was a connection on which messages come at any time, as the witness told last."""
        self._untold = False
        """The set-up that has begun waits to be told."""
        self._steps = Steps(self._tell_past)

    def setup(self, item: pytest.Item) -> None:
        """The set-up begins. Skips the case if the session is to stop."""
        if self._stop is None:
            self._begin(item)
        self._skip_if_stopped(item)

    def call(self, item: pytest.Item) -> None:
        """The call phase begins."""
        attempt = self._of(item)
        attempt.fixtures = self._fixtures.used_by(item)
        message = {
            "m": "call",
            "case": attempt.case.id,
            "ns": now(),
            "fixtures": attempt.fixtures,
            "spans": self._fixtures.take_spans(),
        }
        if self._strays:
            # Some may have ended meanwhile.
            self._strays = message["strays"] = self._ownership.strays.left()
            message["stray_children"] = self._ownership.strays.children()
        reply = self._ask(message)
        self._skip_if_stopped(item)
        attempt.phase = "call"
        self._ownership.strays.enter_call(attempt.case)
        self._steps.watch(item, reply.get("past"))
        self._instruments.start(self._ownership.strangers())

    def called(self, item: pytest.Item, exception: Optional[BaseException]) -> None:
        """The call phase has ended, before any hook can change what it raised."""
        attempt = self._of(item)
        self._steps.leave()
        self._ownership.strays.leave_call()
        attempt.shown = self._instruments.stop(attempt.mocks_before)
        attempt.phase = "called"
        # unittest keeps its exceptions for pytest to fetch.
        kept = getattr(item, "_excinfo", None)
        self.raised(item, "call", kept[0].value if kept else exception)

    def raised(self, item: pytest.Item, phase: str, exception: Optional[BaseException]) -> None:
        """A phase ended, by this exception or by none."""
        attempt = self._attempt
        if exception is not None and attempt is not None and attempt.item is item:
            attempt.seen.setdefault(phase, exception)

    def teardown(self, item: pytest.Item) -> None:
        """The teardown begins."""
        attempt = self._attempt
        if attempt is None or attempt.item is not item or attempt.told_teardown:
            return
        attempt.told_teardown = True
        attempt.phase = "teardown"
        shown = attempt.shown or {}
        late = [key for key in self._fixtures.used_by(item) if key not in attempt.fixtures]
        self._tell_boundary(
            attempt,
            {
                "m": "teardown",
                "case": attempt.case.id,
                "ns": now(),
                "spans": self._fixtures.take_spans(),
                "fixtures": late if attempt.shown is not None else [],
                **shown,
            },
        )
        if self._stop is not None and not self._worker:
            item.session.shouldstop = STOPPED + self._stop

    def report(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
        """pytest makes the report of a phase, or of a subtest within the call phase."""
        if self._stop is not None and self._attempt is None:
            return
        attempt = self._of(item)
        exception = None if call.excinfo is None else call.excinfo.value
        if attempt.phase == "call" and call.when == "call":
            self._subtest(attempt, exception)
            return
        self._conclude(attempt, call.when, attempt.seen.pop(call.when, None) or exception)
        if call.when == "teardown":
            self._end(attempt)

    def fixture(self, definition: Any) -> Iterator[None]:
        """A fixture is set up between two steps of this generator."""
        attempt = self._attempt
        if attempt is None or not self._fixtures.matters(definition):
            yield
            return
        if self._untold:
            self._ask({"m": "here"})
        key = self._fixtures.key(definition)
        inside_call = attempt.phase == "call"
        if inside_call:
            self._tell_fixture(attempt, key, True)
        start_ns = now()
        if inside_call:
            yield from self._ownership.strays.fixture_inside()
        else:
            yield
        self._fixtures.ended(key, attempt.case.id, start_ns)
        if inside_call:
            self._tell_fixture(attempt, key, False)

    def source(self, ip: str, port: int) -> None:
        """A socket of the calling thread is about to connect to the relay from here."""
        owner = self._ownership.of_current_thread()
        if self._attempt is not None:
            self._attempt.connected = True
        self._ask(
            {
                "m": "source",
                "ip": ip,
                "port": port,
                "case": None if owner is None else owner.id,
                "ambiguous": owner is not self._ownership.running,
            }
        )

    def _skip_if_stopped(self, item: pytest.Item) -> None:
        if self._stop is not None:
            # xdist has no way to stop one worker with work in its queue: so each later case is
            # skipped.
            if not self._worker:
                item.session.shouldstop = STOPPED + self._stop
            pytest.skip(STOPPED + self._stop)

    def _begin(self, item: pytest.Item) -> None:
        attempt = self._attempt = Attempt(item, self._instruments.mocks.calls)
        self._ownership.begin(attempt.case)
        message: Dict[str, Any] = {"m": "setup", "case": attempt.case.id}
        self._strays = self._ownership.strays.left()
        if self._strays:
            message["strays"] = self._strays
            message["stray_children"] = self._ownership.strays.children()
        message["ns"] = now()
        self._untold = True
        self._tell_boundary(attempt, message)

    def _of(self, item: pytest.Item) -> Attempt:
        """The attempt at this item, even if a hook failed before its set-up was told."""
        if self._attempt is None or self._attempt.item is not item:
            self._begin(item)
        assert self._attempt is not None
        return self._attempt

    def _subtest(self, attempt: Attempt, exception: Optional[BaseException]) -> None:
        if exception is not None and outcome(exception, "call", attempt.item) == "failed":
            attempt.seen.setdefault("call", exception)

    def _conclude(self, attempt: Attempt, phase: str, exception: Optional[BaseException]) -> None:
        concluded = outcome(exception, phase, attempt.item)
        attempt.outcomes[phase] = concluded
        if concluded == "failed" and attempt.failure is None and exception is not None:
            test_case = getattr(attempt.item, "instance", None) if phase == "call" else None
            attempt.failure = describe(exception, phase, test_case, self._own, function_of(attempt.item))
        elif concluded != "failed" and attempt.skip_reason is None:
            attempt.skip_reason = skip_reason(exception, attempt.item)

    def _end(self, attempt: Attempt) -> None:
        self.teardown(attempt.item)
        self._control.tell(
            {
                "m": "end",
                "case": attempt.case.id,
                "ns": now(),
                "executed": combine(attempt.outcomes),
                "failure": attempt.failure,
                "skip_reason": attempt.skip_reason,
            }
        )
        self._ownership.end()
        self._attempt = None

    def _tell_fixture(self, attempt: Attempt, key: str, on: bool) -> None:
        self._ask({"m": "fixture", "case": attempt.case.id, "key": key, "on": on})

    def _tell_past(self, on: bool) -> None:
        """The test has gone past the lines of which the witness told, or is back at them."""
        attempt = self._attempt
        if attempt is not None and attempt.phase == "call":
            self._ask({"m": "past", "case": attempt.case.id, "on": on})

    def _tell_boundary(self, attempt: Attempt, message: Dict[str, Any]) -> None:
        """A phase begins. What goes over connections that were there before can be told by its time as well.

        An answered message costs the relay as much as an exchange.
        """
        others = self._ownership.had_children or bool(message.get("evasions"))
        if self._exact or self._conversing or attempt.connected or self._strays or others:
            self._ask(message)
        else:
            self._control.tell(message)

    def _ask(self, message: Dict[str, Any]) -> Dict[str, Any]:
        reply = self._control.ask(message)
        self._untold = False
        self._conversing = bool(reply.get("conversing"))
        stop = reply.get("stop")
        if stop and self._stop is None:
            self._stop = str(stop)
        return reply
