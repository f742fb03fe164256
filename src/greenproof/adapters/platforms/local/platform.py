"""The client of the local platform: what every command uses; leaves nothing running but the supervisor."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from greenproof.adapters.logs import files
from greenproof.adapters.platforms.base import DependencyStatus, PlatformStatus, ServiceStatus
from greenproof.adapters.platforms.local import control
from greenproof.adapters.platforms.local.credentials import Credentials
from greenproof.adapters.platforms.local.launches import order_of_start, prepare_launch
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.presence import (
    clear_environment,
    ensure_supervisor,
    find_supervisor,
)
from greenproof.adapters.platforms.local.redaction import Redactor
from greenproof.adapters.platforms.local.revisions import name_release, take_snapshot
from greenproof.model.errors import PlanError
from greenproof.model.facts import Reading, Release, Revision
from greenproof.model.plan import Environment, Plan, Service


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

    def up(self) -> None:
        """Start the supervisor and the dependencies, if they do not run. Idempotent.

        What a killed supervisor left is found and cleared first. Services are not started: that
        is what `deploy` does. If it is interrupted, what it started itself is stopped.
        """
        started_here = self._endpoint() is None
        try:
            self._up()
        except KeyboardInterrupt:
            if started_here:
                self.down()
            raise

    def _up(self) -> None:
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
        self._call("up", {"dependencies": wanted, "secrets": self._credentials.values()})

    def down(self) -> None:
        """Stop everything that belongs to this environment. Data and logs are kept. Idempotent."""
        if self._layout.identity.exists():
            clear_environment(self._layout, self._tell)

    def snapshot(self, sources: Mapping[str, Path] | None = None) -> tuple[Revision, ...]:
        """What would be deployed now; writes the snapshot folders."""
        self._layout.create()
        chosen = dict(sources or {})
        unknown = set(chosen) - {service.name for service in self._plan.services}
        if unknown:
            raise PlanError(
                f"no service is called {', '.join(sorted(unknown))}",
                code="unknown-service",
                where="sources",
                expected=f"one of {', '.join(service.name for service in self._plan.services)}",
            )
        return tuple(
            take_snapshot(self._layout, service, self._credentials, chosen.get(service.name))
            for service in self._plan.services
        )

    def deploy(self, sources: Mapping[str, Path] | None = None) -> Release:
        """Deploy all services as one release; the old one serves until all of the new is ready.

        Brings the environment up if it is not. Services whose revision did not change keep
        running. On a first deploy a service gets its traffic as soon as it is ready, because
        others may need it; later all services switch at once. Raises ServiceFailed; then
        everything is as it was.
        """
        dependencies = {one.name for one in self._plan.dependencies}
        levels = order_of_start(self._plan.services, dependencies)
        revisions = self.snapshot(sources)
        named = {revision.service: revision for revision in revisions}
        services = {service.name: service for service in self._plan.services}
        launches = [[self._launch(services[name], named[name]) for name in level] for level in levels]
        self.up()
        values = {
            "name": name_release(revisions).name,
            "revisions": [_plain(revision) for revision in revisions],
            "levels": launches,
            "secrets": self._credentials.values(),
        }
        return _release(self._call("deploy", values))

    def rollback(self) -> Release:
        """Send all traffic back to the previous release, which was kept warm.

        Called again, it stays there; a deploy leads forward again.
        """
        return _release(self._call("rollback", {}))

    def ready(self) -> tuple[Reading, ...]:
        """One reading per service and dependency, of the present state."""
        found: dict[str, Reading] = {}
        if self._endpoint() is not None:
            found = {value["service"]: Reading(**value) for value in self._call("ready", {})}
        names = self._names()
        return tuple(found.get(name) or self._absent(name) for name in names)

    def status(self) -> PlatformStatus:
        """What runs where. Services and dependencies that are not started are `absent`."""
        value: dict[str, Any] = {}
        if self._endpoint() is not None:
            value = self._call("status", {})
        services = {one["service"]: ServiceStatus(**one) for one in value.get("services", ())}
        servers = {one["name"]: DependencyStatus(**one) for one in value.get("dependencies", ())}
        return PlatformStatus(
            environment=self._environment.name,
            supervisor=value.get("supervisor"),
            current=_release(value["current"]) if value.get("current") else None,
            previous=_release(value["previous"]) if value.get("previous") else None,
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

    def _launch(self, service: Service, revision: Revision) -> dict[str, Any]:
        launch = prepare_launch(self._layout, self._plan, service, revision, self._credentials, os.environ)
        return launch.dump()

    def _names(self) -> list[str]:
        services = [service.name for service in self._plan.services]
        return services + [dependency.name for dependency in self._plan.dependencies]

    def _endpoint(self) -> int | None:
        return find_supervisor(self._layout)

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
