"""The loop as a whole: take the environment, clear what a killed run left, go on with it or begin another one."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

from greenproof.adapters.coordination import Desk, Lease, Store, Wish, store_url
from greenproof.adapters.platforms.base import Platform
from greenproof.adapters.runners.leftovers import end_marked
from greenproof.ledger import Ledger, prepare
from greenproof.loop.acting import fence
from greenproof.loop.cycle import Cycle, CycleOptions
from greenproof.loop.durable import Durable
from greenproof.loop.journal import Journal
from greenproof.loop.kept import Kept
from greenproof.loop.once import has_ended
from greenproof.loop.proof_request import Listener, new_run_id
from greenproof.loop.run import Limits, Outcome, Run
from greenproof.loop.watchdog import Watchdog
from greenproof.model.errors import FrozenError, StoppedError
from greenproof.model.events import StepStuck
from greenproof.model.exits import ExitCode
from greenproof.model.facts import CaseRecord
from greenproof.model.plan import Environment, Plan, Suite
from greenproof.model.report import CycleReport

_BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Order:
    """What a person ordered."""

    plan: Plan
    environment: Environment
    suite: Suite
    platform: Platform
    options: CycleOptions = CycleOptions()
    limits: Limits = Limits()
    new: bool = False
    """Begin another run, also if one was cut off."""
    wait: bool = True
    """Wait for another loop that is at work on the environment, and take over when it leaves or dies."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What makes two runs comparable: a limit selects other cases."""
        limit = self.options.limit
        return (*self.suite.command, *((f"--limit={limit}",) if limit else ()))


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run was begun with: it is taken up only by the same order for the same plan."""

    order: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went."""

    run: str
    outcome: Outcome | None
    """None: a person stopped it."""
    stopped: StoppedError | None
    head: str
    """Of the ledger, after the last event of the run."""


def unattended(
    order: Order,
    render: Callable[[CycleReport], str],
    listener_for: Callable[[Journal], Listener],
    say: Callable[[str], None],
) -> Ended:
    """Take turns until there is a reason to stop. Raises GreenproofError; what is interrupted can be taken up."""
    began = time.monotonic()
    new = new_run_id()
    url = store_url(order.plan.loop.store)
    store = Store.open(order.plan.state, url)
    with contextlib.closing(store), _lease(order, store, new, say) as lease:
        fence(order.platform, lease)
        order.platform.clear_abandoned()
        # Imported late: it brings a database engine along, and nobody else needs it.
        from greenproof.adapters.durability.dbos_engine import DurableRuns

        with DurableRuns(order.plan.state, order.environment.name, url) as durable:
            resumed = _to_be_taken_up(order, durable, say)
            if resumed:
                lease.serve(f"run {resumed}")
            kept = Kept(_runs(order) / (resumed or new))
            kept.put(_BEGUN, Begun(_digest(order)))
            with journal_of(order, resumed or new, resumed is not None) as journal:
                if resumed:
                    say(f"going on with run {resumed}, {time.monotonic() - began:.1f} s after the start")
                ended = _go(order, journal, kept, lease, durable, render, listener_for)
        kept.forget()
        return ended


def _go(
    order: Order,
    journal: Journal,
    kept: Kept,
    lease: Lease,
    durable: Durable,
    render: Callable[[CycleReport], str],
    listener_for: Callable[[Journal], Listener],
) -> Ended:
    journal.allowed = lease.confirm
    journal.durable = True
    watchdog = _watchdog(order, journal, lease)
    listener = watchdog.hearing(listener_for(journal))

    def taken_over(fault: str | None, cases: tuple[CaseRecord, ...]) -> None:
        for case in cases:
            journal.case(fault, case)

    first = Cycle(
        order.plan,
        order.environment,
        order.suite,
        order.platform,
        journal,
        listener,
        render,
        replace(kept, taken_over=taken_over),
        order.options,
        lease.confirm,
    )
    try:
        outcome = Run(first, lease, order.limits, watchdog).go(durable)
    except StoppedError as stopped:
        durable.abandon(journal.run)
        return Ended(journal.run, None, stopped, journal.finish(ExitCode.INTERRUPTED, detail=stopped.message))
    return Ended(journal.run, outcome, None, outcome.head)


def _lease(order: Order, store: Store, run: str, say: Callable[[str], None]) -> Lease:
    """The right to act, waited for if that is wanted. Raises FrozenError while a person has to look first."""
    name = order.environment.name

    def waiting(desk: Desk) -> None:
        say(f"{desk.holder.owner} is at work on {name} since {desk.since}: waiting until it leaves or dies")

    wait_s = order.limits.hours * 3600 if order.wait else 0.0
    lease = Lease.take(store, name, f"run {run}", wait_s=wait_s, on_wait=waiting)
    desk = lease.desk()
    if desk.frozen:
        with lease:
            raise FrozenError(
                f"the environment {name} is frozen since {desk.frozen_at}",
                code="loop-frozen",
                where=f"environments.{name}",
                expected=f"a person who has looked at this: {desk.frozen}",
                hint="`greenproof resume` lets loops act again",
            )
    if desk.wish is Wish.STOP:
        # It was meant for whoever held the environment before.
        store.wish(name, Wish.NOTHING, "")
    return lease


def _to_be_taken_up(order: Order, durable: Durable, say: Callable[[str], None]) -> str | None:
    """The run that was cut off and goes on now, after what it left was cleared; others are ended."""
    known = {path.name for path in _runs(order).glob("*") if path.is_dir()} | set(durable.unfinished())
    found = None
    for run in sorted(known):
        kept = Kept(_runs(order) / run)
        ended = sum(end_marked("GREENPROOF_CONTROL", mark) for mark in kept.marks())
        if ended:
            say(f"ended {ended} processes that run {run} had left")
        if _has_ended(order, run):
            # Only what it had kept was not removed any more.
            durable.abandon(run)
            kept.forget()
            continue
        begun = kept.get(_BEGUN, Begun)
        if order.new or begun is None or begun.order != _digest(order) or run != max(known):
            say(f"run {run} was cut off and is not taken up: it ends here")
            durable.abandon(run)
            with journal_of(order, run, resumed=True) as journal:
                journal.finish(ExitCode.INTERRUPTED, detail="abandoned")
            kept.forget()
        else:
            found = run
    return found


def _has_ended(order: Order, run: str) -> bool:
    with Ledger.open(prepare(order.plan.state)) as ledger:
        return has_ended(ledger, run)


def journal_of(order: Order, run: str, resumed: bool) -> Journal:
    """The record of a run of this order."""
    return Journal.open(
        order.plan,
        order.environment,
        "loop",
        order.suite.name,
        order.platform.secrets().values(),
        order.arguments,
        order.options.faults,
        run=run,
        resumed=resumed,
    )


def _watchdog(order: Order, journal: Journal, lease: Lease) -> Watchdog:
    def bite(step: str, silent_s: float, stacks: str) -> None:
        kept = journal.keep("where every thread stood", stacks)
        journal.happened(StepStuck(journal.cycle, step, round(silent_s, 1), (kept,)))

    def who_stops() -> str:
        desk = lease.desk()
        return desk.wished_by if desk.wish is Wish.STOP else ""

    return Watchdog(order.suite.timeout + order.plan.loop.silence, bite, who_stops)


def _runs(order: Order) -> Path:
    return order.plan.state / "runs" / order.environment.name


def _digest(order: Order) -> str:
    """Of what decides what a run does, except the code under test."""
    parts = (order.plan, order.options, order.limits, order.suite.name)
    text = json.dumps(parts, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)
