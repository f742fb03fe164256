"""Releases: what is live, what is kept warm, and how one takes the other's place as a whole."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.dependencies.base import Server
from greenproof.adapters.platforms.local.ingress import Ingress
from greenproof.adapters.platforms.local.instances import Instance
from greenproof.adapters.platforms.local.launches import Launch
from greenproof.adapters.platforms.local.manifests import (
    Blueprint,
    check_unchanged,
    keep_release,
    load_blueprint,
    load_release,
    prune,
)
from greenproof.adapters.platforms.local.marks import advanced, half_done, marks
from greenproof.adapters.platforms.local.migrations import Migrations, failure_of
from greenproof.adapters.platforms.local.recovery import book, cut_off, refuse_fenced
from greenproof.adapters.platforms.local.startup import Startup, answering, confirm, open_doors
from greenproof.adapters.platforms.local.state import Applied, Intent, State, StateFile, blocking, now
from greenproof.adapters.platforms.local.warming import Warming
from greenproof.model.errors import GreenproofError, PlanError, PlatformError
from greenproof.model.facts import Release
from greenproof.model.releases import KnownGood, ReleaseBook, Rollback

DRAIN = 10.0
"""Seconds for which requests on a release that is stopped may go on."""
LOOK_TIMEOUT = 2.0
"""Seconds for a look at a service that was kept warm, or that may be broken."""

Progress = Callable[[str], None]
Permit = Callable[[], None]
"""Raises PlatformError if the caller may not act any more."""


@dataclass(slots=True)
class Deployed:
    """A release and its instances, by service."""

    release: Release
    instances: dict[str, Instance]


class Releases:
    """The live release, the one that is kept warm, and what is remembered of all."""

    def __init__(self, context: Context, ingress: Ingress, servers: Mapping[str, Server]) -> None:
        self.live: Deployed | None = None
        self.held: dict[str, Deployed] = {}
        """Kept warm, by name; never the live one."""
        self.unrestored = ""
        """Why the current release could not be restored."""
        self.store = StateFile(context.layout)
        self.migrations = Migrations(context, servers, self.store, self.lookup)
        self._context = context
        self._ingress = ingress
        self._servers = servers
        self._later: set[asyncio.Task[None]] = set()
        self._warming = Warming(context, ingress, self.lookup, self._running, self._warmed)
        self._retiring: set[Instance] = set()

    @property
    def state(self) -> State:
        """What is remembered."""
        return self.store.state

    def lookup(self, name: str, attribute: str) -> str | None:
        """What `{name.attribute}` stands for."""
        if name == "secret":
            return self._context.means.secrets.get(attribute)
        server = self._servers.get(name)
        if server is not None:
            return server.values().get(attribute)
        door = self._ingress.doors.get(name)
        if door is None:
            return None
        return {"url": door.url, "host": "127.0.0.1", "port": str(door.port)}.get(attribute)

    async def deploy(self, blueprint: Blueprint, key: str, permit: Permit, progress: Progress) -> Release:
        """Start what is new beside the old, wait until all is ready, switch; or undo everything."""
        release = blueprint.release
        await self._warming.end()
        await open_doors(self._context, self._ingress, blueprint.launches.values())
        running = {name: self._running(launch) for name, launch in blueprint.launches.items()}
        kept = {name: one for name, one in running.items() if one is not None}
        stays = self.live is not None and self.live.release.name == release.name
        # Those whose migration is half done, or was taken back, are migrated also where they run.
        lacking = set(kept) if stays and self.state.lacking(release.name) else set()
        again = half_done(self.state, release.name) | lacking
        if self.live and stays and len(kept) == len(running) and not again:
            progress(f"{release.name} is already deployed")
            self._warm_up()
            self.store.put(replace(self.state, cut_off=None).with_effect(key, "deploy", self.live.release))
            return self.live.release
        keep_release(self._context.layout, release, blueprint.levels)
        missing = [[one for one in level if one.service not in kept] for level in blueprint.ordered]
        to_migrate = [
            one for level in blueprint.ordered for one in level if one.service not in kept or one.service in again
        ]
        self._begin("deploy", release.name, key)
        first = self.state.next_number
        startup = Startup(self._context, self._ingress, self.lookup)
        try:
            await self.migrations.run(release.name, to_migrate, progress)
            self._step("start")
            await startup.run(missing, progress)
            instances = {**kept, **startup.fresh}
            await confirm(instances.values())
            permit()
            self._commit(Deployed(release, instances), "deploy", key, release, first)
        except BaseException as error:
            # Also when the client went away: half a release is none.
            await asyncio.shield(self._give_up_deploy(startup, first, error, progress))
            raise
        progress(f"traffic is on {release.name}")
        return release

    async def rollback(self, to: str | None, key: str, permit: Permit, progress: Progress) -> Rollback:
        """Send all traffic to an earlier release. Asked again, it stays there: a second request is a retry, and the
        release that was left is known to be the worse one. A deploy leads forward again.
        """
        began, state = time.monotonic(), self.state
        name = to or (state.current if state.went_back else state.target)
        blueprint = self._blueprint_to(name)
        live = self.live
        if live and live.release.name == blueprint.release.name and all(one.alive for one in live.instances.values()):
            progress(f"traffic is already on {live.release.name}")
            stayed = Rollback(live.release, None, True, 0.0, state.is_good(live.release.name))
            self.store.put(replace(state, cut_off=None).with_effect(key, "rollback", stayed))
            return stayed
        await self._warming.end(unless=blueprint.release.name)
        undoing = await self.migrations.on_the_way_to(blueprint.release.name) if name != state.current else []
        warm = await self._warm(blueprint)
        cold = [[one for one in level if one.service not in warm] for level in blueprint.ordered]
        for launch in (one for level in cold for one in level):
            check_unchanged(self._context.layout, launch, self._context.means.secrets)
        await open_doors(self._context, self._ingress, blueprint.launches.values())
        again = [one for level in blueprint.ordered for one in level] if state.lacking(name) else []
        self._begin("rollback", blueprint.release.name, key)
        first = self.state.next_number
        broken = await self._broken() if any(cold) else set()
        if live and not broken and live.instances.keys() >= blueprint.launches.keys():
            # What they need of each other is answered by the live release meanwhile: no need to wait in turn.
            cold = [[one for level in cold for one in level]]
        startup = Startup(self._context, self._ingress, self.lookup, broken)
        schemas = self.migrations.seen
        try:
            await self.migrations.take_back(undoing, progress)
            await self.migrations.run(blueprint.release.name, again, progress)
            self._step("start")
            await startup.run(cold, progress)
            instances = {**warm, **startup.fresh}
            await confirm(instances.values())
            permit()
            told = tuple(self.migrations.told(one) for one in undoing)
            left = load_release(self._context.layout, state.current) if state.current != name else None
            took, good = round(time.monotonic() - began, 4), state.is_good(name)
            done = Rollback(blueprint.release, left, not startup.fresh, took, good, told)
            self._commit(Deployed(blueprint.release, instances), "rollback", key, done, first, undoing)
        except BaseException as error:
            await asyncio.shield(self._give_up_rollback(startup, state, schemas, error, progress))
            raise
        progress(f"traffic is back on {blueprint.release.name}")
        return done

    async def restore(self, progress: Progress) -> Release | None:
        """Start the current release again, whole or not at all; None if there is none, or it runs.

        Raises nothing of ours: why it could not be done is in `unrestored`.
        """
        name = self.state.current
        if name is None or self.live is not None:
            return None
        startup = Startup(self._context, self._ingress, self.lookup)
        try:
            blueprint = load_blueprint(self._context.layout, name)
            progress(f"restore {name}")
            for launch in blueprint.launches.values():
                check_unchanged(self._context.layout, launch, self._context.means.secrets)
            await open_doors(self._context, self._ingress, blueprint.launches.values())
            launches = [one for level in blueprint.ordered for one in level]
            first, migrates = self.state.next_number, any(one.migrate for one in launches)
            anew = migrates and await self.migrations.empty()
            if migrates and (anew or self.state.lacking(name)):
                self._begin("deploy", name, "")
                await self.migrations.run(name, launches, progress)
            await startup.run(blueprint.ordered, progress)
            await confirm(startup.fresh.values())
        except BaseException as error:
            await asyncio.shield(startup.undo())
            self._close(error, (), progress)
            failure = failure_of(error)
            if failure is None:
                raise
            self.unrestored = f"{name} could not be restored: {failure.message} [{failure.code}]"
            progress(self.unrestored)
            return None
        self.live, self.unrestored = Deployed(blueprint.release, startup.fresh), ""
        self._switch(self.live)
        self._restored(name, 0 if anew else first)
        self._warm_up()
        progress(f"traffic is on {name} again")
        return blueprint.release

    async def settle(self, progress: Progress) -> None:
        """What was under way when everything ended is finished or undone, and told."""
        intent = self.state.intent
        if intent is None:
            return
        schema = tuple(await self.migrations.settle(intent))
        outcome = "undone"
        if intent.step == "switched":
            outcome = "finished"
        elif schema:
            outcome = "half-migrated"
        elif intent.effect == "rollback" and self._only_forward(intent.release):
            outcome, state = "finished", self.state
            self.store.put(advanced(state, intent.release, self.migrations.seen, state.next_number, back=True))
        told = cut_off(intent, outcome, "the platform's own process ended", schema)
        self.store.change(intent=None, cut_off=told)
        progress(told.detail)

    def _only_forward(self, release: str) -> bool:
        """All that a rollback had to take back is taken back: the release that was to be left can't be live now."""
        state = self.state
        rest = (one for one in state.since(release) if one.blocks or one.kind == "reversible")
        return release in state.known and state.lacking(state.current) and not any(rest)

    def mark_good(self, release: str, run: str, key: str) -> KnownGood:
        """Remember that a release was proven good; by the same run only once."""
        if release not in self.state.known:
            raise self._unknown(release)
        found = next((one for one in self.state.good if (one.release, one.run) == (release, run)), None)
        good = found or KnownGood(release, run, now())
        state = self.state if found else self.state.with_good(good)
        self.store.put(state.with_effect(key, "mark_good", good))
        self._hold()
        return good

    def recalled(self, command: str, key: str) -> Any:
        """The recorded result of a key as JSON-able values, if a look shows that it still holds; else None."""
        effect = self.state.recorded(key, command)
        if effect is None:
            return None
        result = json.loads(effect.result)
        if command == "mark_good":
            return result if self.state.is_good(result["release"]) else None
        release = result if command == "deploy" else result["release"]
        if self.live is None or {self.live.release.name, self.state.current} != {release["name"]}:
            return None
        return result if all(one.alive for one in self.live.instances.values()) else None

    def meet(self, fence: int | None) -> None:
        """Remember the highest number of a loop that asked."""
        if fence is not None and fence > self.state.fence:
            self.store.change(fence=fence)

    def permit(self, fence: int | None) -> None:
        """Raises PlatformError if a loop with a higher number has asked since."""
        refuse_fenced(self.state, fence, self._context.layout.name)

    def book(self) -> ReleaseBook:
        """What is remembered, for people."""
        return book(
            self.state,
            self.migrations.schemas,
            self._context.redact,
            warm=next((name for name in self.held if name == self.state.target), None),
            remembered=None if self.live else load_release(self._context.layout, self.state.current),
            unrestored="" if self.live else self.unrestored,
        )

    def running(self) -> dict[str, list[str]]:
        """Revisions of each release that is held, as far as they run."""
        everything = [*self.held.values(), *([self.live] if self.live else [])]
        return {
            one.release.name: sorted(i.launch.revision for i in one.instances.values() if i.alive) for one in everything
        }

    async def stop(self) -> None:
        """Stop everything."""
        await self._warming.end()
        instances = self._instances(self.held.values()) | self._instances([self.live])
        self.live = None
        self.held.clear()
        await asyncio.gather(*(one.stop() for one in instances), *self._later)

    def _running(self, launch: Launch) -> Instance | None:
        for deployed in (self.live, *self.held.values()):
            found = deployed.instances.get(launch.service) if deployed else None
            if found and found.launch.revision == launch.revision and found.alive:
                return found
        return None

    async def _warm(self, blueprint: Blueprint) -> dict[str, Instance]:
        """Instances of a release that run and are ready, by identity."""
        found = {name: one for name, launch in blueprint.launches.items() if (one := self._running(launch))}
        ready = await answering(found.values(), LOOK_TIMEOUT)
        return {name: one for name, one in found.items() if name in ready}

    async def _broken(self) -> set[str]:
        """Services of the live release that do not answer."""
        if self.live is None:
            return set()
        return set(self.live.instances) - await answering(self.live.instances.values(), LOOK_TIMEOUT)

    def _blueprint_to(self, name: str | None) -> Blueprint:
        if name is None:
            raise PlatformError(
                "there is no previous release",
                code="no-previous-release",
                where=self._context.layout.name,
                expected="an earlier release, or one that is known to be good",
            )
        if name not in self.state.known:
            raise self._unknown(name)
        return load_blueprint(self._context.layout, name)

    def _unknown(self, release: str) -> PlanError:
        known = ", ".join(reversed(tuple(self.state.known))) or "a release; none is known yet"
        return PlanError(
            f"no release is called {release[:60]!r}",
            code="unknown-release",
            where=f"environment {self._context.layout.name}",
            expected=f"one of {known}" if self.state.known else known,
        )

    def _begin(self, effect: str, release: str, key: str) -> None:
        self.store.change(intent=Intent(effect, release, now(), key))

    def _step(self, step: str) -> None:
        if self.state.intent is not None:
            self.store.change(intent=replace(self.state.intent, step=step))

    def _commit(
        self,
        deployed: Deployed,
        effect: str,
        key: str,
        result: object,
        first: int,
        undone: Sequence[Applied] = (),
    ) -> None:
        """From here on the release is live: it is written down, then traffic moves. Nothing in between waits, so
        nobody sees half of it, and whoever finds the file knows which release was live.
        """
        back = effect == "rollback"
        state = advanced(self.state, deployed.release.name, self.migrations.seen, first, back=back)
        intent = replace(state.intent, step="switched") if state.intent else None
        self.store.put(replace(state, intent=intent).with_effect(key, effect, result))
        left, self.live = self.live, deployed
        self.held.pop(deployed.release.name, None)
        others = self._instances(self.held.values()) | self._instances([left])
        if left is not None and left.release.name != deployed.release.name and not undone:
            self.held[left.release.name] = left
        self._switch(deployed)
        self.unrestored = ""
        self._hold(others)
        with contextlib.suppress(GreenproofError):
            # If the disk is full now, the next look finds "switched" and says so.
            self.store.change(intent=None)
        if effect == "deploy":
            self._do_later(self._prune())

    def _switch(self, deployed: Deployed) -> None:
        gone = {name for name, door in self._ingress.doors.items() if name not in deployed.instances}
        targets = {name: one.upstream for name, one in deployed.instances.items()}
        self._ingress.switch({**dict.fromkeys(gone), **targets})

    def _hold(self, others: Iterable[Instance] = ()) -> None:
        """Keep only the release warm to which a rollback leads; the rest is retired."""
        dropped = self._instances(one for name, one in self.held.items() if name != self.state.target)
        self.held = {name: one for name, one in self.held.items() if name == self.state.target}
        kept = self._instances(self.held.values()) | self._instances([self.live])
        self._retire_all((set(others) | dropped) - kept)
        self._warm_up()

    def _retire_all(self, instances: Iterable[Instance]) -> None:
        for instance in set(instances) - self._retiring:
            self._retiring.add(instance)
            self._do_later(self._retire(instance))

    def _warm_up(self) -> None:
        """See that the release to which a rollback leads runs."""
        name, state = self.state.target, self.state
        if name is None or self.live is None or state.lacking(name) or blocking(state.since(name)):
            return
        if name not in self.held or not all(one.alive for one in self.held[name].instances.values()):
            self._warming.begin(name)

    def _warmed(self, blueprint: Blueprint, instances: dict[str, Instance]) -> None:
        name = blueprint.release.name
        before = self.held.pop(name, None)
        self.held[name] = Deployed(blueprint.release, instances)
        if name == self.state.target:
            others = self._instances([before]) - set(instances.values())
            self._retire_all(others - self._instances([self.live]))
        else:
            # Another one was proven good meanwhile.
            self._hold()

    async def _retire(self, instance: Instance) -> None:
        await instance.upstream.quiet(DRAIN)
        await instance.stop()
        self._retiring.discard(instance)

    async def _prune(self) -> None:
        held = self._instances(self.held.values()) | self._instances([self.live]) | self._retiring
        running = {instance.launch.revision for instance in held}
        self.migrations.prune()
        with contextlib.suppress(OSError):
            await asyncio.to_thread(prune, self._context.layout, self.state.needed(), running)

    def _do_later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _give_up_deploy(self, startup: Startup, first: int, error: BaseException, progress: Progress) -> None:
        await startup.undo()
        mine = [one for one in self.state.applied if one.number >= first]
        reversible = [one for one in reversed(mine) if not one.blocks and one.kind == "reversible" and one.undo]
        stays = [one for one in mine if one.kind != "compatible"]
        if reversible and len(reversible) == len(mine):
            try:
                await self.migrations.take_back(reversible, progress)
            except GreenproofError as second:
                _add_hint(error, f"Its migration could not be taken back: {second.message} ({second.where})")
            stays = [one for one in self.state.applied if one.number >= first]
        self._close(error, tuple(stays), progress)

    async def _give_up_rollback(
        self, startup: Startup, before: State, schemas: Mapping[str, str], error: BaseException, progress: Progress
    ) -> None:
        await startup.undo()
        if any(one not in self.state.applied for one in before.applied):
            try:
                whole = await self.migrations.do_again(before, schemas, progress)
            except GreenproofError as second:
                _add_hint(error, f"What was taken back could not be run again: {second.message}")
            else:
                end = "the schema is as it was" if whole else "but the schema is not as it was, see `greenproof status`"
                _add_hint(error, f"The migration was run again{': ' if whole else ', '}{end}")
        self._close(error, (), progress)

    def _close(self, error: BaseException, stays: Sequence[Applied], progress: Progress) -> None:
        """What was begun is undone; the old release is live. What stays of it is said with the error."""
        self._warm_up()
        intent, failure = self.state.intent, failure_of(error)
        schema = tuple(self.migrations.told(one) for one in stays)
        if failure is not None and schema:
            changes = "; ".join(change for one in schema for change in one.changes)
            _add_hint(error, f"The schema stays changed: {changes}")
        with contextlib.suppress(GreenproofError):
            if intent is not None and failure is None:
                outcome = "half-migrated" if any(one.partial for one in schema) else "undone"
                gone = isinstance(error, asyncio.CancelledError)
                why = "who asked for it has gone" if gone else f"a defect: {type(error).__name__}"
                told = cut_off(intent, outcome, why, schema)
                self.store.change(intent=None, cut_off=told)
                progress(told.detail)
            else:
                self.store.change(intent=None)

    def _restored(self, name: str, first: int) -> None:
        state, known = self.state, self.state.known.get(name)
        if known is not None and state.intent is not None:
            mine = marks(state, name, first, back=False)
            renewed = replace(known, applied=mine, schemas=self.migrations.seen)
            self.store.change(known={**state.known, name: renewed}, intent=None)

    @staticmethod
    def _instances(deployed: Iterable[Deployed | None]) -> set[Instance]:
        return {instance for one in deployed if one for instance in one.instances.values()}


def _add_hint(error: BaseException, text: str) -> None:
    failure = failure_of(error)
    if failure is not None:
        failure.hint = f"{failure.hint or 'mend it and deploy again'}. {text}"
