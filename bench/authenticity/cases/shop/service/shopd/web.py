"""What all handlers need: errors, bodies, who is asking."""

import hashlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .store import STORE, Tenant


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def refused_answer(_request: Request, exc: Exception) -> Response:
    """The answer that tells of a refusal."""
    assert isinstance(exc, Refused)
    return JSONResponse({"error": {"code": exc.code, "message": exc.message}}, exc.status)


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object in the request's body."""
    try:
        found = json.loads(await request.body() or b"{}")
    except ValueError:
        raise Refused(400, "bad_json", "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "bad_json", "the body is not an object")
    return found


def tenant_of(request: Request) -> Tenant:
    """The tenant of the bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    session = STORE.sessions.get(token) if scheme.lower() == "bearer" else None
    if session is None:
        raise Refused(401, "unauthorized", "a valid bearer token is needed")
    request.state.session = session
    return STORE.tenants[session["tenant"]]


def need_role(request: Request, role: str) -> None:
    """Refuse those without the role."""
    if role not in request.state.session["roles"]:
        raise Refused(403, "forbidden", f"the role {role} is needed")


def etag_of(value: Any) -> str:
    """A strong validator for a JSON value."""
    return '"' + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20] + '"'


def number(text: str | None, default: int, low: int, high: int) -> int:
    """A bounded number from a query."""
    try:
        value = int(text) if text is not None else default
    except ValueError:
        raise Refused(422, "invalid", "not a number") from None
    if not low <= value <= high:
        raise Refused(422, "invalid", f"must lie between {low} and {high}")
    return value


def find(where: dict[str, Any], key: str, what: str) -> Any:
    """The entry, or 404."""
    if key not in where:
        raise Refused(404, "not_found", f"no such {what}")
    return where[key]
