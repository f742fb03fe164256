"""Values about releases on a platform: what is known to be good, what was cut off, what a deploy would change."""

from dataclasses import dataclass

from greenproof.model.facts import Release


@dataclass(frozen=True, slots=True)
class KnownGood:
    """A release whose gating cases were proven, as the ledger's run says."""

    release: str
    run: str
    """The run that proved it."""
    at: str
    """UTC, ISO 8601: when it was marked."""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What a migration did to the schema of a store, and whether it can be gone back over."""

    release: str
    """With which release it came."""
    service: str
    """Whose migration it was."""
    store: str
    kind: str
    """`compatible`: older code runs on the new schema; `reversible`: it can be taken back; `irreversible`."""
    partial: bool = False
    """The migration was cut off or failed in the middle: nobody knows how far it came."""
    changes: tuple[str, ...] = ()
    """`column public.orders.note: added`, at most 20, the last one saying how many more there are."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """A deploy or rollback that did not come to its end, and what became of it."""

    effect: str
    """`deploy` or `rollback`."""
    release: str
    """Which release was to become live."""
    since: str
    """UTC, ISO 8601: when it began. Names the occasion: the same one is told with the same time."""
    step: str
    """How far it had come: `begun`, `migrate`, `start`, `undo`, `switched`."""
    outcome: str
    """`finished`: traffic is on `release`; `undone`: the release before is live as if nothing had been;
    `half-migrated`: undone, but the schema stays changed; `pending`: nobody has looked after it yet, `up` does."""
    key: str = ""
    """The idempotency key of the call."""
    detail: str = ""
    """In words, one line."""
    schema: tuple[SchemaChange, ...] = ()
    """What stays changed of the schema."""
    code: str = ""
    """As `greenproof explain` knows it: `deploy-cut-off`, `rollback-cut-off`, `migration-cut-off`."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `up` met and did."""

    cut_off: CutOff | None = None
    """The last effect that was cut off; told until a deploy or rollback comes to its end."""
    restored: Release | None = None
    """Started again, because it was the current release; None: there was nothing to restore."""
    failed: str = ""
    """Why the current release could not be restored; the environment is up without it."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A rollback, done."""

    release: Release
    """What is live now."""
    abandoned: Release | None
    """What was live before; None if nothing was, or if the traffic was there already."""
    warm: bool
    """All of its services were running and ready; else some had to be started."""
    duration_s: float
    """From the call to the switch of traffic, as the platform saw it; 0 if the traffic was there already."""
    known_good: bool
    """It is known good; if not, it was asked for by name, or was only the release before."""
    undone: tuple[SchemaChange, ...] = ()
    """Migrations that were taken back on the way."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Names that were added, changed and removed between two states, sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One key of a service's configuration."""

    key: str
    """`env.LIMIT`, `command`, `secrets.jwt`."""
    before: str | None
    """None: it was not there. A keyed digest, or masked, where it may hold a secret."""
    after: str | None
    """None: it goes."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What a deploy would do to one service."""

    service: str
    before: str | None
    """The revision that is live, or was last; None: none."""
    after: str | None
    """None: the service goes, or its revision can't be named before its secrets are made (`unnamed`)."""
    action: str
    """`keep`: it runs on; `start`: it is started; `stop`: it gets no traffic any more."""
    files: Difference = Difference()
    settings: tuple[SettingChange, ...] = ()
    packages: Difference = Difference()
    migration: str | None = None
    """`compatible`, `reversible`, `irreversible` as configured, or `undeclared`; None: none would run."""
    unnamed: bool = False


@dataclass(frozen=True, slots=True)
class TrafficMove:
    """Requests to an address that another revision would serve."""

    service: str
    url: str | None
    """None: the address is chosen when it is deployed."""
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a rollback would lead to."""

    release: str | None
    known_good: bool = False
    warm: bool = False
    frozen: tuple[SchemaChange, ...] = ()
    """Changes of the schema that it can't go back over."""
    may_freeze: bool = False
    """A migration that would run is not declared compatible or reversible: if it changes the schema, there is no way
    back."""
    undone: tuple[SchemaChange, ...] = ()
    """Migrations that it would take back first, in this order."""
    may_undo: tuple[str, ...] = ()
    """Services whose migration would run with the deploy, and would be taken back if it changes the schema."""


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """What a deploy would change, and what it would leave. Nothing was changed to find it out."""

    environment: str
    before: str | None
    """The current release."""
    after: str | None
    """None: it can't be named before secrets are made."""
    services: tuple[ServicePlan, ...]
    order: tuple[tuple[str, ...], ...]
    """Services in the order in which they would be started; those of one group at the same time."""
    traffic: tuple[TrafficMove, ...]
    warm: str | None
    """The release that would be kept warm."""
    rollback: Outlook
    """After the deploy."""
    secrets: tuple[str, ...] = ()
    """Secrets that would be made."""
    remarks: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether a deploy would change anything."""
        if any(one.action != "keep" or one.migration for one in self.services):
            return True
        # Also a release without any service is one.
        return bool(self.traffic) or (self.after is not None and self.after != self.before)


@dataclass(frozen=True, slots=True)
class ReleaseBook:
    """What a platform remembers of its releases beside the current one and the one before."""

    good: tuple[KnownGood, ...] = ()
    """The newest last."""
    warm: str | None = None
    """The release that is kept warm for a rollback."""
    remembered: Release | None = None
    """The release that `up` would restore, where it is not live."""
    unrestored: str = ""
    """Why it could not be restored."""
    cut_off: CutOff | None = None
    schema: tuple[SchemaChange, ...] = ()
    """Changes of the schema that came after the current release and with which it now has to live."""
    switches: int = 0
    """How often traffic was moved to another release since the environment was made."""
    fence: int = 0
    """The highest number of a loop that acted here."""
    known: tuple[str, ...] = ()
    """Names of all releases that can be rolled back to, the newest last."""
