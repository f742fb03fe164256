"""The lease: one loop for each environment, with an owner, a heartbeat and a number that only grows.

Whoever waits takes over when the holder has left, when its process is gone (seen at once on the same machine), or when
its heartbeat has not moved for `STALE_S` seconds of his own clock. A holder that was stopped for longer finds out
before it acts: `confirm` asks the store whenever the last confirmed heartbeat is old. The number is the fence: the
platform refuses what carries a lower one.
"""

import contextlib
import getpass
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from greenproof.adapters.coordination.store import Desk, Holder, Store
from greenproof.adapters.platforms.local.processes import birth
from greenproof.model.errors import CoordinationError, LeaseHeldError, LeaseLostError

BEAT_S = 2.0
"""Seconds between two heartbeats."""
STALE_S = 10.0
"""Seconds without a heartbeat after which a holder counts as dead."""
FRESH_S = 4.0
"""Seconds for which a confirmed heartbeat stands; longer ago, the store is asked."""
_LOOK_S = 0.5


class Lease:
    """The right to act on one environment. A context manager; the heart beats in a thread of its own."""

    def __init__(self, store: Store, environment: str, token: str, number: int) -> None:
        self._store, self._environment, self._token = store, environment, token
        self.number = number
        """The fence."""
        self.doing = ""
        """What is done now, for people who look."""
        self._confirmed = time.monotonic()
        self._lost = False
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beats, name="greenproof-lease", daemon=True)

    @classmethod
    def take(
        cls,
        store: Store,
        environment: str,
        what: str,
        *,
        wait_s: float = 0.0,
        on_wait: Callable[[Desk], None] = lambda desk: None,
        stale_s: float = STALE_S,
    ) -> Self:
        """Take the environment. Waits for at most `wait_s` seconds until its holder leaves or dies.

        `what` tells people what for. `on_wait` is told once of each holder that is waited for. Raises LeaseHeldError
        and CoordinationError.
        """
        token = secrets.token_hex(16)
        me = Holder(_owner(what), machine(), os.getpid(), birth(os.getpid()) or "")
        deadline = time.monotonic() + wait_s
        watched, since = None, 0.0
        while True:
            desk = store.desk(environment)
            if (desk.number, desk.beat) != watched:
                if watched is None or watched[0] != desk.number:
                    told = False
                watched, since = (desk.number, desk.beat), time.monotonic()
            free = not desk.token or _gone(desk.holder) or time.monotonic() - since > stale_s
            if free and store.take(environment, desk, token, me):
                lease = cls(store, environment, token, desk.number + 1)
                lease._heart.start()
                return lease
            if free:
                continue
            if time.monotonic() >= deadline:
                raise held(environment, desk)
            if not told:
                on_wait(desk)
                told = True
            # Polls: neither store can wake whoever waits.
            time.sleep(_LOOK_S)

    def confirm(self) -> None:
        """Still ours? Raises LeaseLostError. Call before every effect on the outside, and before what is recorded."""
        if self._lost or (time.monotonic() - self._confirmed > FRESH_S and not self._beat()):
            raise LeaseLostError(
                f"another loop took the environment {self._environment} over",
                code="lease-lost",
                where=f"environments.{self._environment}",
                expected="a heartbeat every few seconds: this process was stopped for too long",
                hint="`greenproof status` shows who holds it now; nothing more was done here",
            )

    def serve(self, what: str) -> None:
        """Tell people what it is held for now: a run that was cut off is found only once the environment is held."""
        self._store.own(self._environment, self._token, _owner(what))

    def surpass(self, met: int) -> None:
        """Be newer than the highest number that the platform has met: numbers begin anew in another store.

        Whoever holds the environment by the old store is fenced off from then on.
        """
        if self.number <= met:
            self._store.renumber(self._environment, self._token, met + 1)
            self.number = met + 1

    def desk(self) -> Desk:
        """The row as it is now: also what a person asked for."""
        return self._store.desk(self._environment)

    def freeze(self, why: str) -> None:
        """Nobody may act on this environment until a person has looked."""
        self._store.freeze(self._environment, why)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._heart.join(_LOOK_S)
        with contextlib.suppress(CoordinationError):
            self._store.leave(self._environment, self._token)

    def _beats(self) -> None:
        while not self._over.wait(BEAT_S):
            # A store that can't be reached for a moment takes nothing from us: `confirm` asks again.
            with contextlib.suppress(CoordinationError):
                if not self._beat():
                    return

    def _beat(self) -> bool:
        before = time.monotonic()
        if not self._store.beat(self._environment, self._token, self.doing):
            self._lost = True
            return False
        self._confirmed = before
        return True


def held(environment: str, desk: Desk) -> LeaseHeldError:
    """Why somebody else may not act."""
    doing = f" ({desk.doing})" if desk.doing else ""
    return LeaseHeldError(
        f"the environment {environment} is held by {desk.holder.owner}, since {desk.since}{doing}",
        code="environment-held",
        where=f"environments.{environment}",
        expected="one loop, or command that changes it, for each environment",
        hint="wait for it; `greenproof stop` asks a loop to let go",
    )


def machine() -> str:
    """The id of this boot of this machine; process ids mean nothing beyond it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


def alive(desk: Desk) -> bool:
    """Whether somebody holds the environment, as far as can be seen from here at once."""
    return bool(desk.token) and not _gone(desk.holder)


def _gone(holder: Holder) -> bool:
    return holder.machine == machine() and birth(holder.pid) != holder.born


def _owner(what: str) -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user} on {platform.node()}, process {os.getpid()}, {what}"
