"""Ask a target which revision it is."""

import json
from dataclasses import dataclass

from greenproof.adapters import http
from greenproof.model.plan import IdentitySource

_PATHS = ("/version", "/health", "/")


@dataclass(frozen=True, slots=True)
class TargetIdentity:
    """What a target said of itself."""

    answered: bool
    revision: str | None
    """None: it names none."""
    detail: str


def identify(
    url: str, source: IdentitySource, *, paths: tuple[str, ...] = _PATHS, timeout: float = 5.0, ca: str | None = None
) -> TargetIdentity:
    """Ask at the path of the configuration, else at the usual ones; the first that names a revision wins."""
    answered, detail = False, "no answer"
    for path in (source.path,) if source.path else paths:
        try:
            answer = http.get(url.rstrip("/") + path, timeout=timeout, ca=ca)
        except http.NoAnswerError as error:
            detail = detail if answered else str(error)
            if not answered:
                return TargetIdentity(False, None, detail)
            continue
        answered, detail = True, f"GET {path} -> {answer.status}"
        revision = _revision(answer, source)
        if revision:
            return TargetIdentity(True, revision, detail)
    return TargetIdentity(answered, None, detail)


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
