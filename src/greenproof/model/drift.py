"""Drift: the configuration as it stands in four places, and where these places say different things."""

from dataclasses import dataclass, field
from enum import StrEnum


class Side(StrEnum):
    """Where a configuration was taken."""

    DECLARED = "declared"
    """What the configuration file and the sources say now."""
    DEPLOYED = "deployed"
    """What the manifests of the current release say, and what was seen of it."""
    TESTS = "tests"
    """What the process of the tests gets, and what stands in their sources."""


class Kind(StrEnum):
    """What a value is."""

    URL = "url"
    HOST = "host"
    PORT = "port"
    PATH = "path"
    TIMEOUT = "time-out"
    POOL = "pool size"
    SUBPROTOCOL = "subprotocol"
    KEY = "key"
    """Only ever shown as a keyed digest."""
    CERTIFICATE = "certificate"
    ADDRESSES = "dns"
    REVISION = "revision"
    SETTING = "setting"


class Origin(StrEnum):
    """How a value is known."""

    FILE = "file"
    MANIFEST = "manifest"
    OBSERVED = "observed"
    VARIABLE = "variable"


class Role(StrEnum):
    """What the tests do with an address that stands in them, or with a variable."""

    USED = "used"
    """It is what they talk to, as far as names tell."""
    FALLBACK = "fallback"
    """It counts only where a variable is not set."""
    MENTIONED = "mentioned"
    """It stands somewhere in the source."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from."""

    origin: Origin
    where: str
    """A path below the configuration's folder, the name of a revision or variable, or what was asked."""
    line: int = 0
    """1-based; 0: none."""

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return place if self.origin is Origin.FILE else f"{self.origin.value} {place}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value in one place. Never holds a secret: keys are digests, URLs have no passwords."""

    subject: str
    """`api` (a service), `target api`, `store postgres`, `suite e2e`, `promise NAME`."""
    name: str
    """`port`, `env.DB_TIMEOUT`, `variable API_URL`, `code db.py::connect.timeout`."""
    kind: Kind
    value: str
    source: Source
    role: Role = Role.USED
    given: bool = False
    """An address that Greenproof itself hands to the tests, which can't be wrong by itself."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other values of the same side."""
        return self.subject, self.name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All settings of one side at one time."""

    side: Side
    name: str = ""
    """The release or run that it belongs to."""
    at: str = ""
    """UTC, ISO 8601, if it is one of before."""
    settings: tuple[Setting, ...] = ()
    missing: tuple[str, ...] = ()
    """What could not be looked at, and why."""
    absent: str = ""
    """Why there is no such snapshot at all."""


class State(StrEnum):
    """How two sides stand to each other in one setting."""

    DIFFERS = "differs"
    MISSING = "missing"
    """The first side has it, the second has not."""
    ONLY_HERE = "only here"
    """The second side has it, the first has not."""
    UNCOMPARED = "cannot be compared"


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting in which two sides do not agree."""

    id: str
    """The same for the same setting of the same pair, whatever its values are."""
    state: State
    kind: Kind
    subject: str
    name: str
    matters: bool
    """It counts for the exit code. The others are worth a look."""
    text: str
    """A sentence."""
    first: Setting | None = None
    second: Setting | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides beside each other."""

    name: str
    """`declared-deployed`, `deployed-tests`, or `last-good-declared`, `last-good-deployed`, `last-good-tests`."""
    first: str
    second: str
    differences: tuple[Difference, ...] = ()
    compared: int = 0
    """Settings that both sides have."""
    absent: str = ""
    """Why nothing was compared."""
    counts: bool = True
    """Its differences count for the exit code."""


@dataclass(frozen=True, slots=True)
class Drift:
    """All that was compared."""

    environment: str
    suite: str | None
    snapshots: tuple[Snapshot, ...]
    last_good: tuple[Snapshot, ...]
    pairs: tuple[Pair, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """What a server showed when it was asked for its certificate."""

    host: str
    port: int
    names: tuple[str, ...] = ()
    """DNS names and addresses that it is for."""
    issuer: str = ""
    not_after: str = ""
    """UTC, ISO 8601."""
    trusted: bool | None = None
    """Whether the chain is trusted here, whatever the names; None: nothing was seen."""
    trouble: str = ""
    """Why nothing was seen, or why it is not trusted."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the system's resolver made of a name."""

    host: str
    addresses: tuple[str, ...] = ()
    """Sorted."""
    trouble: str = ""
    """Why there are none."""
