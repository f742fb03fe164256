"""Where a browser may be sent: only to addresses that were registered."""

from urllib.parse import urlencode, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def registered(address: str, allowed: tuple[str, ...]) -> bool:
    """Whether the address is one of these, letter by letter.

    On loopback any port will do, as RFC 8252 (7.3) asks: a local program can't choose its port.
    """
    return any(address == each or _same_but_port(address, each) for each in allowed)


def with_query(address: str, **values: str) -> str:
    """The address with these values in its query."""
    return f"{address}?{urlencode(values)}"


def _same_but_port(address: str, other: str) -> bool:
    try:
        given, known = urlsplit(address), urlsplit(other)
        given.port  # noqa: B018  raises where the port is none
    except ValueError:
        return False
    port = f":{given.port}" if given.port else ""
    host = f"[{known.hostname}]" if ":" in (known.hostname or "") else known.hostname
    return known.hostname in _LOOPBACK and address == f"{known.scheme}://{host}{port}{known.path}"
