"""Which certificate a server shows, and whether it is trusted here. Nothing but the handshake is sent."""

import queue
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from greenproof.model.drift import CertificateSeen

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_SLACK_S = 0.5
_MOST_NAMES = 100


def look(host: str, port: int, *, ca: str | None = None, timeout: float = 3.0) -> CertificateSeen:
    """The certificate of a server, within `timeout` seconds. `ca`: a file with the CAs that are trusted, in the place
    of the system's. The names of the certificate are not compared with the host: that is for whoever asks.
    """
    box: queue.SimpleQueue[CertificateSeen] = queue.SimpleQueue()
    threading.Thread(target=lambda: box.put(_look(host, port, ca, timeout)), name="tls", daemon=True).start()
    try:
        return box.get(timeout=timeout + _SLACK_S)
    except queue.Empty:
        return CertificateSeen(host, port, trouble=f"no handshake within {timeout:g} s")


def certificate_of(host: str, port: int, timeout: float) -> "Certificate":
    """The certificate that a server shows, whether it is trusted or not. Raises OSError and ValueError."""
    # Imported late: only what has TLS needs it.
    from cryptography import x509

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return x509.load_der_x509_certificate(_handshake(context, host, port, timeout))


def names_of(certificate: "Certificate") -> tuple[str, ...]:
    """The DNS names and addresses that a certificate is for; without any, its subject."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(name.value) for name in found)
    except (x509.ExtensionNotFound, ValueError):
        names = ()
    return names or (certificate.subject.rfc4514_string(),)


def _handshake(context: ssl.SSLContext, host: str, port: int, timeout: float) -> bytes:
    with (
        socket.create_connection((host, port), timeout=timeout) as connection,
        context.wrap_socket(connection, server_hostname=host) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def _look(host: str, port: int, ca: str | None, timeout: float) -> CertificateSeen:
    try:
        shown = certificate_of(host, port, timeout)
        names = tuple("".join(c if c.isprintable() else "?" for c in name) for name in names_of(shown))
        issuer = shown.issuer.rfc4514_string()[:200]
        not_after = shown.not_valid_after_utc.isoformat()
    except (OSError, ValueError) as error:
        return CertificateSeen(host, port, trouble=_why(error))
    trusted, trouble = _trusted(host, port, ca, timeout)
    return CertificateSeen(host, port, tuple(sorted(names))[:_MOST_NAMES], issuer, not_after, trusted, trouble)


def _trusted(host: str, port: int, ca: str | None, timeout: float) -> tuple[bool | None, str]:
    try:
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False
        _handshake(context, host, port, timeout)
    except ssl.SSLCertVerificationError as error:
        return False, error.verify_message
    except (OSError, ValueError) as error:
        return None, _why(error)
    return True, ""


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no handshake in time"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or 'the handshake broke'}"
    return str(getattr(error, "strerror", None) or error)[:200]
