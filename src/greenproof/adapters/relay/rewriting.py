"""Addresses inside headers: whatever would lead a client away from the relay, or show the relay to the service."""

from collections.abc import Mapping

from mitmproxy import http

from greenproof.adapters.relay.targets import Origin

_TOWARDS = ("location", "content-location", "access-control-allow-origin")
REWRITTEN = frozenset({*(name.encode() for name in _TOWARDS), b"set-cookie", b"alt-svc"})
"""Headers of an answer that may lead away."""
NAMING = frozenset({b"origin", b"referer"})
"""Headers of a request that may name the relay's address."""


def names_of(headers: http.Headers) -> frozenset[bytes]:
    """All names, in lower case. A look-up in mitmproxy's headers costs more than this, and most find nothing."""
    return frozenset([name.lower() for name, _ in headers.fields])


def to_relay(headers: http.Headers, addresses: Mapping[Origin, str]) -> None:
    """Rewrite the head of an answer: addresses of targets become those of the listeners of this slot."""
    if names_of(headers).isdisjoint(REWRITTEN):
        return
    for name in _TOWARDS:
        if name in headers:
            headers[name] = _replace(headers[name], addresses)
    if "set-cookie" in headers:
        headers.set_all("set-cookie", [_hostless(c) for c in headers.get_all("set-cookie")])
    # It names another port or protocol of the service, past the relay.
    headers.pop("alt-svc", None)


def to_service(headers: http.Headers, address: str, origin: Origin) -> None:
    """Rewrite the head of a request: the relay's own address becomes the target's."""
    for name in ("origin", "referer"):
        value = headers.get(name)
        if value and (value == address or value.startswith(f"{address}/")):
            headers[name] = f"{origin}{value[len(address) :]}"


def _replace(value: str, addresses: Mapping[Origin, str]) -> str:
    for origin, address in addresses.items():
        full = f"{origin.scheme}://{origin.host}:{origin.port}"
        for prefix in (full, str(origin)):
            rest = value[len(prefix) :]
            if value.lower().startswith(prefix.lower()) and rest[:1] in ("", "/", "?", "#"):
                return address + rest
        bare = f"//{origin.authority}"
        rest = value[len(bare) :]
        if value.lower().startswith(bare.lower()) and rest[:1] in ("", "/", "?", "#"):
            return f"//{address.partition('://')[2]}{rest}"
    return value


def _hostless(cookie: str) -> str:
    """The cookie without its domain: it then belongs to the host that the client really talked to."""
    parts = cookie.split(";")
    return ";".join(p for p in parts if p.strip().partition("=")[0].strip().lower() != "domain")
