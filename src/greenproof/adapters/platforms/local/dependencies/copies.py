"""Copies of a store, taken while it serves or while it rests; it is only read, and never made to wait."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.adapters.platforms.local import processes
from greenproof.adapters.platforms.local.dependencies.binaries import Program
from greenproof.adapters.platforms.local.layout import writing
from greenproof.adapters.probes import redis as probe
from greenproof.model.errors import DiskFullError, GreenproofError, PlatformError

COPY_TIMEOUT = 600.0
"""Seconds for a copy."""
_CHUNK = 1 << 20
_WITHOUT_MANIFEST = 13
_FULL = "No space left on device"


@dataclass(frozen=True, slots=True)
class Origin:
    """The store that a new one begins as a copy of. The password is the same: it is part of what is copied."""

    folder: str
    port: int | None = None
    """None: it rests, and nobody starts it meanwhile."""


async def run_to_end(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    account: processes.Account | None,
    timeout: float,
) -> tuple[int, str]:
    """Exit code and output of a program; it is ended with the caller. Raises TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode or 0, output.decode("utf-8", "replace")


async def copy_postgres(
    origin: Origin,
    copier: Program | None,
    login: tuple[str, str],
    target: Path,
    environment: Mapping[str, str],
    account: processes.Account | None,
) -> None:
    """A base backup into a folder that is not there yet: all of one moment, with the log that leads there.

    `copier` is `pg_basebackup`; a store at rest needs none. `login` is user and password. Made beside and renamed: what
    was cut off looks like no data. Raises PlatformError.
    """
    fresh = target.with_name(f"{target.name}.new")
    with writing(target):
        shutil.rmtree(fresh, ignore_errors=True)
        if origin.port is None or copier is None:
            await asyncio.to_thread(_copy_folder, Path(origin.folder), fresh, account)
            fresh.rename(target)
            return
        fresh.mkdir(mode=0o700)
        if account:
            os.chown(fresh, account.uid, account.gid)
    user, password = login
    words = [str(copier.path), "-D", str(fresh), "-h", "127.0.0.1", "-p", str(origin.port)]
    words += ["-U", user, "--no-password", "--checkpoint=fast", "--wal-method=stream", "--no-sync"]
    words += ["--no-manifest"] if int(copier.major) >= _WITHOUT_MANIFEST else []
    try:
        code, output = await run_to_end(words, fresh, {**environment, "PGPASSWORD": password}, account, COPY_TIMEOUT)
    except TimeoutError as error:
        raise _failed("PostgreSQL", origin, f"the copy took longer than {COPY_TIMEOUT:g} s") from error
    except OSError as error:
        raise _failed("PostgreSQL", origin, f"pg_basebackup can't be started: {error.strerror}") from error
    if code:
        raise _refused(origin, fresh, code, output)
    with writing(target):
        fresh.rename(target)


async def copy_redis(origin: Origin, password: str, target: Path) -> None:
    """All keys of one moment, as a replica gets them, into a folder that is not there yet. Raises PlatformError."""
    fresh = target.with_name(f"{target.name}.new")
    with writing(target):
        shutil.rmtree(fresh, ignore_errors=True)
        if origin.port is None:
            await asyncio.to_thread(_copy_folder, Path(origin.folder), fresh, None)
        else:
            fresh.mkdir(mode=0o700)
            # What an append-only file begins with may be a snapshot: so every version reads it, also where it keeps
            # such a file in several parts.
            await _snapshot(origin, password, fresh / "appendonly.aof")
        fresh.rename(target)


async def _snapshot(origin: Origin, password: str, path: Path) -> None:
    try:
        async with asyncio.timeout(COPY_TIMEOUT):
            reader, writer = await asyncio.open_connection("127.0.0.1", origin.port)
            try:
                await probe.command(reader, writer, "AUTH", password)
                # Not announced as a replica that takes streams: the snapshot is begun at once, and has a known size.
                writer.write(b"SYNC\r\n")
                while (line := await reader.readline()) == b"\n":
                    pass
                if not line.startswith(b"$"):
                    raise probe.RedisRefused(line[:200].decode("utf-8", "replace").strip() or "it hung up")
                left = int(line[1:])
                with path.open("wb") as file:
                    while left:
                        part = await reader.read(min(left, _CHUNK))
                        if not part:
                            raise EOFError("it hung up in the middle")
                        file.write(part)
                        left -= len(part)
            finally:
                writer.close()
    except (ConnectionError, EOFError, ValueError, TimeoutError, probe.RedisRefused) as error:
        raise _failed("Redis", origin, f"{type(error).__name__}: {error}") from error


def _copy_folder(source: Path, target: Path, account: processes.Account | None) -> None:
    """Copy a folder at rest."""
    try:
        shutil.copytree(source, target, symlinks=True)
    except shutil.Error as error:
        if _FULL in str(error):
            raise _full(target) from error
        raise _failed("the store", Origin(str(source)), str(error)[:200]) from error
    if account:
        for place in (target, *target.rglob("*")):
            os.chown(place, account.uid, account.gid, follow_symlinks=False)


def _full(place: Path) -> DiskFullError:
    return DiskFullError(
        "the disk is full",
        code="disk-full",
        where=str(place),
        expected="room for a copy of the data",
        hint="free some space, or start the side release with empty stores: --data empty",
    )


def _refused(origin: Origin, fresh: Path, code: int, output: str) -> GreenproofError:
    if _FULL in output:
        return _full(fresh)
    return ServiceFailed(
        f"the data of PostgreSQL can't be copied: pg_basebackup ended with exit code {code}",
        code="copy-failed",
        where=f"port {origin.port}, {origin.folder}",
        expected="a server that allows its user to take a base backup",
        log=tuple(output.splitlines()[-20:]),
    )


def _failed(product: str, origin: Origin, why: str) -> PlatformError:
    return PlatformError(
        f"the data of {product} can't be copied: {why}",
        code="copy-failed",
        where=f"port {origin.port}, {origin.folder}" if origin.port else origin.folder,
        expected="a server that answers, or a folder that can be read",
    )
