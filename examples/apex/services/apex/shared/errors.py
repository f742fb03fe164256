"""One shape for every error: `{"error": {"code", "message", "trace_id"}}`."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from apex.shared.tracing import trace_id

log = logging.getLogger("apex.errors")


class ApiError(Exception):
    """An answer that is not the wanted one: status, stable code, text for people."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def envelope(self) -> dict[str, Any]:
        return envelope(self.code, self.message)


def envelope(code: str, message: str) -> dict[str, Any]:
    """The body of an error answer."""
    return {"error": {"code": code, "message": message, "trace_id": trace_id()}}


def not_found(what: str) -> ApiError:
    """404: it is not there, or it belongs to somebody else; the answer doesn't tell which."""
    return ApiError(404, f"{what}_not_found", f"there is no such {what}")


def answer_in_envelopes(app: FastAPI) -> None:
    """Make every error of this application answer in the one shape."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _crash)


async def _api_error(request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, ApiError)
    return JSONResponse(failure.envelope(), failure.status, failure.headers)


async def _invalid(request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, RequestValidationError)
    places = [".".join(str(part) for part in error["loc"]) for error in failure.errors()]
    return JSONResponse(envelope("invalid_request", "not valid: " + ", ".join(places)), 422)


async def _http_error(request: Request, failure: Exception) -> JSONResponse:
    assert isinstance(failure, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(failure.status_code, "http_error")
    return JSONResponse(envelope(code, str(failure.detail)), failure.status_code)


async def _crash(request: Request, failure: Exception) -> JSONResponse:
    log.error("unhandled failure", exc_info=failure)
    return JSONResponse(envelope("internal_error", "the service failed"), 500)
