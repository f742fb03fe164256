"""Ask a target which revision it is."""

import json
import time
from dataclasses import dataclass

from greenproof.adapters import http
from greenproof.adapters.unanswered import UNREACHABLE
from greenproof.model.plan import IdentitySource

_PATHS = ("/version", "/health", "/")


@dataclass(frozen=True, slots=True)
class TargetIdentity:
    """What a target said of itself."""

    answered: bool
    revision: str | None
    """None: it names none."""
    detail: str
    state: str = "alive"
    """`alive`, or one of the states of `unanswered.Trouble`."""
    hint: str = ""
    latency_ms: float | None = None

    @property
    def reachable(self) -> bool:
        """Not a place where nobody can get an answer. One that is slow or talks nonsense may still serve."""
        return self.state not in UNREACHABLE


def identify(
    url: str, source: IdentitySource, *, paths: tuple[str, ...] = _PATHS, timeout: float = 5.0, ca: str | None = None
) -> TargetIdentity:
    """Ask at the path of the configuration, else at the usual ones; the first that names a revision wins.

    `timeout`: seconds for all of it.
    """
    answered, detail = False, "no answer"
    latency = None
    deadline = time.monotonic() + timeout
    for path in (source.path,) if source.path else paths:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            answer = http.get(url.rstrip("/") + path, timeout=left, ca=ca)
        except http.NoAnswerError as error:
            if not answered:
                trouble = error.trouble
                return TargetIdentity(False, None, trouble.detail, trouble.state, trouble.hint)
            continue
        answered, detail, latency = True, f"GET {path} answered {answer.status}", round(answer.latency_ms, 3)
        revision = _revision(answer, source)
        if revision:
            return TargetIdentity(True, revision, detail, latency_ms=latency)
    return TargetIdentity(answered, None, detail, latency_ms=latency)


def _revision(answer: http.Answer, source: IdentitySource) -> str | None:
    if source.header and (value := answer.headers.get(source.header.lower())):
        return value[:200]
    if source.path and source.field:
        try:
            value = json.loads(answer.body)
            for part in source.field.split("."):
                value = value[part]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return str(value)[:200] if isinstance(value, str | int) else None
    return None
