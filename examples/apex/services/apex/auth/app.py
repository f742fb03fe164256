"""The auth service: who you are, and whether you still are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Header, Request
from greenproof_receipts import depth
from pydantic import BaseModel, Field

from apex.auth.accounts import Accounts
from apex.auth.bypass import bypass_routes
from apex.auth.oauth import OAuth, oauth_routes
from apex.auth.sessions import Sessions
from apex.auth.settings import Settings
from apex.shared.errors import answer_in_envelopes
from apex.shared.health import Ping, health_routes
from apex.shared.stores import answer_while_stores_are_away, open_stores
from apex.shared.tokens import Caller, bearer, identify

Email = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Password = Annotated[str, Field(min_length=10, max_length=200)]
DisplayName = Annotated[str, Field(min_length=1, max_length=80)]


class Registration(BaseModel):
    """The body of `POST /register`."""

    email: Email
    password: Password
    display_name: DisplayName


class Credentials(BaseModel):
    """The body of `POST /login`."""

    email: str
    password: str


class Refresh(BaseModel):
    """The body of `POST /refresh`."""

    refresh_token: str


class Profile(BaseModel):
    """The body of `PATCH /me`."""

    display_name: DisplayName


async def _caller(request: Request, authorization: Annotated[str, Header()] = "") -> Caller:
    state = request.app.state
    return await identify(
        state.settings.stores.jwt_secret, state.stores.cache, bearer(authorization)
    )


SignedIn = Annotated[Caller, Depends(_caller)]


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens its stores when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_stores(settings.stores) as stores, httpx.AsyncClient(timeout=5) as client:
            provider = settings.provider
            app.state.stores = stores
            app.state.accounts = Accounts(stores.database)
            app.state.sessions = Sessions(stores.cache, settings.stores.jwt_secret)
            app.state.oauth = OAuth(provider, stores.cache, client) if provider else None
            yield

    app = FastAPI(title="Apex auth", lifespan=lifespan)
    app.state.settings = settings
    answer_in_envelopes(app)
    answer_while_stores_are_away(app)
    # Who has a password can log in while the provider is away.
    app.include_router(health_routes("auth", lambda: _pings(app), frozenset({"identity"})))
    app.include_router(oauth_routes())
    app.include_router(bypass_routes())
    _add_session_routes(app)
    _add_profile_routes(app)
    return app


def _pings(app: FastAPI) -> dict[str, Ping]:
    stores, oauth = app.state.stores, app.state.oauth
    pings = {"postgres": stores.ping_database, "redis": stores.ping_cache}
    return {**pings, "identity": oauth.ping} if oauth else pings


def _add_session_routes(app: FastAPI) -> None:
    @app.post("/register", status_code=201)
    async def register(body: Registration, request: Request) -> dict[str, Any]:
        accounts: Accounts = request.app.state.accounts
        account = await accounts.register(body.email, body.password, body.display_name)
        depth("core")
        return {"user": account.as_json()}

    @app.post("/login")
    async def login(body: Credentials, request: Request) -> dict[str, Any]:
        state = request.app.state
        account = await state.accounts.authenticate(body.email, body.password)
        grant = await state.sessions.open(account.id, account.email)
        depth("core")
        return {**grant.as_json(), "user": account.as_json()}

    @app.post("/refresh")
    async def refresh(body: Refresh, request: Request) -> dict[str, Any]:
        grant = await request.app.state.sessions.refresh(body.refresh_token)
        depth("core")
        return dict(grant.as_json())

    @app.post("/logout", status_code=204)
    async def logout(caller: SignedIn, request: Request) -> None:
        await request.app.state.sessions.revoke(caller.user_id, caller.session_id)
        depth("core")

    @app.get("/sessions")
    async def sessions(caller: SignedIn, request: Request) -> dict[str, Any]:
        found = await request.app.state.sessions.of_user(caller.user_id)
        depth("core")
        return {
            "sessions": [{**each, "current": each["id"] == caller.session_id} for each in found]
        }

    @app.delete("/sessions/{id}", status_code=204)
    async def end(id: str, caller: SignedIn, request: Request) -> None:
        await request.app.state.sessions.revoke(caller.user_id, id)
        depth("core")


def _add_profile_routes(app: FastAPI) -> None:
    @app.get("/me")
    async def me(caller: SignedIn, request: Request) -> dict[str, Any]:
        account = await request.app.state.accounts.find(caller.user_id)
        depth("core")
        return {"user": account.as_json()}

    @app.patch("/me")
    async def rename(body: Profile, caller: SignedIn, request: Request) -> dict[str, Any]:
        account = await request.app.state.accounts.rename(caller.user_id, body.display_name)
        depth("core")
        return {"user": account.as_json()}
