"""What every page starts from: who is visiting, the other services, templates, errors as pages."""

from pathlib import Path
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI, Form
from fastapi.requests import HTTPConnection, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from apex.frontend.platform import Platform
from apex.shared.errors import ApiError

COOKIE = "apex_access"
"""Holds the access token. No script can read it, and none is given the token."""

pages = Jinja2Templates(Path(__file__).parent / "pages")


def _platform(connection: HTTPConnection) -> Platform:
    platform: Platform = connection.app.state.platform
    return platform


Access = Annotated[str, Cookie(alias=COOKIE)]
Field = Annotated[str, Form()]
Services = Annotated[Platform, Depends(_platform)]


def to(path: str) -> RedirectResponse:
    """Go there with GET."""
    return RedirectResponse(path, 303)


def forget(answer: Response) -> Response:
    """Let the browser forget who is visiting."""
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return answer


def show_errors_as_pages(app: FastAPI) -> None:
    """Errors are pages here; whose session has ended is asked to log in."""
    app.add_exception_handler(ApiError, _error_page)


async def _error_page(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, ApiError)
    if failure.status == 401 and COOKIE in request.cookies and request.url.path != "/login":
        # The cookie goes, too: the log-in form is shown to those who have none.
        return forget(to("/"))
    if failure.status == 401 and request.method == "GET":
        return to("/")
    return pages.TemplateResponse(
        request, "error.html", {"error": failure}, status_code=failure.status
    )
