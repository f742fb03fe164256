"""The client of the local platform: what every command uses; leaves nothing running but the supervisor."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from greenproof.adapters.logs import files
from greenproof.adapters.platforms.base import DependencyStatus, PlatformStatus, ServiceStatus
from greenproof.adapters.platforms.local import control
from greenproof.adapters.platforms.local.credentials import Credentials
from greenproof.adapters.platforms.local.launches import Launch, inherited, order_of_start, prepare_launch
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.planning import Present, plan_deploy
from greenproof.adapters.platforms.local.presence import (
    clear_environment,
    ensure_supervisor,
    find_supervisor,
)
from greenproof.adapters.platforms.local.recovery import asleep, refuse_fenced
from greenproof.adapters.platforms.local.redaction import Redactor
from greenproof.adapters.platforms.local.revisions import keep_snapshot, look_at, name_release
from greenproof.adapters.platforms.local.state import State, read_state
from greenproof.model.encoding import read
from greenproof.model.errors import PlanError
from greenproof.model.facts import Reading, Release, Revision
from greenproof.model.plan import Environment, Plan
from greenproof.model.releases import DeployPlan, KnownGood, Recovery, Rollback


class LocalPlatform:
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
        self._plan = plan
        self._environment = environment
        self._progress = progress
        self._servers = servers
        self._layout = Layout.of(plan, environment)
        self._credentials = Credentials(self._layout, plan)
        self._fence: int | None = None

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
        started_here = self._endpoint() is None
        try:
            return self._up(restore)
        except KeyboardInterrupt:
            if started_here:
                self.down()
            raise

    def _up(self, restore: bool) -> Recovery:
        self._layout.create()
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
        """Stop everything that belongs to this environment. Data, logs and what is known of releases are kept."""
        if self._layout.identity.exists():
            refuse_fenced(read_state(self._layout), self._fence, self._environment.name)
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
            "revisions": [_plain(revision) for revision in revisions],
            "levels": levels,
            "launches": [launch.dump() for _, launch in found],
            "key": key,
        }
        return _release(self._act("deploy", values))

    def rollback(self, to: str | None = None, key: str = "") -> Rollback:
        """Send all traffic back to the last known good release, else to the one before, as a whole.

        At once if it was kept warm; else its services are started first, all of them. Called again, it stays there;
        a deploy leads forward again.
        """
        self._bring_up(restore=read_state(self._layout).holds(key, "rollback"))
        return read(Rollback, self._act("rollback", {"to": to, "key": key}))

    def mark_good(self, release: str, run: str, key: str = "") -> KnownGood:
        """Remember that this release was proven good by this run."""
        return read(KnownGood, self._act("mark_good", {"release": release, "run": run, "key": key}))

    def ready(self) -> tuple[Reading, ...]:
        """One reading per service and dependency, of the present state."""
        found: dict[str, Reading] = {}
        if self._endpoint() is not None:
            found = {value["service"]: Reading(**value) for value in self._call("ready", {})}
        names = self._names()
        return tuple(found.get(name) or self._absent(name) for name in names)

    def data(self) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """What the stores hold, as digests, and what could not be looked at."""
        if self._endpoint() is None:
            stores = (one.name for one in self._plan.dependencies)
            return {}, tuple(f"{name}: the environment is not up" for name in stores)
        found = self._call("data", {})
        return found["found"], tuple(found["not_seen"])

    def status(self) -> PlatformStatus:
        """What runs where. Services and dependencies that are not started are `absent`."""
        if self._endpoint() is None:
            previous, book = asleep(self._layout)
            found = PlatformStatus(self._environment.name, None, previous=previous, releases=book)
        else:
            found = read(PlatformStatus, self._call("status", {}))
        services = {one.service: one for one in found.services}
        servers = {one.name: one for one in found.dependencies}
        return replace(
            found,
            services=tuple(services.get(one.name) or ServiceStatus(one.name, "absent") for one in self._plan.services),
            dependencies=tuple(
                servers.get(one.name) or DependencyStatus(one.name, one.kind, "absent")
                for one in self._plan.dependencies
            ),
        )

    def address(self, service: str) -> str | None:
        """The public URL of a service; None while it has none."""
        return next((one.url for one in self.status().services if one.service == service), None)

    def secrets(self) -> Mapping[str, str]:
        """The plan's secrets by name, and what else must never be shown under names of our own."""
        return self._credentials.named()

    def log_path(self, service: str, revision: str | None = None) -> Path | None:
        """The log of a revision; by default of the current one, else of the one that wrote last."""
        folder = self._layout.logs / service
        if revision is None:
            revision = next((one.revision for one in self.status().services if one.service == service), None)
        if revision is not None:
            path = folder / f"{revision}.log"
            return path if path.exists() else None
        written = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        return written[-1] if written else None

    def logs(self, service: str, lines: int = 200, follow: bool = False) -> Iterator[str]:
        """The last lines of a service's or dependency's log, redacted; then, if wanted, each new one."""
        names = self._names()
        if service not in names:
            raise PlanError(
                f"nothing is called {service!r}",
                code="unknown-service",
                where=f"environment {self._environment.name}",
                expected=f"one of {', '.join(names)}" if names else "a service of the configuration; there is none yet",
                hint=_near(service, names),
            )
        path = self.log_path(service)
        if path is None:
            return
        redact = Redactor(self._credentials.values())
        yield from (redact(line) for line in files.tail(path, lines))
        if follow:
            yield from (redact(line) for line in files.follow(path))

    def _names(self) -> list[str]:
        services = [service.name for service in self._plan.services]
        return services + [dependency.name for dependency in self._plan.dependencies]

    def _endpoint(self) -> int | None:
        return find_supervisor(self._layout)

    def _act(self, command: str, values: Mapping[str, Any]) -> Any:
        """Ask for a change: with our number, and with what services are started with."""
        means = {"secrets": self._credentials.declared(), "inherited": inherited(os.environ)}
        redact = self._credentials.values()
        return self._call(command, {**values, "fence": self._fence, "means": means, "redact": redact})

    def _call(self, command: str, values: Mapping[str, Any]) -> Any:
        port = self._endpoint()
        if port is None:
            raise PlanError(
                f"the environment {self._environment.name} is not up",
                code="not-up",
                where=str(self._layout.folder),
                expected="a running supervisor",
                hint="run `greenproof up`, or `greenproof deploy`",
            )
        token = self._layout.token.read_text(encoding="utf-8").strip()
        return control.call(port, token, command, values, self._progress)

    def _absent(self, name: str) -> Reading:
        up = self._endpoint() is not None
        detail = "nothing is deployed" if up else "the environment is not up"
        return Reading(name, "platform", datetime.now(UTC).isoformat(), False, "absent", detail=detail)

    def _tell(self, text: str) -> None:
        if self._progress is not None:
            self._progress(text)


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name[:100], known, n=1)
    return f"did you mean {near[0]!r}?" if near else "greenproof status shows what there is"


def _plain(revision: Revision) -> dict[str, str]:
    return {"service": revision.service, "name": revision.name, "digest": revision.digest}


def _release(value: Mapping[str, Any]) -> Release:
    revisions = tuple(Revision(**one) for one in value["revisions"])
    return Release(value["name"], revisions, value["at"])
