"""The identity provider: accounts of its own, a consent form, codes, tokens, who somebody is."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Form, Header, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from greenproof_receipts import depth
from pydantic import BaseModel, Field

from apex.identity.people import TOKEN_SECONDS, Consent, People
from apex.shared.errors import ApiError, answer_in_envelopes
from apex.shared.health import health_routes
from apex.shared.redirects import registered, with_query
from apex.shared.settings import required
from apex.shared.stores import answer_while_stores_are_away, open_cache
from apex.shared.tokens import bearer, unauthorized

pages = Jinja2Templates(Path(__file__).parent)

Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class Settings:
    """The store, and the one client that is registered here."""

    redis_url: str
    client_id: str
    client_secret: str
    redirects: tuple[str, ...]

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(
            redis_url=required("REDIS_URL"),
            client_id=required("OAUTH_CLIENT_ID"),
            client_secret=required("OAUTH_CLIENT_SECRET"),
            redirects=tuple(required("OAUTH_REDIRECTS").split()),
        )


class NewPerson(BaseModel):
    """The body of `POST /people`."""

    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    password: Annotated[str, Field(min_length=10, max_length=200)]


class AuthorizationRequest(BaseModel):
    """What a client asks for (RFC 6749, 4.1.1, with PKCE: RFC 7636, 4.3)."""

    response_type: Literal["code"]
    client_id: str
    redirect_uri: str
    state: Annotated[str, Field(min_length=16, max_length=200)]
    code_challenge: Annotated[str, Field(min_length=43, max_length=128)]
    code_challenge_method: Literal["S256"]


class Decision(AuthorizationRequest):
    """The consent form, filled in."""

    decision: Literal["allow", "deny"]
    email: str = ""
    password: str = ""


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens its store when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_cache(settings.redis_url) as cache:
            app.state.cache = cache
            app.state.people = People(cache)
            yield

    app = FastAPI(title="Apex identity provider", lifespan=lifespan)
    app.state.settings = settings
    answer_in_envelopes(app)
    answer_while_stores_are_away(app)
    app.include_router(health_routes("identity", lambda: {"redis": app.state.cache.ping}))
    app.include_router(_people_routes())
    app.include_router(_authorization_routes())
    return app


async def _people(request: Request) -> People:
    people: People = request.app.state.people
    return people


Known = Annotated[People, Depends(_people)]


def _people_routes() -> APIRouter:
    router = APIRouter()

    @router.post("/people", status_code=201)
    async def add(body: NewPerson, people: Known) -> dict[str, str]:
        person = await people.add(body.email, body.name, body.password)
        depth("core")
        return {"sub": person.subject}

    @router.get("/userinfo")
    async def userinfo(
        people: Known, authorization: Annotated[str, Header()] = ""
    ) -> dict[str, Any]:
        person = await people.bearer_of(bearer(authorization))
        depth("core")
        return {"sub": person.subject, "email": person.email, "name": person.name}

    return router


def _authorization_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/authorize", response_class=HTMLResponse)
    async def form(request: Request, asked: Annotated[AuthorizationRequest, Query()]) -> Response:
        _check_client(request.app.state.settings, asked)
        depth("core")
        return _form(request, asked)

    @router.post("/authorize")
    async def decide(
        request: Request, decided: Annotated[Decision, Form()], people: Known
    ) -> Response:
        _check_client(request.app.state.settings, decided)
        if decided.decision == "deny":
            depth("core")
            return _back(decided, error="access_denied")
        try:
            person = await people.authenticate(decided.email, decided.password)
        except ApiError as refusal:
            return _form(request, decided, refusal.message, refusal.status)
        code = await people.give_code(
            Consent(person.email, decided.client_id, decided.redirect_uri, decided.code_challenge)
        )
        depth("core")
        return _back(decided, code=code)

    @router.post("/token")
    async def token(
        request: Request,
        people: Known,
        grant_type: Text,
        code: Text,
        redirect_uri: Text,
        client_id: Text,
        client_secret: Text,
        code_verifier: Text,
    ) -> dict[str, Any]:
        settings: Settings = request.app.state.settings
        if grant_type != "authorization_code":
            raise ApiError(400, "unsupported_grant_type", "only authorization_code is offered")
        good = hmac.compare_digest(client_secret.encode(), settings.client_secret.encode())
        if client_id != settings.client_id or not good:
            raise unauthorized("invalid_client", "the client is not known")
        given = await people.redeem(code, client_id, redirect_uri, code_verifier)
        depth("core")
        return {"access_token": given, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}

    return router


def _check_client(settings: Settings, asked: AuthorizationRequest) -> None:
    # Whoever is not registered is told here; the browser is not sent anywhere (RFC 6749, 4.1.2.1).
    if asked.client_id != settings.client_id:
        raise ApiError(400, "unknown_client", "this client is not registered")
    if not registered(asked.redirect_uri, settings.redirects):
        raise ApiError(400, "redirect_not_registered", "this address is not registered")


def _form(
    request: Request, asked: AuthorizationRequest, problem: str = "", status: int = 200
) -> Response:
    fields = {name: getattr(asked, name) for name in AuthorizationRequest.model_fields}
    view = {"client_id": asked.client_id, "request_fields": fields, "problem": problem}
    return pages.TemplateResponse(request, "consent.html", view, status_code=status)


def _back(asked: AuthorizationRequest, **values: str) -> RedirectResponse:
    return RedirectResponse(with_query(asked.redirect_uri, state=asked.state, **values), 303)
