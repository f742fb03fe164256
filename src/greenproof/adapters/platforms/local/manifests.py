"""Manifests of releases: what a release consists of, and whether it can still be started as what it was."""

import contextlib
import hashlib
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from greenproof.adapters.platforms.local.credentials import digest_here
from greenproof.adapters.platforms.local.launches import Launch
from greenproof.adapters.platforms.local.layout import Layout, read_json, write_json
from greenproof.adapters.platforms.local.revisions import describe_revision, installed_packages
from greenproof.model.errors import PlanError, PlatformError
from greenproof.model.facts import Release, Revision

PRUNED_AFTER = 600.0
"""Seconds since a snapshot was last asked for: somebody may be about to deploy a younger one."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A release and how it is started."""

    release: Release
    levels: tuple[tuple[str, ...], ...]
    """Services in the order of start; those of one level at the same time."""
    launches: Mapping[str, Launch]

    @property
    def ordered(self) -> list[list[Launch]]:
        """The launches, level by level."""
        return [[self.launches[name] for name in level] for level in self.levels]


def keep_release(layout: Layout, release: Release, levels: Sequence[Sequence[str]]) -> None:
    """Write the manifest of a release."""
    value = {**asdict(release), "levels": [list(level) for level in levels]}
    write_json(layout.releases / f"{release.name}.json", value, durable=True)


def load_release(layout: Layout, name: str | None) -> Release | None:
    """A release by its name; None if nothing is known of it."""
    found = _manifest(layout, name)
    return _release(found) if found else None


def load_blueprint(layout: Layout, name: str) -> Blueprint:
    """A release from its manifests alone. Raises PlatformError if they are gone."""
    found = _manifest(layout, name)
    if found is None:
        raise _incomplete(name, layout.releases / f"{name}.json")
    release = _release(found)
    launches = {}
    for revision in release.revisions:
        manifest = describe_revision(layout, revision.name)
        if manifest is None or "launch" not in manifest:
            raise _incomplete(name, layout.revisions / f"{revision.name}.json")
        launches[revision.service] = Launch.load(manifest["launch"])
    return Blueprint(release, tuple(tuple(level) for level in found["levels"]), launches)


def check_unchanged(layout: Layout, launch: Launch, secrets: Mapping[str, str]) -> None:
    """A revision is started only as what its name says. Raises PlatformError with what has changed since."""
    manifest = describe_revision(layout, launch.revision)
    if manifest is None:
        raise _incomplete(launch.revision, layout.revisions / f"{launch.revision}.json")
    configuration = manifest["configuration"]
    for name, digest in configuration["secrets"].items():
        if name not in secrets:
            raise _missing(launch, name)
        if digest_here(layout, secrets[name]) != digest:
            raise _changed(launch, f"the secret {name} has another value now")
    python = Path(launch.python)
    if configuration["packages"] and (now := installed_packages(python.parent.parent)) != configuration["packages"]:
        differing = sorted(set(now) ^ set(configuration["packages"]))
        raise _changed(launch, f"packages of {python.parent.parent} have changed: {', '.join(differing[:5])}")
    if not python.exists():
        raise _changed(launch, f"its interpreter {python} is gone")
    folder = layout.revisions / launch.revision
    for path, digest in manifest["files"].items():
        if _digest(folder / path) != digest.removesuffix("+x"):
            raise _changed(launch, f"{path} in its snapshot was written over or is gone")


def prune(layout: Layout, kept: Collection[str], running: Collection[str]) -> list[str]:
    """Remove manifests of releases that are not `kept`, and snapshots and logs of revisions that none of them needs
    and that are not `running`. Returns the names of the revisions that went.
    """
    needed = set(running)
    for path in layout.releases.glob("r-*.json"):
        if path.stem in kept:
            needed |= {revision["name"] for revision in (read_json(path) or {}).get("revisions", ())}
        else:
            path.unlink(missing_ok=True)
    removed = []
    for path in layout.revisions.glob("*.json"):
        if path.stem not in needed and _age(path) > PRUNED_AFTER:
            manifest = read_json(path)
            service = manifest.get("service") if isinstance(manifest, dict) else None
            shutil.rmtree(layout.revisions / path.stem, ignore_errors=True)
            path.unlink(missing_ok=True)
            for log in (layout.logs / str(service)).glob(f"{path.stem}.log*"):
                log.unlink(missing_ok=True)
            removed.append(path.stem)
    return sorted(removed)


def _manifest(layout: Layout, name: str | None) -> dict[str, Any] | None:
    found = read_json(layout.releases / f"{name}.json") if name else None
    return found if isinstance(found, dict) and {"name", "revisions", "at", "levels"} <= set(found) else None


def _release(value: Mapping[str, Any]) -> Release:
    return Release(value["name"], tuple(Revision(**one) for one in value["revisions"]), value["at"])


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0.0


def _changed(launch: Launch, what: str) -> PlatformError:
    return PlatformError(
        f"{launch.revision} can't be started again as what it was: {what}",
        code="revision-changed",
        where=f"services.{launch.service}",
        expected="the files, packages and secrets that its name stands for",
        hint="bring back what has changed, or deploy: that makes a new revision",
    )


def _missing(launch: Launch, secret: str) -> PlatformError:
    return PlanError(
        f"{launch.revision} can't be started again: its secret {secret!r} has no value now",
        code="secret-missing",
        where=f"secrets.{secret}",
        expected="the value that it had",
    )


def _incomplete(name: str, path: Path) -> PlatformError:
    return PlatformError(
        f"{name} can't be started again: its manifest is gone",
        code="release-incomplete",
        where=str(path),
        expected="the manifest that was written when it was deployed",
        hint="deploy the same sources again",
    )
