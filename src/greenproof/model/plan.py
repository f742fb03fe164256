"""The plan: what a `greenproof.toml` declares, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from greenproof.model.performance import PerformanceTarget
from greenproof.model.routes import Route

DEFAULT_IDENTITY_HEADER = "X-Greenproof-Revision"

_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a release runs."""

    name: str
    kind: str = "local"
    """`local`, `staging` or `production`. Nothing that acts is done on `production`."""
    platform: str = "local"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret comes from; exactly one of the three is set. Never holds the secret itself."""

    name: str
    generate: int | None = None
    """Length in bytes of a random value, made once for each environment."""
    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """A backing store that services need."""

    name: str
    kind: str
    """`postgres` or `redis`."""
    database: str | None = None
    """PostgreSQL: the database that is created."""


@dataclass(frozen=True, slots=True)
class DepthNames:
    """How a service's log names the depth of its work: values that mean core, cache and canned."""

    field: str = "depth"
    core: tuple[str, ...] = ("core",)
    cache: tuple[str, ...] = ("cache",)
    canned: tuple[str, ...] = ("canned",)


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """Where a service says which revision it is: a response header, a field of a document, or a log field."""

    header: str | None = DEFAULT_IDENTITY_HEADER
    path: str | None = None
    field: str | None = None
    log_field: str | None = None


@dataclass(frozen=True, slots=True)
class LogSource:
    """How receipts are read from a service's own log (one JSON object a line)."""

    file: Path | None = None
    """A file to read; None: the platform's log of the service."""
    trace_field: str = "trace_id"
    route_field: str = "route"
    depth: DepthNames = DepthNames()


@dataclass(frozen=True, slots=True)
class Service:
    """A deployable unit."""

    name: str
    source: Path
    """Absolute folder that is snapshotted."""
    command: tuple[str, ...]
    include: tuple[str, ...] = ("**",)
    """Globs relative to `source`; what a revision contains."""
    migrate: tuple[str, ...] | None = None
    migrate_undo: tuple[str, ...] | None = None
    """Takes back what `migrate` of the same revision did."""
    migration: str | None = None
    """`compatible`, `reversible` or `irreversible`; None: not declared."""
    python: Path | None = None
    """Absolute path of the virtual environment that `{python}` comes from; None: `python3` of PATH."""
    port: int | None = None
    """Preferred public port."""
    needs: tuple[str, ...] = ()
    health: str = "/health"
    ready: str = "/health/ready"
    start_timeout: float = 30.0
    """Seconds from start to ready."""
    env: Mapping[str, str] = _EMPTY
    """Values may hold `{postgres.url}`, `{auth.url}`, `{secret.jwt}`."""
    identity: IdentitySource = IdentitySource()
    log: LogSource = LogSource()


@dataclass(frozen=True, slots=True)
class Target:
    """An address that tests talk to: a service of the platform, or a URL."""

    name: str
    service: str | None = None
    url: str | None = None
    env: tuple[str, ...] = ()
    """Variables in which the tests expect the address, beside `GREENPROOF_<NAME>_URL`."""
    identity: IdentitySource = IdentitySource()
    log: LogSource = LogSource()


@dataclass(frozen=True, slots=True)
class Claim:
    """Which routes a set of tests says it exercises."""

    tests: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """What cases protect."""

    name: str
    value: float
    """Revenue a year, in the currency of the project."""
    tier: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Priority:
    """A class of importance; the order in the file is the order of execution."""

    name: str
    tests: tuple[str, ...]
    tolerated: float = 0.0
    """Share of cases, 0 to 1, that may fail."""
    gates: bool = True


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of test, and how many proven cases of it are planned."""

    name: str
    tests: tuple[str, ...]
    target: int | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """A test command."""

    name: str
    command: tuple[str, ...]
    kind: str = "e2e"
    """`e2e`, or `offline` (judged by accounted and checked only)."""
    python: Path | None = None
    directory: Path | None = None
    """Absolute folder in which it runs."""
    env: Mapping[str, str] = _EMPTY
    timeout: float = 900.0
    """Seconds for one run of the suite."""
    writes: bool = True
    """Its tests may change data."""


DEFAULT_PLUMBING = (
    Route("*", "/health"),
    Route("*", "/health/**"),
    Route("*", "/healthz"),
    Route("*", "/livez"),
    Route("*", "/ready"),
    Route("*", "/readyz"),
    Route("*", "/version"),
    Route("*", "/metrics"),
    Route("*", "/login"),
    Route("*", "/auth/login"),
    Route("*", "/token"),
    Route("*", "/oauth/token"),
)


@dataclass(frozen=True, slots=True)
class LoopPolicy:
    """How the loop runs, unless the command line says otherwise."""

    hours: float = 8.0
    """Of work, over all processes that took a run up."""
    cycles: int = 50
    """Turns of a run that goes on until it is verified."""
    no_progress: int = 3
    """Turns in a row with the same failures on the same release after which there is no point in another."""
    silence: float = 600.0
    """Seconds without a sign of life, beyond the suite's own time-out, after which a step is stuck."""
    store: str | None = None
    """A `postgresql://` URL for what several machines share; None: files beside the ledger."""


@dataclass(frozen=True, slots=True)
class SensitivityPolicy:
    """How far `prove --sensitivity` may go."""

    runs: int = 8
    """Most extra runs under faults; one undisturbed run comes before them."""
    seed: int = 0
    repeat_writes: bool = False
    """Cases that may write are part of the extra runs, too: their writes are repeated."""
    tenant: str | None = None
    """A variable that gets another value in each extra run, so that its writes are a tenant's of their own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a configuration declares. `root` is the folder of `greenproof.toml`."""

    root: Path
    name: str = "project"
    environments: tuple[Environment, ...] = (Environment("local"),)
    secrets: tuple[Secret, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    services: tuple[Service, ...] = ()
    targets: tuple[Target, ...] = ()
    plumbing: tuple[Route, ...] = DEFAULT_PLUMBING
    claims: tuple[Claim, ...] = ()
    features: tuple[Feature, ...] = ()
    priorities: tuple[Priority, ...] = ()
    categories: tuple[Category, ...] = ()
    performance: tuple[PerformanceTarget, ...] = ()
    suites: tuple[Suite, ...] = field(default=())
    loop: LoopPolicy = LoopPolicy()
    sensitivity: SensitivityPolicy = SensitivityPolicy()

    @property
    def state(self) -> Path:
        """The folder `.greenproof`, in which everything of ours is kept."""
        return self.root / ".greenproof"
