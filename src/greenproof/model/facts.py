"""Facts: what was observed, by whom, and when. Never what is concluded from it.

Times named `*_ns` are readings of the machine's monotonic clock in nanoseconds, comparable between processes of
one machine; times named `at` are UTC in ISO 8601.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What the runner said of a case."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """Set-up or teardown failed."""
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    UNFINISHED = "unfinished"
    """Started, never ended: killed, crashed or timed out."""


class Phase(StrEnum):
    """The part of a case in which something happened."""

    SETUP = "setup"
    CALL = "call"
    TEARDOWN = "teardown"


class Depth(StrEnum):
    """How deep a service went for an answer."""

    CORE = "core"
    CACHE = "cache"
    CANNED = "canned"
    UNKNOWN = "unknown"


class Join(StrEnum):
    """How an exchange was given to its case."""

    PORT = "port"
    """The listening port of the worker."""
    SOURCE_PORT = "source-port"
    """The client's source port, told before connecting."""
    PROCESS = "process"
    """The process table."""
    AMBIGUOUS = "ambiguous"
    """Sent by work that outlived its case, or while such work lived, or while no case ran: never proof."""
    NONE = "none"


class FaultKind(StrEnum):
    """What a fault run puts in the place of an answer."""

    ERROR = "error"
    """A 2xx becomes a 500, an expected 4xx a 200; a WebSocket message becomes an error message."""
    VALUE = "value"
    """The same shape, other values."""
    TAILORED = "tailored"
    """In the run with changed values, in their place: the failure that this case may be putting up with."""
    LATER = "later"
    """In their place as well: an error, but only after the answers at which the first run turned it red."""
    EMPTIED = "emptied"
    """In their place as well: the same answer with nothing in it."""
    SENSITIVITY = "sensitivity"
    """A run of its own, after the verdict: each case gets one further fault, or none in the first of these runs."""


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """One message of a WebSocket conversation: when the relay had it, and how it names itself."""

    ns: int
    from_client: bool
    names: tuple[tuple[str, str], ...] = ()
    """(JSON field, value): how it names itself, as far as that was asked for."""
    links: tuple[tuple[str, str], ...] = ()
    """(JSON field, keyed digest of its value): equal in two messages of a run where the value is."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, or one WebSocket conversation, as the relay saw it."""

    id: str
    target: str
    protocol: str
    """`http/1.1`, `http/2`, `websocket` or `tcp`."""
    method: str
    """`GET` ..., `WS` for a WebSocket conversation (also a refused handshake), `TCP` for opaque bytes."""
    path: str
    """Without query."""
    status: int | None
    """What the service answered (before any fault); 101 for an accepted WebSocket; None: no answer."""
    case: str | None
    phase: Phase | None
    worker: str | None
    join: Join
    start_ns: int
    head_ns: int | None
    """When the head of the answer (for a WebSocket: its first server message) had come."""
    end_ns: int | None
    trace_id: str | None = None
    identity: str | None = None
    """The revision that the answer's identity header named."""
    depth: Depth = Depth.UNKNOWN
    synthetic: bool = False
    """The answer was made by the relay itself (upstream down): never evidence."""
    sent: int = 0
    """WebSocket messages from the client."""
    received: int = 0
    """WebSocket messages from the server."""
    fault: FaultKind | None = None
    """The fault that was *delivered* to the test."""
    error: str | None = None
    asked_ns: int | None = None
    """When the whole of the request had come; None: it never did, or it is a WebSocket."""
    accepted_ns: int | None = None
    """When the head had come that accepts a WebSocket; None for the later parts of a conversation."""
    messages: tuple[MessageSeen, ...] = ()
    """The messages of a WebSocket conversation that a promise about time needs; empty under a fault."""
    not_kept: int = 0
    """Messages that such a promise might have needed, and that were too many or too large to be kept."""
    last_ns: int | None = None
    """When the last message of a WebSocket passed, from either side."""
    greeted: bool = False
    """The service said something before the client did."""


@dataclass(frozen=True, slots=True)
class AnswerSeen:
    """What an undisturbed answer was made of: enough to say which faults fit, and no value of it."""

    exchange: str
    headers: tuple[str, ...] = ()
    """Of those that operators change, the ones that it had: `content-type`, `charset`, `location`."""
    size: int = 0
    """Bytes of its body, decoded; -1: too many to be held, or they can't be decoded."""
    shape: tuple[tuple[str, str], ...] = ()
    """(pointer, kind) of each place in a JSON body, indices and identifiers generalised; empty: no JSON."""
    events: int = 0
    """Events of a stream, or messages of the service in a WebSocket conversation."""
    burst: int = 0
    """Most events in a row, without a word of the client between them."""
    digest: str = ""
    """Equal in two answers of a run whose bodies are."""
    user: str = ""
    """Equal in two answers of a run that were asked for with the same credential; empty: there was none."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof from the serving side that an exchange arrived."""

    service: str
    revision: str | None
    method: str
    route: str
    trace_id: str
    depth: Depth
    source: str
    """`header`, `middleware` or `log`."""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case turned red."""

    phase: Phase
    kind: str
    """`check` (assert, unittest assertion, pytest.raises that did not match, pytest.fail); `error`: anything else."""
    type: str
    """The exception's class name."""
    text: str
    """Redacted, at most 2,000 characters."""
    line: int | None = None
    """The line of the test function, in the file of its id, at which it was raised; None: not known."""
    helper: str | None = None
    """The function of the suite that was called there and raised it; None: the test function itself."""
    apart: bool = False
    """By its source, nothing at that line depends on an answer."""


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """What one run of a suite showed about one case."""

    id: str
    outcome: Outcome
    """From the reports that left the test process."""
    executed: Outcome | None = None
    """From the exceptions that the innermost wrapper saw; differs from `outcome` when a hook flipped a report."""
    worker: str | None = None
    setup_start_ns: int | None = None
    call_start_ns: int | None = None
    call_end_ns: int | None = None
    end_ns: int | None = None
    checks: int = 0
    """Checks of the test's own tree that ran in the call phase (asserts, unittest assertions, matched raises);
    -1: could not be counted."""
    last_check_ns: int | None = None
    failure: Failure | None = None
    skip_reason: str | None = None
    retried: bool = False
    """Run more than once in one run, by a plugin that retries."""
    connections: int = 0
    """`socket.connect` events of the process in the call phase, to anywhere."""
    foreign_connections: int = 0
    """Those of them that went neither to the relay nor to Greenproof's control port."""
    children: int = 0
    """Child processes started in the call phase."""
    mocks: int = 0
    """Calls of `unittest.mock` objects in set-up and call."""
    evasions: tuple[str, ...] = ()
    """Native clients that were loaded and hide their sockets from Python (`uvloop`, `pycurl`, `grpc`)."""
    fixtures: tuple[str, ...] = ()
    """Keys (`path::name`) of the fixtures that the case uses, directly or through others."""
    strays: tuple[str, ...] = ()
    """Earlier cases of the same process of which a thread, task or child process still lived when this one began:
    none of its exchanges is proof."""


@dataclass(frozen=True, slots=True)
class FixtureSpan:
    """The set-up of one fixture, during which exchanges belong to every case that uses it."""

    key: str
    worker: str | None
    case: str
    """The case whose set-up (or call) built it."""
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class TestProcess:
    """A process of the test command that introduced itself."""

    __test__ = False  # a value, not a test class: pytest goes by the name

    pid: int
    role: str
    """`main` (also the xdist controller) or `worker`."""
    worker: str | None
    rootdir: str
    arguments: tuple[str, ...]
    """The paths and ids that pytest was asked for, as it resolved them."""
    python_files: tuple[str, ...] = ("test_*.py", "*_test.py")
    python_classes: tuple[str, ...] = ("Test",)
    python_functions: tuple[str, ...] = ("test",)
    optimised: bool = False
    """Asserts are off: `-O`."""
    exit_status: int | None = None
    """What it said when it left; None: it left without a word."""
    python: str = ""
    """Versions of Python and pytest."""
    installed: str = ""
    """Digest of the distributions that are installed beside the tests."""


@dataclass(frozen=True, slots=True)
class LostTarget:
    """A target that stopped answering while the suite ran."""

    target: str
    at_ns: int
    detail: str


@dataclass(frozen=True, slots=True)
class RunObservation:
    """All facts of one run of the test command."""

    fault: FaultKind | None
    """None: the plain run."""
    exit_code: int | None
    """Of the command; negative: killed by that signal; None: it could not be waited for."""
    timed_out: bool
    processes: tuple[TestProcess, ...]
    collected: tuple[str, ...]
    deselected: tuple[str, ...]
    collection_errors: tuple[tuple[str, str], ...]
    """(node id or path, text)."""
    cases: tuple[CaseRecord, ...]
    exchanges: tuple[Exchange, ...]
    skipped_files: tuple[tuple[str, str], ...] = ()
    """(node id, reason): skipped as a whole while they were collected."""
    fixtures: tuple[FixtureSpan, ...] = ()
    lost_targets: tuple[LostTarget, ...] = ()
    hook_errors: tuple[str, ...] = ()
    """Failures inside the relay; any makes the run inconclusive."""
    answers: tuple[AnswerSeen, ...] = ()
    """What the answers were made of; only where they were looked at, in the first sensitivity run."""
    relay_lost: bool = False
    duration_s: float = 0.0


TARGET_PROBE = "target"
"""The probe of a reading that `prove` takes of an address before the tests begin: of a target, not of a component."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation of a service by a probe."""

    service: str
    probe: str
    at: str
    ok: bool
    state: str
    """`ready`, `alive`, `refused`, `timeout`, `wrong-identity`, `foreign-process`, `not-ready`, `garbage`, `absent`;
    of a target also `unresolved`, `unreachable`, `no-connection`, `certificate`, `not-tls`, `closed`."""
    identity: str | None = None
    latency_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable build and configuration of a service."""

    service: str
    name: str
    """`auth-3f2a9c41d0b7`: the service and the first 12 hex digits of the digest."""
    digest: str
    """SHA-256 over source and configuration."""


@dataclass(frozen=True, slots=True)
class Release:
    """One revision per service: what is deployed, judged and rolled back as a whole."""

    name: str
    """`r-` and the first 12 hex digits of the digest of its revisions."""
    revisions: tuple[Revision, ...]
    at: str = ""
