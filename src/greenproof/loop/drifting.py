"""The configuration in its four places: taken, compared, and kept when a run was judged. Changes nothing."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from greenproof.adapters.platforms.base import Platform, PlatformStatus
from greenproof.adapters.platforms.local.credentials import digest_here
from greenproof.adapters.platforms.local.layout import Layout, read_json
from greenproof.adapters.platforms.local.revisions import describe_revision, read_files
from greenproof.adapters.repository.measured import read_folder
from greenproof.adapters.runners.addresses import own_variable
from greenproof.analysis import drift
from greenproof.analysis.drift.services import CODE
from greenproof.analysis.drift.suites import SuiteFacts, TargetVariables
from greenproof.config.lines import index, line_of
from greenproof.config.reading import read as read_document
from greenproof.loop.drift_live import look_at_hosts, look_at_live
from greenproof.model.drift import Drift, Kind, Origin, Setting, Side, Snapshot, Source
from greenproof.model.errors import ConfigurationError, GreenproofError
from greenproof.model.facts import Release
from greenproof.model.plan import Environment, Plan, Service, Suite
from greenproof.model.redaction import Redactor

NAME = "greenproof.toml"
LARGEST = 1 << 20
"""Bytes of a source that is read."""

_REFERENCE = re.compile(r"\{([a-z0-9_-]+)\.([a-z0-9_-]+)\}")


@dataclass(frozen=True, slots=True)
class Ground:
    """What all snapshots of one moment are taken from."""

    plan: Plan
    environment: Environment
    platform: Platform
    status: PlatformStatus
    layout: Layout
    digest: Callable[[str], str | None]
    redactor: Redactor
    secrets: Mapping[str, str]
    config: str
    lines: dict[tuple[str | int, ...], int]
    look: bool

    @property
    def release(self) -> Release | None:
        """What is live; while the environment is down, what was live last."""
        return self.status.current or self.status.releases.remembered

    def line(self, *path: str) -> Source:
        """A place in the configuration."""
        return Source(Origin.FILE, self.config, line_of(self.lines, path) or 0)

    def address(self, name: str) -> str | None:
        """The public address of a service or store, as the platform says it, or said it last."""
        told = [one.url for one in self.status.services if one.service == name]
        told += [one.url for one in self.status.dependencies if one.name == name]
        if any(told) or self.status.supervisor is not None:
            return next((url for url in told if url), None)
        ports = read_json(self.layout.ports)
        port = ports.get(f"service:{name}") if isinstance(ports, dict) else None
        return f"http://127.0.0.1:{port}" if isinstance(port, int) else None


def ground_of(
    plan: Plan, environment: Environment, platform: Platform, config: Path | None = None, *, look: bool = True
) -> Ground:
    """Everything that is asked once. `look`: whether live parts, certificates and name servers are asked."""
    layout = Layout.of(plan, environment)
    secrets = platform.secrets()
    path = config or plan.root / NAME
    try:
        lines = index(read_document(path)[0])
    except (ConfigurationError, ValueError, IndexError):
        lines = {}
    return Ground(
        plan,
        environment,
        platform,
        platform.status(),
        layout,
        cache(lambda value: digest_here(layout, value)),
        Redactor(secrets.values()),
        secrets,
        path.name,
        lines,
        look,
    )


def snapshots(ground: Ground, suite: Suite | None) -> Mapping[Side, Snapshot]:
    """The three sides as they are now."""
    return {
        Side.DECLARED: _declared(ground),
        Side.DEPLOYED: _deployed(ground),
        Side.TESTS: _tests(ground, suite) if suite else drift.empty(Side.TESTS, "no suite is configured"),
    }


def drift_of(ground: Ground, suite: Suite | None, before: Mapping[Side, Snapshot], against: str | None = None) -> Drift:
    """All that is compared, or what one word names."""
    now = snapshots(ground, suite)
    pairs = drift.compare(now, before, against)
    kept = tuple(before[side] for side in Side)
    return Drift(ground.environment.name, suite.name if suite else None, tuple(now[s] for s in Side), kept, pairs)


def of_release(ground: Ground, release: Release, at: str = "") -> Snapshot:
    """What the manifests of a release say: the deployed side of a time that nobody kept otherwise."""
    missing: list[str] = []
    found = drift.in_order(_manifests(ground, release, missing))
    return Snapshot(Side.DEPLOYED, release.name, at or release.at, found, tuple(missing))


def _declared(ground: Ground) -> Snapshot:
    plan = ground.plan
    missing: list[str] = []
    revisions = _planned(ground, missing) if plan.services else {}
    found: list[Setting] = []
    for service in plan.services:
        code = _service_code(ground, service, missing)
        facts = drift.facts_of(service, ground.secrets, ground.digest, revisions.get(service.name), code)

        def where(name: str, service: Service = service) -> Source:
            if name.startswith(CODE):
                return Source(Origin.FILE, _inside(ground, service.source) + _file_of(name))
            if name.startswith("secret."):
                return ground.line("secrets", name.removeprefix("secret."))
            return ground.line("services", service.name, *name.split(".", 1))

        found += drift.service_settings(facts, where, ground.digest, ground.redactor)
    found += _declared_targets(ground)
    for store in plan.dependencies:
        source = ground.line("dependencies", store.name, "kind")
        found.append(Setting(f"store {store.name}", "kind", Kind.SETTING, store.kind, source))
        if store.database:
            source = ground.line("dependencies", store.name, "database")
            found.append(Setting(f"store {store.name}", "database", Kind.SETTING, store.database, source))
    return Snapshot(Side.DECLARED, ground.config, settings=drift.in_order(found), missing=tuple(missing))


def _declared_targets(ground: Ground) -> Iterator[Setting]:
    for target in ground.plan.targets:
        if target.url:
            url = drift.shown(target.url, ground.redactor)
            yield Setting(f"target {target.name}", "url", Kind.URL, url, ground.line("targets", target.name, "url"))
    for number, promise in enumerate(ground.plan.performance):
        path = ("performance", number, "limit_ms")
        source = Source(Origin.FILE, ground.config, line_of(ground.lines, path) or 0)
        limit = f"{promise.limit_ms:g} ms"
        yield Setting(f"promise {promise.name}", "limit", Kind.TIMEOUT, limit, source)


def _planned(ground: Ground, missing: list[str]) -> Mapping[str, str]:
    """The revisions that a deploy would make of the sources as they are."""
    try:
        services = ground.platform.plan().services
    except GreenproofError as error:
        missing.append(f"what a deploy would make: {error.message} [{error.code}]")
        return {}
    return {one.service: one.after for one in services if one.after}


def _service_code(ground: Ground, service: Service, missing: list[str]) -> drift.WrittenValues:
    try:
        files = read_files(service, service.source)
    except GreenproofError as error:
        missing.append(f"{service.name}: {error.message} [{error.code}]")
        return drift.WrittenValues()
    texts = {
        path: content.decode("utf-8", "replace")
        for path, (content, _) in files.items()
        if path.endswith(".py") and len(content) <= LARGEST
    }
    return drift.written_in(texts)


def _deployed(ground: Ground) -> Snapshot:
    release = ground.release
    missing: list[str] = []
    outside = [target for target in ground.plan.targets if target.url]
    if release is None and not outside:
        return drift.empty(Side.DEPLOYED, "nothing is deployed")
    found: list[Setting] = []
    if release is not None:
        found += _manifests(ground, release, missing)
    elif ground.plan.services:
        missing.append("no service is deployed")
    if release is not None and ground.status.supervisor is None:
        missing.append("the environment is not up: this is what its files say, nothing of it was seen live")
    found += _addresses(ground)
    found += _declared_targets(ground)
    if ground.look:
        found += look_at_live(ground.platform, ground.status, found, missing)
    name = release.name if release else "addresses of the configuration"
    return Snapshot(Side.DEPLOYED, name, release.at if release else "", drift.in_order(found), tuple(missing))


def _manifests(ground: Ground, release: Release, missing: list[str]) -> Iterator[Setting]:
    for revision in release.revisions:
        manifest = describe_revision(ground.layout, revision.name)
        code = _snapshot_code(ground, revision.name, manifest or {})
        facts = drift.facts_in(manifest or {}, code)
        if facts is None:
            missing.append(f"{revision.service}: the manifest of {revision.name} is gone")
            continue

        def where(name: str, revision: str = revision.name) -> Source:
            return Source(Origin.MANIFEST, f"{revision}/{_file_of(name)}" if name.startswith(CODE) else revision)

        yield from drift.service_settings(facts, where, ground.digest, ground.redactor)


def _snapshot_code(ground: Ground, revision: str, manifest: Mapping[str, object]) -> drift.WrittenValues:
    files, folder = manifest.get("files"), ground.layout.revisions / revision
    texts = {}
    for path in sorted(files) if isinstance(files, Mapping) else ():
        try:
            if str(path).endswith(".py") and (folder / path).stat().st_size <= LARGEST:
                texts[str(path)] = (folder / path).read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
    return drift.written_in(texts)


def _addresses(ground: Ground) -> Iterator[Setting]:
    """Where what is deployed can be reached."""
    source = Source(Origin.OBSERVED, "status of the platform")
    if ground.status.supervisor is None:
        source = Source(Origin.OBSERVED, "when it was up last")
    for service in ground.plan.services:
        url = ground.address(service.name)
        if url:
            yield Setting(service.name, "url", Kind.URL, drift.shown(url, ground.redactor), source)
    for store in ground.plan.dependencies:
        url = ground.address(store.name)
        if url and ground.status.supervisor is not None:
            yield Setting(f"store {store.name}", "url", Kind.URL, drift.shown(url, ground.redactor), source)
    for target in ground.plan.targets:
        url = None if target.url else ground.address(target.service or target.name)
        if url:
            yield Setting(f"target {target.name}", "url", Kind.URL, drift.shown(url, ground.redactor), source)


def _tests(ground: Ground, suite: Suite) -> Snapshot:
    env = {name: _filled(value, ground) for name, value in suite.env.items()}
    folder, texts, unread = suite_texts(ground.plan, suite)
    targets = (
        TargetVariables(
            target.name,
            (own_variable(target.name), *target.env),
            target.url or ground.address(target.service or target.name),
        )
        for target in ground.plan.targets
    )
    facts = SuiteFacts(
        suite.name,
        env,
        {**os.environ, **env},
        tuple(targets),
        drift.written_in(texts),
        frozenset(name for name, value in suite.env.items() if "{secret." in value),
        suite.timeout,
        ground.config,
        _inside(ground, folder),
        {name: ground.line("suites", suite.name, "env", name).line for name in suite.env}
        | {"timeout": ground.line("suites", suite.name, "timeout").line},
    )
    taken = drift.suite_snapshot(facts, ground.digest, ground.redactor)
    hosts = look_at_hosts(f"suite {suite.name}", drift.hosts_of(taken)) if ground.look else ()
    missing = (*taken.missing, *unread)
    return Snapshot(taken.side, taken.name, taken.at, drift.in_order((*taken.settings, *hosts)), missing)


def suite_texts(plan: Plan, suite: Suite) -> tuple[Path, Mapping[str, str], tuple[str, ...]]:
    """The Python files of a suite below the folder in which it runs, and what could not be read.

    They are those of the folders that its command names, with the conftest files above; else all but those of services.
    """
    root = suite.directory or plan.root
    named = {path for token in suite.command if (path := _named(root, token)) is not None}
    folders = sorted({(root / path.relative_to(root).parts[0]) for path in named if path != root})
    whole = not folders or root in named or any(folder.is_file() for folder in folders)
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for folder in (root,) if whole else folders:
        found = read_folder(folder)
        prefix = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
        texts |= {prefix + path: text for path, text in found.texts.items() if path.endswith(".py")}
        unread |= {prefix + path: why for path, why in found.unread.items() if path.endswith(".py")}
    if whole:
        sources = [service.source for service in plan.services if service.source != root]
        texts = {p: t for p, t in texts.items() if not any((root / p).is_relative_to(s) for s in sources)}
    elif (root / "conftest.py").is_file():
        texts |= {p: t for p, t in read_folder(root).texts.items() if p == "conftest.py"}
    return root, texts, tuple(f"{path}: {why}" for path, why in sorted(unread.items()))


def _named(root: Path, token: str) -> Path | None:
    """The file or folder below the root that a word of a command names."""
    if token.startswith("-") or "{" in token:
        return None
    path = Path(os.path.normpath(root / token.partition("::")[0]))
    try:
        return path if path.is_relative_to(root) and path.exists() else None
    except OSError:
        return None


def _filled(value: str, ground: Ground) -> str:
    """References with their values; those without one stay as they are."""

    def one(match: re.Match[str]) -> str:
        owner, part = match.groups()
        if owner == "secret":
            return ground.secrets.get(part, match[0])
        url = ground.address(owner)
        if url is None:
            return match[0]
        parts = urlsplit(url)
        return {"url": url, "host": parts.hostname or "", "port": str(parts.port or "")}.get(part, match[0])

    return _REFERENCE.sub(one, value)


def _file_of(name: str) -> str:
    """The path in the name of a value that stands in a source."""
    return name.removeprefix(CODE).partition("::")[0]


def _inside(ground: Ground, folder: Path) -> str:
    """A folder as it is shown: from that of the configuration, with a stroke at its end."""
    try:
        inside = folder.relative_to(ground.plan.root).as_posix()
    except ValueError:
        return f"{folder.as_posix()}/"
    return "" if inside == "." else f"{inside}/"
