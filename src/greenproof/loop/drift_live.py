"""What is seen of the live parts of a configuration: ports, identities, certificates, names."""

import asyncio
import ipaddress
import os
from collections.abc import Iterable, Iterator, Sequence

from greenproof.adapters.platforms.base import Platform, PlatformStatus
from greenproof.adapters.probes import dns, tcp, tls
from greenproof.adapters.runners.witnessed import own_bundle
from greenproof.analysis.drift.facing import NAMES, covers
from greenproof.analysis.drift.pairs import CERTIFICATE, COVERS, IDENTITY, LISTENING, NO, RESOLVES, TRUSTED
from greenproof.analysis.drift.values import Address, address_of
from greenproof.model.drift import CertificateSeen, Kind, Origin, Resolved, Setting, Source
from greenproof.model.errors import GreenproofError

_FOREIGN = ("wrong-identity", "foreign-process")
_TIMEOUT = 3.0


def look_at_live(
    platform: Platform, status: PlatformStatus, known: Sequence[Setting], missing: list[str]
) -> Iterator[Setting]:
    """The ports that listen, who answers there, and certificates and names of targets. What could not be seen is told
    in `missing`.
    """
    if status.supervisor is not None and status.current is not None:
        yield from _listening(known)
        yield from _identities(platform, status, missing)
    targets = [one for one in known if one.subject.startswith("target ") and one.name == "url"]
    for target in targets:
        address = address_of(target.value)
        if address is not None and address.secure:
            yield from _certificate(target.subject, address)
    by_host: dict[str, list[str]] = {}
    for target in targets:
        address = address_of(target.value)
        if address is not None and _is_name(address):
            by_host.setdefault(address.host, []).append(target.subject)
    for found in dns.resolve(sorted(by_host), _TIMEOUT):
        yield from (_resolved(subject, found) for subject in by_host[found.host])


def look_at_hosts(subject: str, hosts: Iterable[str]) -> tuple[Setting, ...]:
    """What the names resolve to to which the tests talk. They are only looked up, nothing there is contacted."""
    wanted = [host for host in hosts if _is_name(Address(None, host, None, ""))]
    return tuple(_resolved(subject, found) for found in dns.resolve(wanted, _TIMEOUT))


def _listening(known: Sequence[Setting]) -> Iterator[Setting]:
    """Whether the public address of each service takes connections."""
    places = [
        (one.subject, address)
        for one in known
        if one.name == "url"
        and not one.subject.startswith(("target ", "store "))
        and (address := address_of(one.value))
    ]

    async def ask() -> list[bool]:
        asked = (tcp.read(name, at.host, at.port or 80, _TIMEOUT) for name, at in places)
        return [reading.ok for reading in await asyncio.gather(*asked)]

    for (name, address), ok in zip(places, asyncio.run(ask()), strict=True):
        source = Source(Origin.OBSERVED, f"connection to {address.host}:{address.port}")
        value = str(address.port) if ok else f"{NO} answer at {address.port}"
        yield Setting(name, LISTENING, Kind.PORT, value, source)


def _identities(platform: Platform, status: PlatformStatus, missing: list[str]) -> Iterator[Setting]:
    services = {one.service for one in status.services}
    try:
        readings = platform.ready()
    except GreenproofError as error:
        missing.append(f"who answers: {error.message} [{error.code}]")
        return
    revisions = {one.service: one.name for one in status.current.revisions} if status.current else {}
    for reading in readings:
        if reading.service not in services:
            continue
        foreign = reading.state in _FOREIGN
        if foreign or reading.identity == revisions.get(reading.service):
            source = Source(Origin.OBSERVED, f"readiness of {reading.service}")
            yield Setting(reading.service, IDENTITY, Kind.REVISION, reading.identity or reading.state, source)
        elif not reading.ok:
            missing.append(f"{reading.service}: {reading.state}, {reading.detail[:200]}")


def _certificate(subject: str, address: Address) -> Iterator[Setting]:
    port = address.port or 443
    bundle = own_bundle(os.environ)
    seen = tls.look(address.host, port, ca=str(bundle) if bundle else None, timeout=_TIMEOUT)
    source = Source(Origin.OBSERVED, f"handshake with {address.host}:{port}")

    def setting(name: str, value: str) -> Setting:
        return Setting(subject, name, Kind.CERTIFICATE, value, source)

    if not seen.names:
        yield setting(COVERS, f"{NO} look: {seen.trouble}")
        return
    yield setting(NAMES, ", ".join(seen.names))
    yield setting(f"{CERTIFICATE}issuer", seen.issuer)
    yield setting(f"{CERTIFICATE}not after", seen.not_after)
    yield setting(COVERS, "yes" if covers(frozenset(seen.names), address.host) else f"{NO}: {address.host}")
    yield setting(TRUSTED, _trust(seen))


def _trust(seen: CertificateSeen) -> str:
    if seen.trusted is None:
        return f"{NO} look: {seen.trouble}"
    return "yes" if seen.trusted else f"{NO}: {seen.trouble}"


def _resolved(subject: str, found: Resolved) -> Setting:
    value = ", ".join(found.addresses) if found.addresses else f"{NO} address: {found.trouble}"
    if found.trouble.startswith("look:"):
        value = f"{NO} {found.trouble}"
    return Setting(subject, f"{RESOLVES}{found.host}", Kind.ADDRESSES, value, Source(Origin.OBSERVED, "name server"))


def _is_name(address: Address) -> bool:
    """A name that a name server has to know."""
    if address.local:
        return False
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        return True
    return False
