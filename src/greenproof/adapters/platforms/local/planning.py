"""A deploy, thought through: the same questions that a deploy asks, and nothing is written or started."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, override

from greenproof.adapters.platforms.base import PlatformStatus
from greenproof.adapters.platforms.local.credentials import Credentials, NotMade, digest_here
from greenproof.adapters.platforms.local.launches import order_of_start, prepare_launch
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.manifests import load_release
from greenproof.adapters.platforms.local.marks import half_done
from greenproof.adapters.platforms.local.recovery import told
from greenproof.adapters.platforms.local.revisions import Contents, describe_revision, look_at, name_release
from greenproof.adapters.platforms.local.schemas import Schemas
from greenproof.adapters.platforms.local.state import State, blocking, read_state, to_be_undone
from greenproof.model.facts import Release
from greenproof.model.plainness import Digest, shown_command, shown_value
from greenproof.model.plan import Plan, Service
from greenproof.model.redaction import MASK, Redactor
from greenproof.model.releases import DeployPlan, Difference, Outlook, ServicePlan, SettingChange, TrafficMove

_UNNAMED = "(unnamed)"


@dataclass(frozen=True, slots=True)
class Present:
    """What is there before a deploy."""

    state: State
    status: PlatformStatus
    running: Mapping[str, Sequence[str]]
    """Release to its revisions that run."""

    def runs(self, revision: str) -> bool:
        """Whether a deploy would find it running."""
        return any(revision in names for names in self.running.values())


class _Looking(Credentials):
    """Names what is there, and notes what would have to be made for it."""

    def __init__(self, layout: Layout, plan: Plan) -> None:
        super().__init__(layout, plan, making=False)
        self.missing: set[str] = set()
        self.nameless = False

    @override
    def secret(self, name: str) -> str:
        try:
            return super().secret(name)
        except NotMade:
            self.missing.add(name)
            self.nameless = True
            return ""

    @override
    def digest(self, value: str) -> str:
        try:
            return super().digest(value)
        except NotMade:
            self.nameless = True
            return ""


def plan_deploy(
    layout: Layout,
    plan: Plan,
    sources: Mapping[str, Path],
    environment: Mapping[str, str],
    present: Callable[[State], Present],
) -> DeployPlan:
    """What a deploy would change. Raises what a deploy would raise before it changes anything."""
    levels = order_of_start(plan.services, {one.name for one in plan.dependencies})
    looking = _Looking(layout, plan)
    redactor = Redactor(looking.values())
    now = present(read_state(layout))
    before = load_release(layout, now.state.current)
    old = {one.service: one.name for one in before.revisions} if before else {}
    found = [_look(layout, plan, service, looking, sources.get(service.name), environment) for service in plan.services]
    unnamed = any(nameless for _, nameless in found)
    after = None if unnamed else name_release(tuple(contents.revision for contents, _ in found))
    services = [
        _service(layout, service, contents, nameless, old.get(service.name), now, redactor)
        for service, (contents, nameless) in zip(plan.services, found, strict=True)
    ]
    services = [_migrated_again(one, service, now, after) for one, service in zip(services, plan.services, strict=True)]
    services += [
        ServicePlan(name, old[name], None, "stop") for name in sorted(old.keys() - {s.service for s in services})
    ]
    started = {one.service for one in services if one.action == "start"}
    then = _afterwards(now.state, after, {one.service: one.migration for one in services if one.migration})
    target = then.target
    # What does not run of it is started beside the new release.
    warm = None if target is None or then.lacking(target) or blocking(then.since(target)) else target
    return DeployPlan(
        environment=layout.name,
        before=now.state.current,
        after=after.name if after else None,
        services=tuple(services),
        order=tuple(group for level in levels if (group := tuple(name for name in level if name in started))),
        traffic=tuple(_traffic(services, now)),
        warm=warm,
        rollback=_outlook(layout, then, target, warm is not None, services, redactor),
        secrets=tuple(sorted(looking.missing)),
        remarks=tuple(_remarks(now)),
    )


def _look(
    layout: Layout,
    plan: Plan,
    service: Service,
    looking: _Looking,
    source: Path | None,
    environment: Mapping[str, str],
) -> tuple[Contents, bool]:
    looking.nameless = False
    contents = look_at(service, looking, source)
    prepare_launch(layout, plan, service, contents.revision, environment)
    return contents, looking.nameless


def _service(
    layout: Layout,
    service: Service,
    contents: Contents,
    nameless: bool,
    old: str | None,
    now: Present,
    redactor: Redactor,
) -> ServicePlan:
    manifest = describe_revision(layout, old) if old else None
    known: Mapping[str, Any] = manifest or {"files": {}, "configuration": {}}
    configuration = known["configuration"]
    runs = not nameless and now.runs(contents.revision.name)
    return ServicePlan(
        service=service.name,
        before=old,
        after=None if nameless else contents.revision.name,
        action="keep" if runs else "start",
        files=difference(known["files"], contents.digests),
        settings=tuple(_settings(configuration, contents.configuration, redactor, partial(digest_here, layout))),
        packages=_packages(configuration.get("packages", ()), contents.configuration["packages"]),
        migration=_declared(service) if service.migrate and not runs else None,
        unnamed=nameless,
    )


def _declared(service: Service) -> str:
    return service.migration or ("reversible" if service.migrate_undo else "undeclared")


def _migrated_again(one: ServicePlan, service: Service, now: Present, after: Release | None) -> ServicePlan:
    """With its migration, if that is run though the service keeps running: it is half done, or was taken back."""
    if after is None or not service.migrate or one.migration:
        return one
    lacking = after.name == now.state.current and now.state.lacking(after.name)
    again = lacking or one.service in half_done(now.state, after.name)
    return replace(one, migration=_declared(service)) if again else one


def difference(before: Mapping[str, object], after: Mapping[str, object]) -> Difference:
    """Names that came, changed and went."""
    return Difference(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(name for name in before.keys() & after.keys() if before[name] != after[name])),
        tuple(sorted(before.keys() - after.keys())),
    )


def _packages(before: Iterable[str], after: Iterable[str]) -> Difference:
    old, new = (dict(_parted(name) for name in names) for names in (before, after))
    found = difference(old, new)
    return Difference(
        tuple(f"{name} {new[name]}" for name in found.added),
        tuple(f"{name} {old[name]}, now {new[name]}" for name in found.changed),
        tuple(f"{name} {old[name]}" for name in found.removed),
    )


def _parted(name: str) -> tuple[str, str]:
    package, _, version = name.rpartition("-")
    return package, version


def _settings(
    before: Mapping[str, Any], after: Mapping[str, Any], redactor: Redactor, digest: Digest
) -> Iterator[SettingChange]:
    old, new = dict(_flat(before)), dict(_flat(after))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            first, second = (_shown(key, values.get(key), redactor, digest) for values in (old, new))
            yield SettingChange(key, first, second)


def _flat(configuration: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in configuration.items():
        if key in {"env", "secrets"}:
            yield from ((f"{key}.{name}", text) for name, text in value.items())
        elif key != "packages" and value is not None and value not in ([], ()):
            yield key, value


def _shown(key: str, value: Any, redactor: Redactor, digest: Digest) -> str | None:
    if value is None:
        return None
    kind, _, name = key.partition(".")
    if kind == "secrets":
        # It is a digest already; that of nothing: the secret is not made yet.
        return MASK if value in ("", digest("")) else f"digest {value[:16]}"
    if kind in {"command", "migrate", "migrate_undo"}:
        return redactor.text(shown_command([value] if isinstance(value, str) else value, digest))
    if kind == "env":
        return MASK if "{secret." in value else redactor.text(shown_value(name, value, digest))
    return redactor.text(" ".join(value) if isinstance(value, list | tuple) else str(value))


def _afterwards(state: State, after: Release | None, migrations: Mapping[str, str]) -> State:
    """What would be remembered after the deploy; `migrations` are declarations of those that run, by service."""
    name = after.name if after else _UNNAMED
    finished = {
        one.number for one in state.applied if one.partial and one.release == name and one.service in migrations
    }
    applied = tuple(
        replace(one, partial=False, kind=kind.replace("undeclared", "irreversible"), undo=kind == "reversible")
        if one.number in finished and (kind := migrations[one.service])
        else one
        for one in state.applied
    )
    state = state.without_marks(finished, applied, state.next_number)
    if name == state.current:
        return state
    return replace(state, current=name, previous=state.current, went_back=False)


def _traffic(services: Sequence[ServicePlan], now: Present) -> Iterator[TrafficMove]:
    live = {one.service: one.name for one in now.status.current.revisions} if now.status.current else {}
    urls = {one.service: one.url for one in now.status.services}
    for one in services:
        if one.action == "start" or live.get(one.service) != one.after:
            yield TrafficMove(one.service, urls.get(one.service), live.get(one.service), one.after)


def _outlook(
    layout: Layout,
    then: State,
    target: str | None,
    warm: bool,
    services: Sequence[ServicePlan],
    redactor: Redactor,
) -> Outlook:
    if target is None:
        return Outlook(None)
    schemas = Schemas(layout.releases / "schemas")
    frozen = tuple(told(schemas, one, redactor.text) for one in blocking(then.since(target)))
    may_freeze = any(one.migration in {"undeclared", "irreversible"} for one in services)
    undone = () if frozen else tuple(told(schemas, one, redactor.text) for one in to_be_undone(then.since(target)))
    known = {one.service for one in undone if one.release == then.current}
    may_undo = tuple(one.service for one in services if one.migration == "reversible" and one.service not in known)
    return Outlook(target, then.is_good(target), warm, frozen, may_freeze, undone, may_undo)


def _remarks(now: Present) -> Iterator[str]:
    if now.status.supervisor is None:
        yield "the environment is not up: the deploy brings it up"
    book = now.status.releases
    if book.cut_off is not None:
        yield book.cut_off.detail
    for change in book.schema:
        yield f"the schema of {change.store} is ahead of the current release: {'; '.join(change.changes)}"
