"""What the machine itself has: folders, room, descriptors, certificates, programs."""

import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from greenproof.adapters.platforms.local.dependencies.binaries import find_postgres, find_redis
from greenproof.model.checkup import Finding, Health
from greenproof.model.errors import GreenproofError

LEAST_FREE = 200 << 20
"""Bytes that a night of runs may write."""
LEAST_DESCRIPTORS = 1024
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PATIENCE_S = 15.0


def own_interpreter() -> Finding:
    """The Python that runs Greenproof."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Greenproof's own Python", Health.OK, f"{version} at {sys.executable}", required=True)


def state_folder(root: Path) -> Finding:
    """Can anything be written where the ledger lies?"""
    name = "a place for the ledger"
    place = root / ".greenproof"
    beside = place if place.exists() else root
    if not os.access(beside, os.W_OK | os.X_OK):
        cost, remedy = "no run can be recorded, so none is made", "run in a folder of your own"
        return Finding(name, Health.BROKEN, f"{beside} can't be written", cost, remedy, required=True)
    free = shutil.disk_usage(beside).free
    if free < LEAST_FREE:
        cost, remedy = "a run may end with a full disk (exit code 3)", "free some space"
        return Finding(name, Health.BROKEN, f"{free >> 20} MiB are free at {beside}", cost, remedy)
    return Finding(name, Health.OK, f"{beside} can be written, {free >> 20} MiB are free", required=True)


def descriptors() -> Finding:
    """Two descriptors are needed for each connection of the tests."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    unlimited = hard == resource.RLIM_INFINITY
    observed = "no limit of open files" if unlimited else f"at most {hard} open files"
    if unlimited or hard >= LEAST_DESCRIPTORS:
        return Finding("file descriptors", Health.OK, observed)
    cost = f"more than {hard // 2 - 50} connections at once through the relay fail"
    return Finding("file descriptors", Health.BROKEN, observed, cost, "raise the hard limit: ulimit -Hn 65536")


def certificates() -> Finding:
    """The certificates that https targets are verified with."""
    context = ssl.create_default_context()
    count = context.cert_store_stats()["x509_ca"]
    paths = ssl.get_default_verify_paths()
    where = paths.cafile or paths.capath or "nowhere"
    if count or (paths.capath and any(Path(paths.capath).iterdir())):
        return Finding("certificates of the system", Health.OK, f"{count} loaded at once, from {where}")
    cost, remedy = "https targets can't be verified", "apt install ca-certificates, or set SSL_CERT_FILE"
    return Finding("certificates of the system", Health.MISSING, f"none in {where}", cost, remedy)


def port(service: str, number: int) -> Finding:
    """Is the port that a service prefers free (or is it the service itself that has it)?"""
    name = f"port {number} of {service}"
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", number))
        except OSError as error:
            cost = "the ingress takes another port, unless it is this environment itself that holds it"
            remedy = "`greenproof status` shows where each service listens"
            return Finding(name, Health.BROKEN, f"it can't be had: {error.strerror}", cost, remedy)
    return Finding(name, Health.OK, "it is free")


def programs() -> Iterator[Finding]:
    """Servers, browser and tools, each of which something is not run without."""
    for name, find, package in (
        ("PostgreSQL", find_postgres, "postgresql"),
        ("Redis", find_redis, "redis-server"),
    ):
        yield _server(name, find, package)
    yield browser()
    yield _tool("git", "what changed since the last good release can't be told", "apt install git")


def _server(name: str, find: Callable[[], object], package: str) -> Finding:
    try:
        program = find()
    except GreenproofError as error:
        cost = f"`up` can't start a dependency of this kind; {name} elsewhere can be a target or an address in `env`"
        remedy = f"apt install {package}, or pip install 'greenproof[servers]'"
        return Finding(name, Health.MISSING, error.message, cost, remedy)
    return Finding(name, Health.OK, f"{getattr(program, 'version', '?')} at {getattr(program, 'path', '?')}")


def browser() -> Finding:
    """A browser that says its version; whether a page can be shown is not tried."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    cost = "tests in a browser are not run, and reported as that"
    if found is None:
        return Finding(
            "browser", Health.MISSING, f"none of {', '.join(BROWSERS)} on PATH", cost, "apt install chromium"
        )
    said = _asked([found, "--version"])
    if said is None:
        return Finding("browser", Health.BROKEN, f"{found} --version does not answer", cost, "install it again")
    return Finding("browser", Health.OK, f"{said} at {found}")


def _tool(name: str, cost: str, remedy: str) -> Finding:
    found = shutil.which(name)
    said = _asked([found, "--version"]) if found else None
    if found is None or said is None:
        return Finding(name, Health.MISSING, f"no {name} on PATH that answers", cost, remedy)
    return Finding(name, Health.OK, f"{said} at {found}")


def _asked(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[0][:100] if done.returncode == 0 and lines else None
