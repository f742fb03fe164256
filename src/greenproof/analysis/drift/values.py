"""What a value is, by its name and by itself; how it may be shown; and when two values are the same."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from greenproof.model.drift import Kind, Role, Setting, Source
from greenproof.model.plainness import plain, plain_path
from greenproof.model.redaction import MASK, Redactor, redact_text, sensitive

LONGEST = 500
"""Characters of a value; what is longer is cut."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_NUMBER = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*(us|ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?)?\s*\Z")
_INTEGER = re.compile(r"\s*\d{1,9}\s*\Z")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://")
_HOST_PORT = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(?P<port>\d{1,5}))?\Z")
_HOLE = re.compile(r"\{[a-z0-9_.-]{0,80}\}")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNIT_WORDS = {
    "us": "us", "micros": "us", "microseconds": "us", "ms": "ms", "millis": "ms", "milliseconds": "ms", "msec": "ms",
    "s": "s", "sec": "s", "secs": "s", "seconds": "s", "m": "m", "min": "m", "mins": "m", "minutes": "m", "h": "h",
    "hours": "h",
}  # fmt: skip
_TIMES = frozenset({"timeout", "timeouts", "deadline", "patience", "ttl", "expiry", "interval", "delay", "backoff"})
_POOLS = frozenset({"pool", "overflow", "workers", "concurrency"})
_HOSTS = frozenset({"host", "hostname", "domain", "addr", "address", "endpoint"})
_ADDRESSES = _HOSTS | {"url", "uri", "base", "server", "dsn", "origin"}
_PATHS = frozenset({"path", "route", "prefix", "health", "ready", "endpoint"})
_KEYS = frozenset({"key", "keys", "salt"})
# Names of numbers about secrets that are none themselves.
_ABOUT = _TIMES | {"cost", "rounds", "iterations", "length", "size", "days", *_UNIT_WORDS}
_RESERVED = (".example", ".invalid", ".test", "example.com", "example.org", "example.net")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "postgres": 5432, "postgresql": 5432, "redis": 6379}

_MAY_BE_SECRET = frozenset({Kind.SETTING, Kind.HOST, Kind.PATH})

type Digest = Callable[[str], str | None]
"""Names a secret without giving it away; None: there is no key for that."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a URL or `host:port` leads."""

    secure: bool | None
    """None: it says no scheme."""
    host: str
    port: int | None
    path: str

    @property
    def place(self) -> tuple[str, int | None]:
        """Host and port; all names of this machine are one."""
        return ("localhost" if self.host in _LOOPBACK else self.host), self.port

    @property
    def local(self) -> bool:
        """On this machine."""
        return self.host in _LOOPBACK

    @property
    def reserved(self) -> bool:
        """A name that leads nowhere on purpose (RFC 2606, RFC 6761)."""
        return self.host.endswith(_RESERVED)


def words(name: str) -> frozenset[str]:
    """The words of a name, in lower case and without a plural s."""
    return frozenset(_singular(word) for word in _all_words(name))


def _all_words(name: str) -> list[str]:
    return [word.lower() for word in _NOT_WORD.split(_CAMEL.sub("_", name[:400])) if word]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def kind_of(name: str, value: str) -> Kind:
    """What a value is. A name that speaks of a secret counts more than what the value looks like."""
    listed = _all_words(name)
    found, last = set(listed), listed[-1] if listed else ""
    number = _NUMBER.match(value) is not None
    if (sensitive(name) or last in _KEYS) and not (number and last in _ABOUT):
        return Kind.KEY
    if _URL.match(value):
        return Kind.URL
    if "subprotocol" in found or "subprotocols" in found:
        return Kind.SUBPROTOCOL
    if number and (found & _TIMES or {"time", "out"} <= found):
        return Kind.TIMEOUT
    if _INTEGER.match(value):
        return _of_integer(found, int(value))
    if found & _PATHS and value.startswith("/"):
        return Kind.PATH
    if found & _HOSTS and _HOST_PORT.match(value):
        return Kind.HOST
    return Kind.SETTING


def _of_integer(found: set[str], value: int) -> Kind:
    if "port" in found and 0 < value < 65536:
        return Kind.PORT
    if found & _POOLS or ("connections" in found and found & {"max", "min"}):
        return Kind.POOL
    return Kind.SETTING


def names_address(name: str) -> bool:
    """Whether a name says that its value is talked to."""
    return bool(set(_all_words(name)) & _ADDRESSES)


def seconds_of(name: str, value: str) -> float | None:
    """A time-out in seconds, by the unit of the value, else of the name, else taken as seconds."""
    match = _NUMBER.match(value)
    if match is None:
        return None
    last = (_all_words(name) or [""])[-1]
    unit = match[2][0] if match[2] not in {None, "us", "ms"} else match[2] or _UNIT_WORDS.get(last, "s")
    return float(match[1]) * _UNITS[unit]


def address_of(text: str) -> Address | None:
    """Where a URL or `host:port` leads; None if that can't be said."""
    try:
        if not _URL.match(text):
            match = _HOST_PORT.match(text.split("/", maxsplit=1)[0])
            port = int(match["port"]) if match and match["port"] else None
            return Address(None, match["host"].lower(), port, "/" + text.partition("/")[2]) if match else None
        parts = urlsplit(text)
        host = (parts.hostname or "").lower().rstrip(".")
        # Where a part is filled in later, or masked, nobody knows where it leads.
        if not (_HOST_PORT.match(host) or ":" in host) or set("{}()") & set(parts.netloc.rpartition("@")[2]):
            return None
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme.partition("+")[0])
    except ValueError:
        return None
    secure = {"http": False, "ws": False, "https": True, "wss": True}.get(parts.scheme)
    return Address(secure, host, port, parts.path)


def same(kind: Kind, name: str, first: str, second: str) -> bool:
    """Whether two values mean the same."""
    if first == second:
        return True
    if kind is Kind.TIMEOUT:
        one, other = seconds_of(name, first), seconds_of(name, second)
        return one is not None and one == other
    if kind is Kind.URL:
        return _plain_url(first) == _plain_url(second)
    if kind in (Kind.SUBPROTOCOL, Kind.ADDRESSES):
        return listed(first) == listed(second)
    return False


def listed(value: str) -> frozenset[str]:
    """The members of a list that is written as one value."""
    return frozenset(part for part in re.split(r"[,\s]+", value) if part)


def hidden(value: str) -> bool:
    """Whether a value is masked, so that it can't be told from another."""
    return value == MASK


def shown(value: str, redactor: Redactor) -> str:
    """A value that is no key, as it may be shown: without passwords and without control characters, cut."""
    if _URL.match(value):
        value = _without_password(value)
    text = redactor.text(value)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= LONGEST else text[:LONGEST] + " (cut)"


def settings_of(
    subject: str,
    name: str,
    value: str,
    source: Source,
    digest: Digest,
    redactor: Redactor,
    role: Role = Role.USED,
    kind: Kind | None = None,
) -> Iterator[Setting]:
    """A value under its name, as a digest unless it is plain. What a URL hides are keys of their own."""
    kind = kind or kind_of(name, value)
    if kind is Kind.KEY:
        yield Setting(subject, name, kind, key_of(value, digest), source, role)
        return
    if may_be_secret(kind, name, value):
        yield Setting(subject, name, kind, key_of(value, digest), source, role)
        return
    yield Setting(subject, name, kind, shown(value, redactor), source, role)
    for part, hidden_part in _hidden_parts(value) if kind is Kind.URL else ():
        if not _HOLE.fullmatch(hidden_part):
            yield Setting(subject, f"{name} ({part})", Kind.KEY, key_of(hidden_part, digest), source, role)


def may_be_secret(kind: Kind, name: str, value: str) -> bool:
    """Whether a value is only shown as a digest."""
    return kind is Kind.KEY or (kind in _MAY_BE_SECRET and not plain(name.rpartition(".")[2], value))


def key_of(value: str, digest: Digest) -> str:
    """How a key is shown: a digest under the key of the environment, else a mask."""
    found = digest(value)
    return f"digest {found[:16]}" if found else MASK


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _hidden_parts(value: str) -> Iterator[tuple[str, str]]:
    """What is not shown of a URL. A user without a password may be a token; so may the parts of a path."""
    parts = _split(value)
    if parts is None:
        return
    if parts.password or parts.username:
        yield ("password", parts.password) if parts.password else ("user", parts.username or "")
    if not plain_path(_HOLE.sub("x", parts.path)):
        yield "path", parts.path
    if parts.query:
        yield "query", parts.query


def _without_password(value: str) -> str:
    parts = _split(value)
    if parts is None:
        # Broken, as where its port is filled in later: what may hold a secret is not shown.
        return value.partition("://")[0] + "://" + MASK if set("@?") & set(value) else redact_text(value)
    user, at, place = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    user = name if colon else MASK if user else ""
    path = parts.path if plain_path(_HOLE.sub("x", parts.path)) else f"/{MASK}"
    # Parameters are where tokens travel.
    query = MASK if parts.query else ""
    return redact_text(urlunsplit((parts.scheme, (user + at if user else "") + place, path, query, "")))


def _plain_url(value: str) -> object:
    found = address_of(value)
    if found is None:
        return value
    parts = urlsplit(value)
    return parts.scheme, parts.username, found.place, found.path.rstrip("/"), parts.query
