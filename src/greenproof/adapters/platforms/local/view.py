"""What can be looked at of one folder of the local platform: an environment, or a side release in it."""

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
from greenproof.adapters.platforms.local.launches import inherited
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.presence import find_supervisor
from greenproof.adapters.platforms.local.recovery import asleep
from greenproof.adapters.platforms.local.redaction import Redactor
from greenproof.model.encoding import read
from greenproof.model.errors import PlanError
from greenproof.model.facts import Reading, Release, Revision
from greenproof.model.plan import Plan


class View:
    """A client of the supervisor of one folder. Implements `Serving`."""

    def __init__(
        self, plan: Plan, layout: Layout, credentials: Credentials, progress: Callable[[str], None] | None = None
    ) -> None:
        self._plan, self._layout, self._credentials = plan, layout, credentials
        self._progress = progress
        self._fence: int | None = None

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
            found = PlatformStatus(self._layout.name, None, previous=previous, releases=book)
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
                where=f"environment {self._layout.name}",
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
                f"the environment {self._layout.name} is not up",
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


def plain_revision(revision: Revision) -> dict[str, str]:
    """As the supervisor is told it."""
    return {"service": revision.service, "name": revision.name, "digest": revision.digest}


def release_of(value: Mapping[str, Any]) -> Release:
    """As the supervisor tells it."""
    revisions = tuple(Revision(**one) for one in value["revisions"])
    return Release(value["name"], revisions, value["at"])
