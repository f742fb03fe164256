"""The one interface between the loop and the place where services run, and the values it speaks in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from greenproof.model.errors import PlatformError
from greenproof.model.facts import Reading, Release, Revision
from greenproof.model.releases import DeployPlan, KnownGood, Recovery, ReleaseBook, Rollback
from greenproof.model.sides import SideRelease, SideRequest


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What a platform knows about one service, now."""

    service: str
    state: str
    """`running`, `exited`, or `absent` when nothing of it is deployed."""
    revision: str | None = None
    pid: int | None = None
    port: int | None = None
    """Where the current revision listens; not meant for clients."""
    url: str | None = None
    """The stable public address."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DependencyStatus:
    """What a platform knows about one dependency, now."""

    name: str
    kind: str
    state: str
    """`running`, `exited` or `absent`."""
    port: int | None = None
    source: str | None = None
    """`system`, or `package` when the binaries come from a Python package."""
    version: str | None = None
    url: str | None = None
    """With the password redacted."""
    data: str | None = None
    """Where its data is kept."""


@dataclass(frozen=True, slots=True)
class PlatformStatus:
    """An environment at one moment."""

    environment: str
    supervisor: int | None
    """Process id of the supervisor; None: the environment is not up."""
    current: Release | None = None
    previous: Release | None = None
    services: tuple[ServiceStatus, ...] = ()
    dependencies: tuple[DependencyStatus, ...] = ()
    releases: ReleaseBook = ReleaseBook()
    """What is known good, kept warm, was cut off, and how often traffic moved. Also told while it is not up."""
    sides: tuple[SideRelease, ...] = ()
    """What runs beside it, without its traffic."""


class ServiceFailed(PlatformError):
    """A service, a migration or a dependency did not do its part; carries the end of its log."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        where: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
        log: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, code=code, where=where, expected=expected, hint=hint)
        self.log = log
        """At most the last 20 lines, redacted."""

    def lines(self) -> list[str]:
        """The error, then the end of the log."""
        lines = super().lines()
        if self.log:
            lines += ["", "the last lines of its log:", *(f"  | {line}" for line in self.log)]
        return lines


@runtime_checkable
class Serving(Protocol):
    """What can be looked at and given to tests: an environment, or a side release in it. Nothing here changes it."""

    def ready(self) -> tuple[Reading, ...]:
        """One reading per service and dependency, of the present state. `absent`: not deployed."""

    def data(self) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """Digests of what the stores hold, by store and part of it; and of which nothing is known, with the reason.

        Two looks with the same digests have the same data. No value can be read from a digest.
        """

    def status(self) -> PlatformStatus:
        """What runs where; reads only what the platform itself knows."""

    def address(self, service: str) -> str | None:
        """The public URL of a service; None when it has none yet."""

    def secrets(self) -> Mapping[str, str]:
        """The values of the plan's secrets in this environment: for the test process, and to know what to redact."""

    def log_path(self, service: str, revision: str | None = None) -> Path | None:
        """The log file of a revision (of the current one by default), where there are files."""

    def logs(self, service: str, lines: int = 200, follow: bool = False) -> Iterator[str]:
        """The last `lines` lines of a service's log; with `follow`, then each new one."""


@runtime_checkable
class Platform(Serving, Protocol):
    """One environment of a platform.

    Every method is idempotent: called again in a state that it would bring about, it changes
    nothing and returns the same. Every method raises `PlatformError` with a stable code.

    A `key` names one effect for ever. The same key again returns what was recorded for it, if a look at the
    platform shows that it still holds; if not, it is done again. Without a key nothing is recorded.

    An effect that was cut off (by the end of the caller or of the platform's own process) is never carried on
    with silently: whichever of `up`, `deploy`, `rollback` comes next first finishes or undoes it. `up` returns
    that, and `status` tells it until a deploy or rollback has come to its end.
    """

    def fenced(self, number: int) -> None:
        """From now on every changing call of this client carries this number.

        The platform keeps the highest number that it has met, and refuses lower ones with the code `fenced-off`: a
        loop that was stopped and woke up after another took over must not act. Calls without a number, those of
        a person, are accepted.
        """

    def up(self) -> Recovery:
        """Bring the environment up, and the release that was live when it went down.

        What was cut off is finished or undone first. If the release can't be restored, the environment is up
        without it, and the result says why; that raises nothing.
        """

    def down(self) -> None:
        """Stop everything. Data, and what is known of releases, are kept."""

    def snapshot(self) -> tuple[Revision, ...]:
        """What would be deployed now, one revision per service."""

    def plan(self, sources: Mapping[str, Path] | None = None) -> DeployPlan:
        """What `deploy` would change. Changes and writes nothing."""

    def deploy(self, sources: Mapping[str, Path] | None = None, key: str = "") -> Release:
        """Deploy all services as one release; on failure the old release goes on serving.

        `sources` replaces the source folder of the named services, for a side release or a bisection. An environment
        that is not up is brought up, but the release of last time is not started for it.
        """

    def rollback(self, to: str | None = None, key: str = "") -> Rollback:
        """Send all traffic back to an earlier release, as a whole, or change nothing.

        Without `to`: to the last known good release that is not the current one; without any, to the release before.
        Asked again, it stays there; a deploy leads forward again. Migrations on the way are taken back where they
        are reversible. Code `rollback-frozen`: one of them can't be, and nothing was changed.
        `migration-undo-failed`: it was tried, and traffic stays where it is. `no-previous-release`,
        `unknown-release`: there is nothing to go back to.
        """

    def mark_good(self, release: str, run: str, key: str = "") -> KnownGood:
        """This release (by name) was proven good by this run of the ledger. Code `unknown-release`.

        The last known good release that is not the current one is kept warm. A release that is left by a rollback is
        no longer known good until it is proven again.
        """

    def start_side(self, request: SideRequest) -> SideRelease:
        """Start any mix of revisions and configuration beside the current release, without its traffic, and wait until
        each service of it is ready by identity. The current release, its traffic and its data are not touched.

        Keyed by its name: asked again for the same mix, it returns what runs. With an owner, it ends with the process
        that asked. Refused on production environments.

        It fits what other platforms have: traffic tags that get no traffic, previews in a namespace of their own;
        docs/sides.md says how.

        Codes: `side-production`, `side-name`, `side-taken`, `side-limit`, `side-data`, `side-incomplete`,
        `unknown-service`, `side-revision`, `unknown-release`, `revision-changed`, `fenced-off`, and those of a
        deploy. What was started until then is ended.
        """

    def sides(self) -> tuple[SideRelease, ...]:
        """The side releases of this environment, by name."""

    def side(self, name: str) -> Serving:
        """A side release, to look at and to give to tests. Code `unknown-side`."""

    def end_side(self, name: str) -> bool:
        """End a side release with all that it has, its copy of the data included; logs are kept for a while.

        False: there is none of that name.
        """

    def clear_abandoned(self) -> tuple[str, ...]:
        """End the side releases whose owner, or whose own process, was killed; their names."""
