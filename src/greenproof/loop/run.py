"""One run of the loop: turns until there is a reason to stop, alone on its environment, not to be lost by a kill."""

import time
from dataclasses import dataclass, field, replace
from functools import partial

from greenproof.adapters.coordination import Lease, Wish
from greenproof.loop.cycle import FROZEN, STEPS, Cycle, State, end_step, state_before, take_step
from greenproof.loop.durable import Durable, Json, Step
from greenproof.loop.watchdog import Watchdog, stopped
from greenproof.model.encoding import fields_of, read
from greenproof.model.errors import StepStuckError
from greenproof.model.events import CycleDecided, LoopFrozen, LoopPaused, LoopResumed
from greenproof.model.exits import ExitCode

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run stops, whatever happens."""

    until: str = ""
    """`verified`: turn after turn until the run is; `stopped`: on and on, until a person or the budget ends it; empty:
    one turn.
    """
    cycles: int = 1
    hours: float = 8.0
    """Of work, over all processes that took the run up."""
    no_progress: int = 3
    """Turns in a row with the same failures on the same release after which there is no point in another."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided after a turn."""

    number: int
    """Of the turn; 0: before the first."""
    go_on: bool
    reason: str
    same: int = 0
    failing: tuple[str, ...] = ()
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    decision: Decision
    cycle: Cycle
    """The last turn."""
    head: str
    """Of the ledger, after the last event of the run."""

    @property
    def exit_code(self) -> ExitCode:
        """Of the run."""
        if self.decision.reason == "frozen":
            return ExitCode.FAILED
        return ExitCode(self.cycle.state.exit_code)


@dataclass(slots=True)
class Run:
    """Takes the steps of one run, in this process, as the durable engine asks for them."""

    first: Cycle
    """What every turn works with."""
    lease: Lease
    limits: Limits
    watchdog: Watchdog
    _cycle: Cycle = field(init=False)
    _turn: int = field(init=False, default=0)
    """The turn that `_cycle` is; 0: none yet."""
    _began: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._cycle = self.first

    def go(self, durable: Durable) -> Outcome:
        """Turn after turn, to the end of the run. What was done before in this run is not done again."""
        decided = read(Decision, durable.run(self.first.journal.run, self._order))
        if not self._turn:
            # Everything was done but for the end.
            self._enter(decided.number, "report")
            self._cycle = take_step(self._cycle, "report")
        outcome = Outcome(decided, self._cycle, "")
        return replace(outcome, head=self.first.journal.finish(outcome.exit_code, detail=decided.reason))

    def _order(self, step: Step) -> Json:
        """The order of the steps: in a thread of the engine, so it only asks for what is done elsewhere."""
        decided = fields_of(Decision(0, go_on=True, reason="begun"))
        for number in range(1, self.limits.cycles + 1):
            for name in STEPS:
                step(f"{number} {name}", partial(self._take, number, name))
            decided = step(f"{number} decide", partial(self._decide, number, decided))
            if not decided["go_on"]:
                break
        return decided

    def _take(self, number: int, name: str) -> Json:
        """One step of one turn, from the state that the step before has left."""
        self._enter(number, name)
        self._wait_while_paused(number, name)
        self.lease.doing = f"cycle {number}, step {name}"
        try:
            with self.watchdog.watching(f"step {name}"):
                self._cycle = take_step(self._cycle, name)
        except StepStuckError as error:
            self._cycle = end_step(self._cycle, name, error)
        return {"detail": self._cycle.state.detail}

    def _enter(self, number: int, name: str) -> None:
        """Be in this turn, before this step: as this process left it, or one that was killed."""
        if self._turn == number:
            return
        kept = self.first.kept.of(str(number))
        state = state_before(kept, name) or State(number=number)
        self._cycle, self._turn = replace(self.first, kept=kept, state=state), number
        journal = self.first.journal
        journal.cycle = number
        if state.started:
            live = state.release.name if state.release else None
            journal.take_up(live, state.inherited, state.evidence, state.verdict)

    def _wait_while_paused(self, number: int, name: str) -> None:
        """Wait as long as a person wants it. Raises StoppedError."""
        began = time.monotonic()
        paused = False
        # Polls: a store can't wake whoever waits.
        while (desk := self.lease.desk()).wish is Wish.PAUSE:
            if not paused:
                paused = True
                self.lease.doing = f"paused by {desk.wished_by}, before step {name}"
                self.first.journal.happened(LoopPaused(number, name, desk.wished_by))
                self.first.listener.say(f"paused by {desk.wished_by}; `greenproof resume` lets the loop go on")
            self.lease.confirm()
            time.sleep(_LOOK_S)
        if paused:
            waited = time.monotonic() - began
            # What a person took is not the loop's own time.
            self._began += waited
            self.first.listener.say(f"goes on after {waited:.0f} s")
            self.first.journal.happened(LoopResumed(number, name, round(waited, 3)))
        if desk.wish is Wish.STOP:
            raise stopped(desk.wished_by)

    def _decide(self, number: int, before: Json) -> Json:
        """Another turn, or not."""
        self._enter(number, "report")
        state, last = self._cycle.state, read(Decision, before)
        judged, error = state.release.name if state.release else "", state.failure.code if state.failure else ""
        failing = (judged, error, *sorted(state.not_proven))
        same = last.same + 1 if failing == last.failing else 1
        spent = last.spent_s + time.monotonic() - self._began
        self._began = time.monotonic()
        reason = self._reason(number, state, same, spent)
        decided = Decision(number, reason == "", reason or "another turn", same, failing, round(spent, 3))
        if state.frozen:
            self.lease.freeze(state.frozen)
            self.first.journal.happened(LoopFrozen(number, self.first.environment.name, FROZEN, state.frozen))
        self.first.journal.happened(CycleDecided(number, decided.go_on, decided.reason, same, decided.spent_s))
        return fields_of(decided)

    def _reason(self, number: int, state: State, same: int, spent: float) -> str:
        """Why this turn was the last; empty: it was not."""
        limits = self.limits
        if state.frozen:
            return "frozen"
        forever = limits.until == "stopped"
        if state.exit_code == ExitCode.VERIFIED and not forever:
            return "verified"
        if not limits.until:
            return "one turn"
        if same >= limits.no_progress and not forever:
            return "no-progress"
        if spent >= limits.hours * 3600:
            return "hours"
        return "cycles" if number >= limits.cycles else ""
