"""PostgreSQL for one environment: scram password, loopback only, durable, never as root."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from greenproof.adapters.platforms.base import DependencyStatus, ServiceFailed
from greenproof.adapters.platforms.local import processes
from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.dependencies.binaries import (
    Program,
    find_copier,
    find_postgres,
    reachable,
)
from greenproof.adapters.platforms.local.dependencies.copies import Origin, copy_postgres, run_to_end
from greenproof.adapters.platforms.local.dependencies.starting import Start, await_ready
from greenproof.adapters.platforms.local.layout import writing
from greenproof.adapters.platforms.local.output import Capture
from greenproof.adapters.platforms.local.redaction import REPLACEMENT
from greenproof.adapters.probes import postgres as probe
from greenproof.adapters.probes.contents import postgres_contents
from greenproof.adapters.probes.postgres_schema import read_schema
from greenproof.model.errors import PlaceError, PlatformError
from greenproof.model.facts import Reading

USER = "greenproof"
START_TIMEOUT = 60.0
"""Seconds; recovery after a crash is included."""
_WATCHES_CLIENTS = 14
_ACCOUNTS = ("postgres", "nobody")
_ELSEWHERE = Path("/var/tmp")  # noqa: S108 - the folder is checked to be ours

_SERVERS = "greenproof-servers"


class PostgresServer:
    """One server with one database."""

    def __init__(
        self, context: Context, name: str, database: str, password: str, source: str, origin: Origin | None = None
    ) -> None:
        """Without data of its own it begins as a copy of `origin`, or empty."""
        self.name = name
        self._origin = origin
        self._context = context
        self._database = database
        self._password = password
        self._source = source
        self._account = processes.Account.first_of(_ACCOUNTS) if os.geteuid() == 0 else None
        self._data: Path | None = None
        self._program: Program | None = None
        self._port: int | None = None
        self._started: processes.Started | None = None
        self._capture: Capture | None = None

    @property
    def alive(self) -> bool:
        """Whether the postmaster runs."""
        return self._started is not None and self._started.alive

    async def start(self) -> None:
        """Create the data folder if need be, start the server, create the database."""
        if os.geteuid() == 0 and self._account is None:
            raise PlatformError(
                "PostgreSQL refuses to run as root, and there is no other user",
                code="postgres-root",
                where="the users of this system",
                expected=f"one of the users {', '.join(_ACCOUNTS)}",
            )
        data = self._data = await asyncio.to_thread(self._place)
        origin = None if data.exists() else self._origin
        version = (Path(origin.folder) if origin else data) / "PG_VERSION"
        major = version.read_text().strip() if version.exists() else None
        program = await asyncio.to_thread(find_postgres, self._source, major)
        self._program = program = await asyncio.to_thread(self._within_reach, program)
        if origin is not None:
            await self._copy(origin, program, data)
        elif major is None:
            await self._initialise(program, data)
        await self._clear_lock(data)
        self._port = self._port or self._context.ports.stable(f"dependency:{self.name}")
        self._started, self._capture = await self._context.start_server(
            self.name, self._command(program, data), data, self._account, signal.SIGQUIT
        )
        try:
            await self._await_ready()
            await self._create_database()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Fast shutdown; immediate if that takes too long; then by force."""
        started = self._started
        if started is None:
            return
        if started.alive:
            # Only the postmaster is told: it ends its own processes in the right order.
            processes.kill([started.pid], signal.SIGINT)
            await asyncio.wait([started.ended], timeout=10)
        await processes.stop(started, by=signal.SIGQUIT, grace=3, alone=True)
        if self._capture is not None:
            await self._capture.finish()
        self._context.registry.remove(started.pid)
        self._started = None

    async def reading(self, timeout: float) -> Reading:
        """Log in to the database; the server must work in our data folder."""
        return await probe.read(self.name, self._address(self._database), timeout, self._identify)

    def values(self) -> Mapping[str, str]:
        """What placeholders stand for."""
        return {
            "url": f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{self._database}",
            "host": "127.0.0.1",
            "port": str(self._port),
            "user": USER,
            "password": self._password,
            "database": self._database,
        }

    async def schema(self, *, settled: bool = False) -> Mapping[str, str] | None:
        """Tables, columns, types, constraints, indexes ... of the database."""
        try:
            return await read_schema(self._address(self._database), settled=settled)
        except (OSError, TimeoutError, EOFError, probe.PostgresRefused) as error:
            raise PlatformError(
                f"the schema of {self.name} can't be read: {type(error).__name__}: {error}",
                code="schema-unreadable",
                where=f"port {self._port}",
                expected="a server that answers questions about its catalogue",
            ) from error

    async def contents(self) -> Mapping[str, str]:
        """Rows of each table, as digests."""
        try:
            return await postgres_contents(self._address(self._database))
        except (OSError, TimeoutError, EOFError, probe.PostgresRefused) as error:
            raise PlatformError(
                f"what {self.name} holds can't be read: {type(error).__name__}: {error}",
                code="contents-unreadable",
                where=f"port {self._port}",
                expected="a server that answers",
            ) from error

    def status(self) -> DependencyStatus:
        """For people."""
        program = self._program
        return DependencyStatus(
            name=self.name,
            kind="postgres",
            state="running" if self.alive else "exited" if self._started else "absent",
            port=self._port,
            source=program.source if program else None,
            version=program.version if program else None,
            url=self.values()["url"].replace(self._password, REPLACEMENT),
            data=str(self._data) if self._data else None,
        )

    def _address(self, database: str) -> probe.PostgresAddress:
        return probe.PostgresAddress(self._port or 0, USER, self._password, database)

    async def _identify(self, session: probe.PostgresSession) -> str | None:
        said = (await session.query("SHOW data_directory"))[0][0]
        if self._data is not None and said != str(self._data):
            return f"expected the server of {self._data}, got that of {said}"
        return None

    def _command(self, program: Program, data: Path) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            # No Unix socket: its path would have to be shorter than 100 bytes.
            "unix_socket_directories": "",
            "logging_collector": "off",
            "log_destination": "stderr",
            "log_timezone": "UTC",
            "timezone": "UTC",
        }
        if int(program.major) >= _WATCHES_CLIENTS:
            # The last statement of a client that was killed ends with it, also in its middle.
            settings["client_connection_check_interval"] = "500"
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(program.path), "-D", str(data), *options]

    async def _await_ready(self) -> None:
        assert self._started is not None
        start = Start(
            product="PostgreSQL",
            started=self._started,
            capture=self._capture,
            log=self._context.layout.logs / self.name / "server.log",
            expected=f"a server on port {self._port} that works in {self._data}",
            hopeless="wrong-identity",
            within=START_TIMEOUT,
        )
        await await_ready(start, lambda: probe.read(self.name, self._address("postgres"), 5.0, self._identify))

    async def _create_database(self) -> None:
        async with probe.PostgresSession(self._address("postgres")) as session:
            # No parameters in the simple protocol, hence the names are compared here.
            rows = await session.query("SELECT datname FROM pg_database")
            if [self._database] not in rows:
                quoted = self._database.replace('"', '""')
                await session.query(f'CREATE DATABASE "{quoted}"')

    def _place(self) -> Path:
        """Where the data are: with the environment, or where the other user can reach them."""
        inside = self._context.layout.data / self.name
        record = self._context.layout.data / f"{self.name}.location"
        if self._account is None:
            return inside.resolve()
        if record.exists():
            return Path(record.read_text(encoding="utf-8").strip())
        if not inside.exists():
            self._context.layout.data.chmod(0o711)
        if reachable(inside.parent, self._account.uid):
            return inside.resolve()
        place = _own_folder() / self._context.environment_id / self.name
        with writing(place):
            place.parent.mkdir(mode=0o711, exist_ok=True)
            record.write_text(f"{place}\n", encoding="utf-8")
        return place

    def _within_reach(self, program: Program) -> Program:
        if self._account is None or reachable(program.path, self._account.uid):
            return program
        if program.source != "package":
            raise PlatformError(
                f"the user {self._account.name}, as whom PostgreSQL must run, cannot reach its program",
                code="postgres-root",
                where=str(program.path),
                expected="folders that every user may pass through",
            )
        installation = program.path.parent.parent
        name = hashlib.sha256(f"{installation}{program.version}".encode()).hexdigest()[:16]
        copy = _own_folder() / f"programs-{name}"
        if not copy.exists():
            temporary = copy.with_name(f".{copy.name}.{os.getpid()}")
            with writing(copy):
                shutil.copytree(installation, temporary, symlinks=True)
                with contextlib.suppress(FileExistsError):
                    temporary.rename(copy)
        return Program(copy / "bin" / program.path.name, program.source, program.version)

    async def _copy(self, origin: Origin, program: Program, data: Path) -> None:
        copier = None
        if origin.port is not None:
            copier = await asyncio.to_thread(lambda: self._within_reach(find_copier(program)))
        login, environment = (USER, self._password), self._context.server_environment()
        await copy_postgres(origin, copier, login, data, environment, self._account)

    async def _initialise(self, program: Program, data: Path) -> None:
        # Made beside and renamed: an interrupted initdb leaves nothing that looks like data.
        fresh = data.with_name(f"{data.name}.new")
        password = data.with_name(f"{data.name}.password")
        with writing(data):
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            password.touch(mode=0o600)
            password.write_text(self._password, encoding="utf-8")
            if self._account:
                os.chown(fresh, self._account.uid, self._account.gid)
                os.chown(password, self._account.uid, self._account.gid)
        try:
            await self._run_initdb(program, fresh, password)
            with writing(data):
                fresh.rename(data)
        finally:
            password.unlink(missing_ok=True)

    async def _run_initdb(self, program: Program, fresh: Path, password: Path) -> None:
        words = ["-D", str(fresh), "-U", USER, f"--pwfile={password}", "--auth=scram-sha-256"]
        words += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
        command = [str(program.path.with_name("initdb")), *words]
        environment = self._context.server_environment()
        code, output = await run_to_end(command, fresh, environment, self._account, START_TIMEOUT)
        if code:
            raise ServiceFailed(
                f"initdb ended with exit code {code}",
                code="dependency-failed",
                where=str(fresh),
                expected="a new data folder",
                log=tuple(output.splitlines()[-20:]),
            )

    async def _clear_lock(self, data: Path) -> None:
        """End a postmaster that still works in our folder; remove a lock file that nobody holds.

        PostgreSQL itself refuses to start if the pid in the file belongs to *any* process.
        """
        lock = data / "postmaster.pid"
        ours = await asyncio.to_thread(processes.working_in, data)
        births = {pid: processes.birth(pid) for pid in ours}
        processes.kill(births, signal.SIGQUIT)
        if not await processes.until_gone(births, 5.0):
            processes.kill(births, signal.SIGKILL)
            await processes.until_gone(births, 5.0)
        lock.unlink(missing_ok=True)


def forget(environment_id: str) -> None:
    """Remove what servers of an environment kept elsewhere. Nothing of it may run."""
    if os.geteuid() == 0:
        shutil.rmtree(_ELSEWHERE / _SERVERS / environment_id, ignore_errors=True)


def _own_folder() -> Path:
    """A folder that others can pass through but only root writes."""
    folder = _ELSEWHERE / _SERVERS
    with writing(folder):
        folder.mkdir(mode=0o711, exist_ok=True)
        state = folder.lstat()
        if folder.is_symlink() or state.st_uid != os.geteuid() or state.st_mode & 0o022:
            raise PlaceError(
                "the folder for PostgreSQL's data belongs to somebody else",
                code="state-unwritable",
                where=str(folder),
                expected="a folder of root that others cannot write",
            )
    return folder
