"""The one seam for HTTP: everything of ours that asks a service something goes through here."""

from collections.abc import Mapping
from dataclasses import dataclass

_BODY_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, its body cut at 256 KiB."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    latency_ms: float


class NoAnswerError(Exception):
    """Nothing that could be called an HTTP answer came; the text says what happened instead."""


def get(url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None, ca: str | None = None) -> Answer:
    """One GET within `timeout` seconds, redirects not followed, proxies of the environment not used."""
    # Imported late: the client costs more than the whole command line.
    import ssl
    import time

    import httpx2

    verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
    started = time.monotonic()
    deadline = started + timeout
    try:
        with (
            httpx2.Client(timeout=timeout, trust_env=False, verify=verify) as client,
            client.stream("GET", url, headers=dict(headers or {})) as response,
        ):
            body = b""
            for chunk in response.iter_bytes():
                body += chunk[: _BODY_LIMIT - len(body)]
                # A time-out of the client is per read: an endless trickle needs one over all.
                if len(body) >= _BODY_LIMIT or time.monotonic() > deadline:
                    break
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, names, body, (time.monotonic() - started) * 1000)
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
        raise NoAnswerError(f"{type(error).__name__}: {error}"[:500]) from error
