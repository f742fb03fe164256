"""The client of the local platform: what every command uses; leaves nothing running but the supervisor."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from greenproof.adapters.platforms.base import PlatformStatus
from greenproof.adapters.platforms.local.credentials import Credentials
from greenproof.adapters.platforms.local.launches import Launch, order_of_start, prepare_launch
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.planning import Present, plan_deploy
from greenproof.adapters.platforms.local.presence import clear_environment, ensure_supervisor
from greenproof.adapters.platforms.local.recovery import refuse_fenced
from greenproof.adapters.platforms.local.revisions import keep_snapshot, look_at, name_release
from greenproof.adapters.platforms.local.sides import Home, Sides
from greenproof.adapters.platforms.local.state import State, read_state, refuse_nowhere
from greenproof.adapters.platforms.local.view import View, plain_revision, release_of
from greenproof.model.encoding import read
from greenproof.model.errors import PlanError
from greenproof.model.facts import Release, Revision
from greenproof.model.plan import Environment, Plan
from greenproof.model.releases import DeployPlan, KnownGood, Recovery, Rollback
from greenproof.model.sides import SideRelease, SideRequest


class LocalPlatform(View):
    """One local environment of a plan. Implements `Platform`.

    A revision's process gets the plan's `env`, `PORT`, `GREENPROOF_SERVICE`, `GREENPROOF_REVISION`,
    `GREENPROOF_NONCE`, `PYTHONPATH` (its snapshot), and of the caller's environment only what
    `launches.INHERITED` names. `servers` chooses where PostgreSQL and Redis come from: `system`,
    `package`, or `auto` (the system's if present).
    """

    def __init__(
        self,
        plan: Plan,
        environment: Environment,
        progress: Callable[[str], None] | None = None,
        *,
        servers: str = "auto",
    ) -> None:
        layout = Layout.of(plan, environment)
        super().__init__(plan, layout, Credentials(layout, plan), progress)
        self._environment = environment
        self._servers = servers

    def fenced(self, number: int) -> None:
        """From now on every changing call carries this number; see `Platform`."""
        self._fence = number

    def up(self) -> Recovery:
        """Start the supervisor, the dependencies and the release that was live, if they do not run. Idempotent.

        What a killed supervisor left is found and cleared first, and a deploy or rollback that was cut off is
        finished or undone. If it is interrupted, what it started itself is stopped.
        """
        return self._bring_up(restore=True)

    def _bring_up(self, *, restore: bool) -> Recovery:
        refuse_fenced(read_state(self._layout), self._fence, self._environment.name)
        self.clear_abandoned()
        started_here = self._endpoint() is None
        try:
            return self._up(restore)
        except KeyboardInterrupt:
            if started_here:
                self.down()
            raise

    def _up(self, restore: bool) -> Recovery:
        self._layout.create()
        # Makes the key: without it no change of a value that may be a secret can be shown.
        self._credentials.digest("")
        passwords = {one.name: self._credentials.password(one.name) for one in self._plan.dependencies}
        ensure_supervisor(self._layout, self._tell)
        wanted = [
            {
                "name": one.name,
                "kind": one.kind,
                "database": one.database,
                "password": passwords[one.name],
                "source": self._servers,
            }
            for one in self._plan.dependencies
        ]
        return read(Recovery, self._act("up", {"dependencies": wanted, "restore": restore}))

    def down(self) -> None:
        """Stop everything that belongs to this environment, its side releases first. Data, logs and what is known of
        releases are kept.
        """
        if self._layout.identity.exists():
            refuse_fenced(read_state(self._layout), self._fence, self._environment.name)
            with self._sides().all_ended():
                clear_environment(self._layout, self._tell, self._fence)

    def snapshot(self, sources: Mapping[str, Path] | None = None) -> tuple[Revision, ...]:
        """What would be deployed now; writes the snapshot folders."""
        return tuple(revision for revision, _ in self._snapshots(sources))

    def _snapshots(self, sources: Mapping[str, Path] | None) -> list[tuple[Revision, Launch]]:
        chosen = self._sources(sources)
        self._layout.create()
        found = []
        for service in self._plan.services:
            contents = look_at(service, self._credentials, chosen.get(service.name))
            launch = prepare_launch(self._layout, self._plan, service, contents.revision, os.environ)
            keep_snapshot(self._layout, contents, launch.dump())
            found.append((contents.revision, launch))
        return found

    def _sources(self, sources: Mapping[str, Path] | None) -> dict[str, Path]:
        chosen = dict(sources or {})
        unknown = set(chosen) - {service.name for service in self._plan.services}
        if unknown:
            raise PlanError(
                f"no service is called {', '.join(sorted(unknown))}",
                code="unknown-service",
                where="sources",
                expected=f"one of {', '.join(service.name for service in self._plan.services)}",
            )
        return chosen

    def _levels(self) -> list[list[str]]:
        return order_of_start(self._plan.services, {one.name for one in self._plan.dependencies})

    def plan(self, sources: Mapping[str, Path] | None = None) -> DeployPlan:
        """What a deploy would change. Writes and starts nothing, not even secrets that have to be made."""

        def present(state: State) -> Present:
            running = self._call("running", {}) if self._endpoint() is not None else {}
            return Present(state, self.status(), running)

        return plan_deploy(self._layout, self._plan, self._sources(sources), os.environ, present)

    def deploy(self, sources: Mapping[str, Path] | None = None, key: str = "") -> Release:
        """Deploy all services as one release; the old one serves until all of the new is ready.

        Brings the environment up if it is not. Services whose revision did not change keep
        running. On a first deploy a service gets its traffic as soon as it is ready, because
        others may need it; later all services switch at once. Raises ServiceFailed; then
        everything is as it was.
        """
        levels, found = self._levels(), self._snapshots(sources)
        revisions = tuple(revision for revision, _ in found)
        self._bring_up(restore=read_state(self._layout).holds(key, "deploy"))
        values = {
            "name": name_release(revisions).name,
            "revisions": [plain_revision(revision) for revision in revisions],
            "levels": levels,
            "launches": [launch.dump() for _, launch in found],
            "key": key,
        }
        return release_of(self._act("deploy", values))

    def rollback(self, to: str | None = None, key: str = "") -> Rollback:
        """Send all traffic back to the last known good release, else to the one before, as a whole.

        At once if it was kept warm; else its services are started first, all of them. Called again, it stays there;
        a deploy leads forward again.
        """
        state = read_state(self._layout)
        refuse_fenced(state, self._fence, self._environment.name)
        if state.recorded(key, "rollback") is None:
            refuse_nowhere(state, to, self._environment.name)
        self._bring_up(restore=state.holds(key, "rollback"))
        return read(Rollback, self._act("rollback", {"to": to, "key": key}))

    def mark_good(self, release: str, run: str, key: str = "") -> KnownGood:
        """Remember that this release was proven good by this run."""
        return read(KnownGood, self._act("mark_good", {"release": release, "run": run, "key": key}))

    def status(self) -> PlatformStatus:
        """What runs where, and beside it."""
        return replace(super().status(), sides=self.sides())

    def start_side(self, request: SideRequest) -> SideRelease:
        """Start a mix beside the current release, with ports of its own and its own copy of the data.

        The services run in snapshots of their own, too; what they write there stays there. Passwords and secrets are
        those of the environment.
        """
        self.clear_abandoned()
        return self._sides().start(request)

    def sides(self) -> tuple[SideRelease, ...]:
        """What runs beside the current release."""
        return self._sides().every()

    def side(self, name: str) -> View:
        """A side release, to look at and to give to tests."""
        return self._sides().view(name)

    def end_side(self, name: str) -> bool:
        """End a side release; its copy of the data is removed."""
        return self._sides().end(name)

    def clear_abandoned(self) -> tuple[str, ...]:
        """End the side releases whose owner or supervisor was killed."""
        return self._sides().clear_abandoned()

    def _sides(self) -> Sides:
        view = View(self._plan, self._layout, self._credentials)
        home = Home(
            self._plan, self._environment, self._layout, self._credentials, view, self._servers, self._tell, self._fence
        )
        return Sides(home)
