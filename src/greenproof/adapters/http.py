"""The one seam for HTTP: everything of ours that asks a service something goes through here."""

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from greenproof.adapters.unanswered import Trouble, slow, trouble_of

_BODY_LIMIT = 256 * 1024
_SLACK_S = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, its body cut at 256 KiB."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    latency_ms: float


class NoAnswerError(Exception):
    """Nothing that could be called an HTTP answer came; `trouble` says what happened instead."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.detail)
        self.trouble = trouble


def get(url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None, ca: str | None = None) -> Answer:
    """One GET within `timeout` seconds, redirects not followed, proxies of the environment not used.

    Raises NoAnswerError. The time-outs of the client are for each read, and those of a name server its own: so it works
    in a thread that is left to itself when the time is over.
    """
    box: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            box.put(_get(url, timeout, headers or {}, ca))
        except Exception as error:  # noqa: BLE001 - handed over to whoever waits
            box.put(error)

    threading.Thread(target=ask, name="http", daemon=True).start()
    try:
        found = box.get(timeout=timeout + _SLACK_S)
    except queue.Empty:
        raise NoAnswerError(slow(timeout)) from None
    if isinstance(found, Exception):
        raise found
    return found


def _get(url: str, timeout: float, headers: Mapping[str, str], ca: str | None) -> Answer:
    # Imported late: the client costs more than the whole command line.
    import ssl

    import httpx2

    started = time.monotonic()
    deadline = started + timeout
    try:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
        with (
            httpx2.Client(timeout=timeout, trust_env=False, verify=verify) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity", **headers}) as response,
        ):
            body = b""
            # As it was sent: what is unpacked here could be a thousand times larger.
            for chunk in response.iter_raw():
                body += chunk[: _BODY_LIMIT - len(body)]
                if len(body) >= _BODY_LIMIT or time.monotonic() > deadline:
                    break
            names = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, names, _unpacked(body, names), (time.monotonic() - started) * 1000)
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
        raise NoAnswerError(trouble_of(error, url, timeout)) from error


def _unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body without gzip or deflate, as far as it goes, never more than the limit."""
    import zlib

    if headers.get("content-encoding", "").strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(wbits=47).decompress(body, _BODY_LIMIT)
    except zlib.error:
        return body
