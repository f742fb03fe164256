"""Times and names of WebSocket messages, as far as promises about time need them; never what else a message holds."""

import hashlib
import json
import re
import secrets
from typing import Any

from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.recording import Sight
from greenproof.model.facts import MessageSeen
from greenproof.model.performance import Watch

MOST_OF_EXCHANGE = 2_000
"""Messages of one exchange that are kept."""
MOST_OF_RUN = 200_000
LARGEST_READ = 256 << 10
"""Bytes of a message that is looked at for its name."""
_LONGEST_LINK = 1_000
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]+")


class Watching:
    """What one run keeps of messages."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._kept = 0
        # The key dies with the process: what a digest was made of can't be tried out later.
        self._key = secrets.token_bytes(16)
        values = [value for _, value in watch.names]
        needles = [value for value in values if _PLAIN.fullmatch(value)]
        self._needles = [value.encode() for value in needles] if len(needles) == len(values) else None
        """What a message must hold to be worth reading; None: there is no telling."""

    def concerns(self, wire: Wire) -> bool:
        """Whether messages of such a conversation are of any use."""
        return any(route.matches(wire.target, wire.method, wire.path) for route in self._watch.routes)

    def see(self, part: Sight, ns: int, from_client: bool, content: bytes, is_text: bool) -> None:
        """A message passes."""
        watch = self._watch
        read: dict[str, Any] = {}
        if is_text and watch.names and self._is_worth_reading(content):
            if len(content) > LARGEST_READ:
                part.not_kept += 1
                return
            read = _read(content)
        names = tuple(name for name in watch.names if read.get(name[0]) == name[1])
        if not names and not (watch.every_client if from_client else watch.every_server):
            return
        if self._kept >= MOST_OF_RUN or len(part.messages) >= MOST_OF_EXCHANGE:
            part.not_kept += 1
            return
        self._kept += 1
        links = tuple((link, self._digest(read[link])) for link in watch.links if _links(read.get(link)))
        part.messages.append(MessageSeen(ns, from_client, names, links))

    def _is_worth_reading(self, content: bytes) -> bool:
        # A backslash may spell any name otherwise.
        return self._needles is None or b"\\" in content or any(needle in content for needle in self._needles)

    def _digest(self, value: str | int) -> str:
        text = f"{type(value).__name__}:{value}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=8).hexdigest()


def _read(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _links(value: object) -> bool:
    """A short text or a number."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_LINK
    return isinstance(value, int) and not isinstance(value, bool)
