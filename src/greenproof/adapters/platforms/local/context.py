"""What all parts of a supervisor share: where things are, what was started, what must not be shown."""

import os
import secrets
import signal
from dataclasses import dataclass, field
from pathlib import Path

from greenproof.adapters.platforms.local import processes
from greenproof.adapters.platforms.local.layout import Layout, read_json, write_json
from greenproof.adapters.platforms.local.output import Capture, LogFile
from greenproof.adapters.platforms.local.redaction import Redactor
from greenproof.adapters.platforms.local.registry import Registry
from greenproof.adapters.platforms.local.sockets import free_port


class Ports:
    """Ports by name, remembered between runs so that addresses stay the same where possible."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.ports
        known = read_json(layout.ports)
        self._known: dict[str, int] = known if isinstance(known, dict) else {}
        self._given: set[int] = set()

    def stable(self, name: str, preferred: int | None = None) -> int:
        """The preferred port, else the one of last time, else a free one; kept for next time."""
        last = self._known.get(name)
        others = (self._given | set(self._known.values())) - {last}
        port = free_port(preferred, self._given) if preferred else free_port(last, self._given)
        if port not in (preferred, last):
            port = free_port(last, others)
        self._given.add(port)
        self._known[name] = port
        write_json(self._path, self._known)
        return port

    def fresh(self) -> int:
        """A port that nobody uses or is promised."""
        return free_port(None, self._given | set(self._known.values()))


@dataclass(slots=True)
class Means:
    """What services are started with and no manifest holds; the commands bring it, it is never written down."""

    secrets: dict[str, str] = field(default_factory=dict)
    """The plan's own, by name."""
    inherited: dict[str, str] = field(default_factory=dict)
    """Of the caller's environment."""


@dataclass(slots=True)
class Context:
    """The supervisor's common ground."""

    layout: Layout
    environment_id: str
    registry: Registry
    ports: Ports
    redact: Redactor
    means: Means = field(default_factory=Means)

    @classmethod
    def of(cls, layout: Layout) -> "Context":
        """The context of an environment whose folders exist."""
        return cls(layout, layout.environment_id(), Registry(layout), Ports(layout), Redactor())

    async def start_server(
        self,
        name: str,
        command: list[str],
        folder: Path,
        account: processes.Account | None,
        dies_by: signal.Signals,
    ) -> tuple[processes.Started, Capture]:
        """Start a dependency's server with its log in `logs/NAME/server.log`."""
        capture = Capture(LogFile(self.layout.logs / name / "server.log"), self.redact)
        try:
            started = await processes.start(
                f"dependency:{name}",
                command,
                cwd=folder,
                env=self.server_environment(),
                output=capture.writer,
                account=account,
                dies_by=dies_by,
            )
        except BaseException:
            capture.abandon()
            raise
        self.registry.add(started, folder)
        await capture.begin()
        return started, capture

    def server_environment(self) -> dict[str, str]:
        """The little that a server needs of ours, and the marker."""
        kept = {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ}
        return {**kept, "LC_ALL": "C.UTF-8", processes.MARKER: self.environment_id}

    @staticmethod
    def new_nonce() -> str:
        """The secret of one start."""
        return secrets.token_hex(16)
