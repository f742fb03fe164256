"""Snapshots: a service's source and configuration, copied and named by the digest of both."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from greenproof.adapters.platforms.local.credentials import Credentials
from greenproof.adapters.platforms.local.layout import Layout, read_json, write_json, writing
from greenproof.model.errors import PlanError
from greenproof.model.facts import Release, Revision
from greenproof.model.plan import Service

NEVER_INCLUDED = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".greenproof",
        ".venv",
        "node_modules",
        ".mypy_cache",
        ".pytest_cache",
    }
)
_SECRET = re.compile(r"\{secret\.([A-Za-z0-9_.-]+)\}")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a revision of a service would consist of now."""

    files: Mapping[str, tuple[bytes, bool]]
    """Path to content, and whether it can be executed."""
    configuration: Mapping[str, Any]
    revision: Revision

    @property
    def digests(self) -> dict[str, str]:
        """Path to digest."""
        return _summary(self.files)


def look_at(service: Service, credentials: Credentials, source: Path | None = None) -> Contents:
    """Read what a service consists of; the same content and configuration give the same revision. Writes nothing but
    secrets that have to be made.
    """
    files = read_files(service, source or service.source)
    return contents_of(service.name, files, describe_configuration(service, credentials))


def contents_of(service: str, files: Mapping[str, tuple[bytes, bool]], configuration: Mapping[str, Any]) -> Contents:
    """These files and this configuration, as the revision that they are."""
    digest = _digest({"files": _summary(files), "configuration": configuration})
    return Contents(files, configuration, Revision(service, f"{service}-{digest[:12]}", digest))


def read_snapshot(layout: Layout, manifest: Mapping[str, Any]) -> Contents:
    """A kept revision as it was kept: what a process has written into its folder since is no part of it."""
    folder = layout.revisions / manifest["name"]
    with contextlib.suppress(OSError):
        # Somebody is about to use it.
        os.utime(layout.revisions / f"{manifest['name']}.json")
    try:
        files = {
            path: ((folder / path).read_bytes(), digest.endswith("+x")) for path, digest in manifest["files"].items()
        }
    except OSError as error:
        raise PlanError(
            f"a file of {manifest['name']} cannot be read: {error.strerror}",
            code="source-unreadable",
            where=str(error.filename),
            expected="the snapshot as it was kept",
        ) from error
    revision = Revision(manifest["service"], manifest["name"], manifest["digest"])
    return Contents(files, manifest["configuration"], revision)


def with_variables(contents: Contents, env: Mapping[str, str], credentials: Credentials) -> Contents:
    """The same files with other variables: another revision, unless they are what they were."""
    configuration = {
        **contents.configuration,
        "env": dict(sorted(env.items())),
        "secrets": _secrets_in(env, credentials),
    }
    return contents_of(contents.revision.service, contents.files, configuration)


def keep_snapshot(layout: Layout, contents: Contents, launch: Mapping[str, Any]) -> None:
    """Copy the files, and write the manifest: all that is needed to start the revision again. It holds no secret."""
    revision = contents.revision
    target = layout.revisions / revision.name
    with writing(target):
        if target.is_dir():
            _restore(target, contents.files)
        else:
            _write(target, contents.files)
    path = layout.revisions / f"{revision.name}.json"
    known = read_json(path)
    manifest = {
        "service": revision.service,
        "name": revision.name,
        "digest": revision.digest,
        "files": contents.digests,
        "configuration": contents.configuration,
        "launch": launch,
        "at": known.get("at") if isinstance(known, dict) else datetime.now(UTC).isoformat(),
    }
    # Also if nothing has changed: the time of the file says that somebody is about to use it.
    write_json(path, manifest)


def describe_revision(layout: Layout, name: str) -> Mapping[str, Any] | None:
    """The manifest of a revision: digests of its files, and its configuration without secrets."""
    found: Mapping[str, Any] | None = read_json(layout.revisions / f"{name}.json")
    return found


def name_release(revisions: tuple[Revision, ...]) -> Release:
    """The release that consists of these revisions."""
    digest = _digest({revision.service: revision.digest for revision in revisions})
    return Release(f"r-{digest[:12]}", revisions, datetime.now(UTC).isoformat())


def read_files(service: Service, folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Path to content and whether it can be executed, for all files that a revision contains."""
    if not folder.is_dir():
        raise PlanError(
            f"the source of {service.name} is not a folder",
            code="source-missing",
            where=str(folder),
            expected="a folder with the service's files",
            hint=f"check services.{service.name}.source",
        )
    patterns = [glob_pattern(glob) for glob in service.include]
    found = {}
    try:
        for relative in _walk(folder):
            if any(pattern.match(relative) for pattern in patterns):
                path = folder / relative
                found[relative] = (path.read_bytes(), os.access(path, os.X_OK))
    except OSError as error:
        raise PlanError(
            f"a file of {service.name} cannot be read: {error.strerror}",
            code="source-unreadable",
            where=str(error.filename),
            expected="readable files",
        ) from error
    if not found:
        raise PlanError(
            f"the snapshot of {service.name} would be empty",
            code="source-empty",
            where=str(folder),
            expected=f"files that match {', '.join(service.include)}",
            hint=f"check services.{service.name}.include",
        )
    return found


@lru_cache(maxsize=256)
def glob_pattern(glob: str) -> re.Pattern[str]:
    """`*` stays within a folder, `**` does not; the name of a folder stands for all in it."""
    out, rest = "", glob.strip("/")
    while rest:
        if rest.startswith("**/"):
            out, rest = out + "(?:.*/)?", rest[3:]
        elif rest.startswith("**"):
            out, rest = out + ".*", rest[2:]
        elif rest[0] in "*?":
            out, rest = out + ("[^/]*" if rest[0] == "*" else "[^/]"), rest[1:]
        else:
            out, rest = out + re.escape(rest[0]), rest[1:]
    return re.compile(f"(?:{out})(?:/.*)?\\Z", re.DOTALL)


def describe_configuration(service: Service, credentials: Credentials) -> dict[str, Any]:
    """What beside its files makes a revision what it is. Secrets appear as keyed digests.

    Addresses stay symbolic (`{postgres.url}`): a port that changes makes no new revision.
    """
    return {
        "command": list(service.command),
        "migrate": list(service.migrate) if service.migrate else None,
        "env": dict(sorted(service.env.items())),
        "secrets": _secrets_in(service.env, credentials),
        "health": service.health,
        "ready": service.ready,
        "needs": list(service.needs),
        "packages": installed_packages(service.python) if service.python else [],
        **({"migrate_undo": list(service.migrate_undo)} if service.migrate_undo else {}),
        **({"migration": service.migration} if service.migration else {}),
    }


def _secrets_in(env: Mapping[str, str], credentials: Credentials) -> dict[str, str]:
    used = sorted({name for value in env.values() for name in _SECRET.findall(value)})
    return {name: credentials.digest(credentials.secret(name)) for name in used}


def installed_packages(environment: Path) -> list[str]:
    """`name-version` of what is installed in a virtual environment, sorted."""
    found = environment.glob("lib/python*/site-packages/*.dist-info")
    return sorted(path.name.removesuffix(".dist-info") for path in found)


def _walk(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in NEVER_INCLUDED and not (Path(parent) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            path = Path(parent) / name
            if not name.endswith((".pyc", ".pyo")) and path.is_file():
                yield path.relative_to(folder).as_posix()


def _summary(files: Mapping[str, tuple[bytes, bool]]) -> dict[str, str]:
    return {
        path: hashlib.sha256(content).hexdigest() + ("+x" if executable else "")
        for path, (content, executable) in sorted(files.items())
    }


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _write(target: Path, files: Mapping[str, tuple[bytes, bool]]) -> None:
    # Written beside and renamed: a folder with the name of a revision is always whole.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        for relative, entry in files.items():
            _write_file(temporary / relative, entry)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        if not target.is_dir():
            raise


def _restore(target: Path, files: Mapping[str, tuple[bytes, bool]]) -> None:
    # A service runs inside its snapshot and may have written over a file of it.
    for relative, entry in files.items():
        path = target / relative
        if not path.is_file() or path.read_bytes() != entry[0]:
            _write_file(path, entry)


def _write_file(path: Path, entry: tuple[bytes, bool]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(entry[0])
    path.chmod(0o755 if entry[1] else 0o644)
