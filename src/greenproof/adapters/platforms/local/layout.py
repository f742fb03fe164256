"""Where an environment keeps its state on disk, and how files there are written."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenproof.model.errors import FULL, DiskFullError, PlaceError
from greenproof.model.plan import Environment, Plan


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of one environment. Nothing is created until `create` is called."""

    name: str
    folder: Path

    @classmethod
    def of(cls, plan: Plan, environment: Environment) -> "Layout":
        """The layout of an environment of a plan."""
        folder = plan.state.absolute() / "environments" / environment.name
        return cls(environment.name, folder)

    @property
    def revisions(self) -> Path:
        """Snapshots: a folder and a manifest for each revision."""
        return self.folder / "revisions"

    @property
    def releases(self) -> Path:
        """What is known of releases: `state.json`, a manifest for each release, and schemas."""
        return self.folder / "releases"

    @property
    def data(self) -> Path:
        """Data of the dependencies."""
        return self.folder / "data"

    def data_of(self, store: str) -> Path:
        """Where the data of a dependency are, also if that is not here."""
        record = self.data / f"{store}.location"
        return Path(record.read_text(encoding="utf-8").strip()) if record.exists() else self.data / store

    @property
    def sides(self) -> Path:
        """A folder for each side release, made like the one of an environment."""
        return self.folder / "sides"

    @property
    def ended(self) -> Path:
        """Logs of side releases that have ended; the newest few."""
        return self.folder / "ended-sides"

    @property
    def side(self) -> Path:
        """In the folder of a side release: what it is, and who started it."""
        return self.folder / "side.json"

    @property
    def starting(self) -> Path:
        """In the folder of a side release: held by whoever is starting it."""
        return self.folder / "starting.lock"

    @property
    def logs(self) -> Path:
        """`SERVICE/REVISION.log`, `DEPENDENCY/server.log`, `supervisor.log`, `ingress.jsonl`."""
        return self.folder / "logs"

    @property
    def supervisor(self) -> Path:
        """Who supervises: pid, birth, control port. Only there while a supervisor runs."""
        return self.folder / "supervisor.json"

    @property
    def token(self) -> Path:
        """The secret that every command shows to the supervisor."""
        return self.folder / "token"

    @property
    def commands_lock(self) -> Path:
        """Held while a supervisor is being started or cleared away."""
        return self.folder / "commands.lock"

    @property
    def alive_lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.folder / "supervisor.lock"

    @property
    def registry(self) -> Path:
        """What was started and not yet seen to be gone."""
        return self.folder / "started.json"

    @property
    def ports(self) -> Path:
        """Ports that were used last, by name, so that addresses stay."""
        return self.folder / "ports.json"

    @property
    def credentials(self) -> Path:
        """Generated secrets and passwords; readable by the owner only."""
        return self.folder / "credentials.json"

    @property
    def identity(self) -> Path:
        """The random id of this environment."""
        return self.folder / "id"

    def create(self) -> None:
        """Create the folders. Raises PlatformError where they cannot be written."""
        with writing(self.folder):
            for folder in (self.revisions, self.releases, self.data, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o711)
            ignore = self.folder.parent.parent / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        # Two commands at once must agree on the id and the token.
        with exclusive(self.folder / "create.lock"):
            for path in (self.identity, self.token):
                if not path.exists():
                    write_private(path, secrets.token_hex(16))

    def environment_id(self) -> str:
        """The marker that every process of this environment carries in its environment."""
        return self.identity.read_text(encoding="utf-8").strip()


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock among processes; the kernel releases it when its holder dies."""
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_exclusive(path: Path) -> int | None:
    """Take a lock without waiting: its descriptor, to be closed; None: somebody holds it."""
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system says about `path` into a PlaceError or DiskFullError that helps."""
    try:
        yield
    except OSError as error:
        place = str(error.filename or path)
        if error.errno in FULL:
            raise DiskFullError(
                "the disk is full",
                code="disk-full",
                where=place,
                expected="room for snapshots, logs and data",
                hint="free some space, then run the same command again; nothing is lost",
            ) from error
        raise PlaceError(
            f"cannot write: {error.strerror or error}",
            code="state-unwritable",
            where=place,
            expected="a folder that this user may write",
            hint="check the owner and permissions of the folder, or move the project",
        ) from error


def write_private(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace a file as a whole; only its owner can read it. `durable`: also if the machine loses its power."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with writing(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: object, *, durable: bool = False) -> None:
    """Replace a JSON file as a whole."""
    write_private(path, json.dumps(value, indent=1, sort_keys=True), durable=durable)


def read_json(path: Path) -> Any:
    """What a JSON file holds; None when it is missing, cut off, or no such document as we write."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
