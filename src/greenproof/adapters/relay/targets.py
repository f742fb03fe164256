"""What the relay stands before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from greenproof.model.errors import RelayError
from greenproof.model.plan import DEFAULT_IDENTITY_HEADER

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class RelayTarget:
    """A base URL that tests talk to, and the variables in which they expect its address."""

    name: str
    url: str
    """`http` or `https`; may have a path, which is the business of the templates."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variable -> template; `{address}` is scheme://host:port, `{hostport}` host:port."""
    identity_header: str = DEFAULT_IDENTITY_HEADER
    ca: Path | None = None
    """PEM of a private CA that the target's certificate is verified with."""
    insecure: bool = False
    """The target's certificate is not verified."""
    down: bool = False
    """It could not be reached before the run began: that it still can't is no news, and stops nothing."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: all that the relay needs of a URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Origin":
        """Read the origin of a URL. Raises RelayError for anything but http and https."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise RelayError(
                "the URL of a target cannot be used",
                code="relay-target",
                # The address itself may hold a password.
                where="the address of a target",
                expected="http://host[:port][/path] or https://host[:port][/path]",
            )
        return cls(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme])

    @property
    def authority(self) -> str:
        """`host`, or `host:port` when the port is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def fill(template: str, address: str) -> str:
    """The value of a variable: the template with the relay's address in it."""
    return template.replace("{address}", address).replace("{hostport}", address.partition("://")[2])
