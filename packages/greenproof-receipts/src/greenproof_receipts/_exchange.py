"""One exchange as the server sees it, and the line that is written about it."""

from __future__ import annotations

import contextvars
import json
import re
import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Optional

from greenproof_receipts._identity import Identity

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_write_lock = threading.Lock()
_warned = threading.Event()


@dataclass
class Exchange:
    """What is known so far about one request, or one WebSocket conversation."""

    identity: Identity
    method: str
    path: str
    traceparent: str = ""
    challenge: Optional[str] = None
    route: Optional[str] = None
    status: Optional[int] = None
    depth: str = "unknown"
    messages_in: int = 0
    messages_out: int = 0
    written: bool = field(default=False, repr=False)

    @property
    def is_websocket(self) -> bool:
        return self.method == "WS"

    def trace_id(self) -> Optional[str]:
        """The 32 hexadecimal digits of the W3C traceparent, if there was a valid one."""
        found = _TRACEPARENT.match(self.traceparent)
        return found.group(1) if found else None

    def receipt(self, phase: Optional[str] = None) -> Dict[str, Any]:
        """The receipt as a dictionary: no query string, no header, no body."""
        line: Dict[str, Any] = {
            "greenproof": "receipt",
            "service": self.identity.service,
            "revision": self.identity.revision,
            "method": self.method,
            "route": self.route or self.path,
            "path": self.path,
            "status": self.status,
            "trace_id": self.trace_id(),
            "depth": self.depth,
            "at": datetime.now(timezone.utc).isoformat(),
        }
        if self.is_websocket:
            line.update(messages_in=self.messages_in, messages_out=self.messages_out)
        if phase:
            line["phase"] = phase
        return line

    def write(self) -> None:
        """Write the final receipt, once however often it is called."""
        if not self.written:
            self.written = True
            _print(self.receipt("close" if self.is_websocket else None))

    def write_accept(self) -> None:
        """Write the receipt of an accepted WebSocket handshake."""
        _print(self.receipt("accept"))


_current: contextvars.ContextVar[Optional[Exchange]] = contextvars.ContextVar(
    "greenproof_exchange", default=None
)


def enter(exchange: Exchange) -> None:
    """Make this the exchange that `depth` speaks about, here and in what is started from here."""
    _current.set(exchange)


def depth(value: str) -> None:
    """Say how deep the handler went: "core" did the work, "cache" or "canned" answered without it.

    Outside a request it does nothing.
    """
    exchange = _current.get()
    if exchange is not None:
        exchange.depth = value


def guarded(step: Callable[[], None]) -> None:
    """Run a step of our own; its failure is one warning and never the application's problem."""
    try:
        step()
    except Exception as failure:
        _warn_once(failure)


def _warn_once(failure: Exception) -> None:
    if _warned.is_set():
        return
    _warned.set()
    try:
        sys.stderr.write(f"greenproof-receipts: receipts may be missing: {failure!r}\n")
        sys.stderr.flush()
    except Exception:  # nobody is left to tell
        pass


def _print(line: Dict[str, Any]) -> None:
    text = json.dumps(line, separators=(",", ":"), default=str) + "\n"
    with _write_lock:
        sys.stdout.write(text)
        sys.stdout.flush()
