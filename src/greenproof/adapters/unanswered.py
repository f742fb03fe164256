"""Why no answer came from an address, in words that a person can act on."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from greenproof.adapters.probes.tls import certificate_of, names_of

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

UNREACHABLE = frozenset({"unresolved", "refused", "unreachable", "no-connection", "certificate", "not-tls"})
"""States in which nobody who asks there can get an answer, whatever is asked."""
_EXPIRED, _TOO_EARLY, _OTHER_NAME = 10, 9, 62
"""OpenSSL's numbers for what is wrong with a certificate."""
_LOOK_S = 3.0
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was seen in the place of an answer."""

    state: str
    """One of `UNREACHABLE`, else `timeout`, `closed` or `garbage`."""
    detail: str
    hint: str


def trouble_of(error: BaseException, url: str, timeout: float) -> Trouble:
    """What an error of the HTTP client means. For a certificate, the server is asked once more which one it has."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    place = f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, host, parts.port or 443)
        if isinstance(cause, OSError | UnicodeError) and not isinstance(cause, TimeoutError):
            return _of_system(cause, host, place)
    names = [type(cause).__name__ for cause in _causes(error)]
    if "ConnectTimeout" in names:
        text = f"{place} took no connection within {round(timeout, 1):g} s"
        return Trouble("no-connection", text, "look for a firewall, a full queue, or a wrong address")
    if any("Timeout" in name for name in names):
        return slow(timeout)
    if "disconnected without" in str(error):
        return _closed(place)
    text = f"the answer of {place} is not HTTP: {str(error)[:200]}"
    return Trouble("garbage", text, "name the port at which HTTP is spoken")


def _of_system(error: OSError | UnicodeError, host: str, place: str) -> Trouble:
    if isinstance(error, socket.gaierror | UnicodeError):
        return Trouble("unresolved", f"the name {host} does not resolve", "correct the name, or mend the DNS")
    if isinstance(error, ssl.SSLError):
        hint = "use http:// in its address if it has no TLS"
        return Trouble("not-tls", f"{place} does not answer with TLS ({error.reason or 'broken'})", hint)
    if isinstance(error, ConnectionRefusedError):
        return Trouble("refused", f"nothing listens on {place}", "start the service, or correct the address")
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return _closed(place)
    text = f"{place} can't be reached: {error.strerror or error}"
    return Trouble("unreachable", text, "correct the address, or mend the network")


def slow(timeout: float) -> Trouble:
    """Somebody takes connections, but does not answer in time."""
    text = f"no whole answer came within {round(timeout, 1):g} s"
    return Trouble("timeout", text, "look whether the service hangs; a slow one is judged all the same")


def _closed(place: str) -> Trouble:
    text = f"{place} closed the connection without an answer"
    return Trouble("closed", text, "look at the service's log; a service with TLS needs https:// in its address")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _certificate(error: ssl.SSLCertVerificationError, host: str, port: int) -> Trouble:
    certificate = _shown(host, port)
    code = error.verify_code
    if code == _EXPIRED:
        since = f" since {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC" if certificate else ""
        return Trouble("certificate", f"the certificate of {host} has expired{since}", "renew it on the server")
    if code == _TOO_EARLY:
        until = f" before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC" if certificate else ""
        text = f"the certificate of {host} is not valid{until}"
        return Trouble("certificate", text, "look at the clocks, here and where it was made")
    if code == _OTHER_NAME:
        names = _names(certificate) if certificate else "other names"
        text = f"the certificate shown by {host} is for {names}"
        return Trouble("certificate", text, "use one of its names in the address, or give the server its own")
    text = f"the certificate of {host} is not trusted: {error.verify_message}"
    hint = "name the file of its CA in SSL_CERT_FILE, as for the tests themselves"
    return Trouble("certificate", text, hint)


def _shown(host: str, port: int) -> "Certificate | None":
    """The certificate that a server shows; nothing is sent to it that could be read by a stranger."""
    try:
        return certificate_of(host, port, _LOOK_S)
    except (OSError, ValueError):
        return None


def _names(certificate: "Certificate") -> str:
    names = names_of(certificate)
    shown = ", ".join("".join(c if c.isprintable() else "?" for c in name)[:80] for name in names[:_MOST_NAMES])
    return shown + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")
