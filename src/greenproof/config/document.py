"""The shape of `greenproof.toml`: every key, its type, its default and its meaning.

The JSON Schema and the reference page are generated from these descriptions. What concerns more than one key is in
`rules` and its neighbours.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1
"""The newest version of the format that this version of Greenproof knows."""

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,40}$"
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
HEADER_PATTERN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
PATH_PATTERN = r"^/[^\s?#]*$"
TEXT_PATTERN = r"\S"
STORE_PATTERN = r"^postgres(ql)?://([^:@/]+@)?[^:@/]+(:\d+)?/[^/]+$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Variable = Annotated[str, Field(pattern=VARIABLE_PATTERN)]
Text = Annotated[str, Field(pattern=TEXT_PATTERN, max_length=200)]
Argument = Annotated[str, Field(min_length=1)]
Command = Annotated[list[Argument], Field(min_length=1)]
Globs = Annotated[list[Text], Field(min_length=1)]
WebPath = Annotated[str, Field(pattern=PATH_PATTERN)]
Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600, allow_inf_nan=False)]

_NODE_GLOBS = (
    "Globs over node ids, such as `tests/test_a.py::*`; leading folders may be left out. `[` begins a set of "
    "characters, so `[[]` stands for a `[` itself: `*::test_a[[]admin]` is the case `test_a[admin]`."
)
_PLACEHOLDERS = "Values may hold `{postgres.url}`, `{auth.url}` and `{secret.jwt}`."


class Table(BaseModel):
    """A table of the file; a key that it doesn't name is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Project(Table):
    """The project as a whole."""

    name: Name = Field(description="Name of the project.")


class Environment(Table):
    """Where a release runs."""

    kind: Literal["local", "staging", "production"] = Field(
        default="local",
        description="What may be done there. On `production` there are no faults, experiments or remedies that act.",
    )
    platform: Literal["local"] = Field(default="local", description="What runs the services.")


class Secret(Table):
    """Where a secret comes from: exactly one of the three keys. Its value is redacted wherever it is kept."""

    generate: Annotated[int, Field(ge=16, le=4096)] | None = Field(
        default=None, description="Make a random value of this many bytes, once for each environment."
    )
    env: Variable | None = Field(default=None, description="Read it from this variable.")
    file: Text | None = Field(default=None, description="Read it from this file, relative to the configuration.")


class Dependency(Table):
    """A backing store that services need."""

    kind: Literal["postgres", "redis"] = Field(description="Which store.")
    database: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")] | None = Field(
        default=None, description="PostgreSQL: the database that is created."
    )


class Identity(Table):
    """Where a service says which revision it is: a response header, a field of a document, or a log field."""

    header: Annotated[str, Field(pattern=HEADER_PATTERN)] | None = Field(
        default=None,
        description="Response header; `X-Greenproof-Revision` when this table is left out. On the local platform a "
        "service finds the value to answer with in `$GREENPROOF_REVISION`; the middleware `greenproof-receipts` does "
        "it by itself.",
    )
    path: WebPath | None = Field(default=None, description="Path of a JSON document; needs `field`.")
    field: Text | None = Field(default=None, description="Field of that document; dots lead into objects.")
    log_field: Text | None = Field(default=None, description="Field of the service's own log.")


class Depth(Table):
    """How a log names the depth of the work behind an answer."""

    field: Text = Field(default="depth", description="Field of the log that holds the depth.")
    core: Globs = Field(default=["core"], description="Values that mean: the handler did the work.")
    cache: Globs = Field(default=["cache"], description="Values that mean: from a cache.")
    canned: Globs = Field(default=["canned"], description="Values that mean: a bypass, stub or fallback answered.")


class Log(Table):
    """How receipts are read from a service's own log, one JSON object a line."""

    file: Text | None = Field(default=None, description="File to read; left out: the platform's log of the service.")
    trace_field: Text = Field(default="trace_id", description="Field that holds the W3C trace id.")
    route_field: Text = Field(default="route", description="Field that holds the route template.")
    depth: Depth | None = Field(default=None, description="How the log names depths.")


class Service(Table):
    """A deployable unit."""

    source: Text = Field(description="Folder that is snapshotted, relative to the configuration.")
    include: Globs = Field(default=["**"], description="Globs relative to `source`: what a revision consists of.")
    command: Command = Field(description="Starts the service; may hold `{python}` and `{PORT}`.")
    migrate: Command | None = Field(default=None, description="Runs to its end before the service starts.")
    migrate_undo: Command | None = Field(
        default=None,
        description="Takes back what `migrate` of the same revision did to the schema; run before a rollback.",
    )
    migration: Literal["compatible", "reversible", "irreversible"] | None = Field(
        default=None,
        description="What a rollback has to do where `migrate` changed the schema of a PostgreSQL. `compatible`: "
        "nothing, older revisions run on the new schema; `reversible`: run `migrate_undo`; `irreversible`: there is no "
        "way back, the rollback is refused. Left out: `reversible` with `migrate_undo`, else `irreversible`.",
    )
    python: Text | None = Field(
        default=None, description="Virtual environment that `{python}` comes from; left out: `python3` of PATH."
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(default=None, description="Preferred public port.")
    needs: list[Name] = Field(default=[], description="Services and dependencies that must be ready before it starts.")
    health: WebPath = Field(default="/health", description="Path that answers when the process is alive.")
    ready: WebPath = Field(default="/health/ready", description="Path that answers 200 when it can do its work.")
    start_timeout: Seconds = Field(default=30.0, description="Seconds from start to ready.")
    env: dict[Variable, str] = Field(default={}, description=f"Variables of the process. {_PLACEHOLDERS}")
    identity: Identity | None = Field(default=None, description="Where it says which revision it is.")
    log: Log | None = Field(default=None, description="How receipts are read from its log.")


class Target(Table):
    """An address that tests talk to: exactly one of `service` and `url`."""

    service: Name | None = Field(default=None, description="A service of this file.")
    url: Annotated[str, Field(pattern=r"^(https?|wss?)://[^\s]+$")] | None = Field(
        default=None, description="Address of something that Greenproof does not run."
    )
    env: list[Variable] = Field(
        default=[], description="Variables in which the tests expect the address, beside `GREENPROOF_<NAME>_URL`."
    )
    identity: Identity | None = Field(
        default=None, description="Where it says which revision it is; left out: as its service does."
    )
    log: Log | None = Field(default=None, description="How receipts are read; left out: as for its service.")


class Routes(Table):
    """Routes of the platform as a whole."""

    plumbing: list[Text] | None = Field(
        default=None,
        description=(
            "Routes that prove nothing about a feature: `METHOD /path` or `target: METHOD /path`. "
            "Left out: health, readiness, version, metrics and log-in under their usual names."
        ),
    )


class Claim(Table):
    """Which routes a set of tests says it exercises."""

    tests: Globs = Field(description=_NODE_GLOBS)
    routes: Globs = Field(description="Routes: `POST /orders`, `GET /orders/{id}`, `WS /events`, `auth: POST /login`.")


class Feature(Table):
    """What cases protect."""

    name: Text = Field(description="Name of the feature.")
    value: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.0, description="Revenue a year that depends on it, in the currency of the project."
    )
    tier: Text = Field(default="all", description="Tier of customers that it serves.")
    tests: Globs = Field(description=_NODE_GLOBS)


class Priority(Table):
    """A class of importance; the order in the file is the order of execution."""

    name: Text = Field(description="Name of the priority.")
    tolerated: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        default=0.0, description="Share of its cases, 0 to 1, that may fail."
    )
    gates: bool = Field(default=True, description="Whether it decides if the run is verified.")
    tests: Globs = Field(description=_NODE_GLOBS)


class Category(Table):
    """A kind of test, and how many proven cases of it are planned."""

    name: Text = Field(description="Name of the category.")
    target: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Planned number of proven cases.")
    tests: Globs = Field(description=_NODE_GLOBS)


class Performance(Table):
    """A promise about time, measured at the relay in the plain run; the tests' own clocks are not asked."""

    name: Text = Field(description="Name of the promise.")
    routes: Globs = Field(description="Routes on which it holds, as in claims.")
    limit_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(description="Milliseconds.")
    measure: Literal["response", "complete", "handshake", "reply", "event", "pause"] = Field(
        default="response",
        description=(
            "`response`: end of the request to head of the answer; `complete`: to the end of the answer; `handshake`: "
            "request for a WebSocket to its acceptance; `reply`: a client's message to the server's next; `event`: to "
            "the server's message named `event`; `pause`: between two messages of the server, none of the client's "
            "between them."
        ),
    )
    event: Text | None = Field(
        default=None, description="For `event`: the name of the message that stops the clock; for `pause`: the last."
    )
    after: Text | None = Field(
        default=None,
        description="For `event` and `pause`: start at the server's message of this name, not at the client's.",
    )
    sent: Text | None = Field(
        default=None, description="For `reply` and `event`: start only at the client's messages of this name."
    )
    field: Text = Field(default="type", description="The JSON field that holds the name of a message.")
    link: Text | None = Field(
        default=None,
        description=(
            "For `event`: a JSON field that has one value in both messages, so that several may wait at a time. "
            "Without it, those that overlap are left out."
        ),
    )
    statistic: Literal["max", "p95", "median"] = Field(
        default="p95", description="Which number must not be above the limit (nearest rank)."
    )
    minimum: Annotated[int, Field(ge=1)] = Field(
        default=1, description="With fewer samples nothing is said: `not-measured`."
    )
    gates: bool = Field(default=False, description="Whether a missed promise fails the run.")


class Suite(Table):
    """A test command."""

    kind: Literal["e2e", "offline"] = Field(
        default="e2e", description="`offline` suites need no backend and never prove a release."
    )
    command: Command = Field(description="The test command; may hold `{python}` and `{TARGET}`.")
    python: Text | None = Field(
        default=None, description="Virtual environment that `{python}` comes from; left out: `python3` of PATH."
    )
    directory: Text = Field(default=".", description="Folder in which it runs, relative to the configuration.")
    env: dict[Variable, str] = Field(default={}, description="Variables of the test process.")
    timeout: Seconds = Field(default=900.0, description="Seconds for one run of the suite.")
    writes: bool = Field(
        default=True,
        description="Whether its tests may change data; one that does not can be run by `loop --read-only`.",
    )


class Loop(Table):
    """How `greenproof loop` runs. Options of the command count more."""

    hours: Annotated[float, Field(gt=0, le=24 * 365)] = Field(default=8.0, description="Most hours of work of a run.")
    cycles: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=50, description="Most turns of a run with `--until verified`."
    )
    no_progress: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=3, description="Turns in a row with the same failures on the same release after which a run stops."
    )
    silence: Seconds = Field(
        default=600.0,
        description="Seconds without a sign of life, beyond the suite's own time-out, after which a step is stuck.",
    )
    store: Annotated[str, Field(pattern=STORE_PATTERN)] | None = Field(
        default=None,
        description="PostgreSQL for leases and runs that several machines share, as `postgresql://USER@HOST/DATABASE` "
        "without a password (`PGPASSWORD` or a password file has it); left out: files in `.greenproof`. The variable "
        "`GREENPROOF_STORE` counts more.",
    )


class Sensitivity(Table):
    """How far `prove --sensitivity` may go. Options of the command count more."""

    runs: Annotated[int, Field(ge=1, le=200)] = Field(
        default=8, description="Most extra runs under faults; one undisturbed run comes before them."
    )
    seed: Annotated[int, Field(ge=0, le=2**31)] = Field(
        default=0, description="Chooses among faults that tell equally much: the same seed gives the same faults."
    )
    repeat_writes: bool = Field(
        default=False,
        description="Cases that may write are part of the extra runs, too: each of them repeats their writes.",
    )
    tenant: Variable | None = Field(
        default=None,
        description="A variable of the tests that gets another value in each extra run, so that its writes are a "
        "tenant's of their own; cases that may write are then part of the extra runs.",
    )


class Document(Table):
    """The whole file."""

    # `schema` is a method of pydantic's models, hence the alias.
    version: Annotated[int, Field(ge=1, le=SCHEMA)] = Field(alias="schema", description="Version of this format.")
    project: Project = Field(description="What concerns the project as a whole.")
    environments: dict[Name, Environment] = Field(default={}, description="Where releases run, by name.")
    secrets: dict[Name, Secret] = Field(default={}, description="Secrets, by name.")
    dependencies: dict[Name, Dependency] = Field(default={}, description="Backing stores, by name.")
    services: dict[Name, Service] = Field(default={}, description="Services, by name.")
    targets: dict[Name, Target] = Field(default={}, description="Addresses that tests talk to, by name.")
    routes: Routes | None = Field(default=None, description="Routes of the platform as a whole.")
    claims: list[Claim] = Field(default=[], description="Which tests say they exercise which routes.")
    features: list[Feature] = Field(default=[], description="What the tests protect.")
    priorities: list[Priority] = Field(default=[], description="Classes of importance, the most important first.")
    categories: list[Category] = Field(default=[], description="Kinds of tests.")
    performance: list[Performance] = Field(default=[], description="Promises about time, measured at the relay.")
    suites: dict[Name, Suite] = Field(default={}, description="Test commands, by name.")
    loop: Loop = Field(default=Loop(), description="The unattended loop.")
    sensitivity: Sensitivity = Field(default=Sensitivity(), description="Further faults, on demand.")
