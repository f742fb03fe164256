"""Log in with a password or with the company's account, and log out."""

from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from greenproof_receipts import depth

from apex.frontend.visitors import COOKIE, Access, Field, Services, forget, pages, to
from apex.shared.errors import ApiError
from apex.shared.redirects import with_query

BEGUN = "apex_sign_in"
"""Set where a log-in at the provider begins: it must end in the same browser."""
BEGUN_SECONDS = 600

router = APIRouter()


@router.get("/", response_class=HTMLResponse)
async def home(request: Request, access: Access = "") -> Response:
    depth("core")
    return to("/threads") if access else pages.TemplateResponse(request, "login.html")


@router.post("/login")
async def login(request: Request, services: Services, email: Field, password: Field) -> Response:
    grant = await services.auth("POST", "/login", body={"email": email, "password": password})
    depth("core")
    return _welcome(request, grant)


@router.get("/sign-in")
async def sign_in(request: Request) -> Response:
    """Go to the company's log-in, by way of auth."""
    addresses = request.app.state.addresses
    back = f"{addresses.frontend}/signed-in"
    depth("core")
    answer = RedirectResponse(with_query(f"{addresses.auth}/oauth/start", return_to=back), 303)
    answer.set_cookie(
        BEGUN,
        "yes",
        BEGUN_SECONDS,
        path="/signed-in",
        httponly=True,
        samesite="lax",
        secure=_secure(request),
    )
    return answer


@router.get("/signed-in")
async def signed_in(
    request: Request,
    services: Services,
    ticket: str = "",
    error: str = "",
    begun: Annotated[str, Cookie(alias=BEGUN)] = "",
) -> Response:
    """Come back from there with a ticket. Else nobody's link may log a visitor in as somebody."""
    if begun != "yes":
        raise ApiError(400, "sign_in_unknown", "this log-in did not begin here, or too long ago")
    if error or not ticket:
        raise ApiError(403, "sign_in_refused", "the company's log-in did not let you in")
    grant = await services.auth("POST", "/oauth/redeem", body={"ticket": ticket})
    depth("core")
    answer = _welcome(request, grant)
    answer.delete_cookie(BEGUN, path="/signed-in")
    return answer


@router.post("/logout")
async def logout(services: Services, access: Access = "") -> Response:
    await services.auth("POST", "/logout", access)
    depth("core")
    return forget(to("/"))


def _welcome(request: Request, grant: dict[str, Any]) -> Response:
    answer = to("/threads")
    answer.set_cookie(
        COOKIE, grant["access_token"], httponly=True, samesite="lax", secure=_secure(request)
    )
    return answer


def _secure(request: Request) -> bool:
    return bool(request.app.state.addresses.frontend.startswith("https://"))
