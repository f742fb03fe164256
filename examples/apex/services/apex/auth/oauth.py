"""Log-in through the identity provider: authorization code, state, PKCE, registered redirects.

`GET /oauth/start` sends the browser to the provider, `GET /oauth/callback` takes it back, and sends
it on to where it came from with a ticket, which `POST /oauth/redeem` changes into tokens: these
never stand in an address.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import httpx
import redis.asyncio as redis
from fastapi import APIRouter, Cookie, Request
from fastapi.responses import RedirectResponse
from greenproof_receipts import depth
from pydantic import BaseModel

from apex.auth.settings import Provider
from apex.shared.calling import answer_of
from apex.shared.errors import ApiError
from apex.shared.pkce import challenge_of
from apex.shared.redirects import registered, with_query

COOKIE = "apex_oauth"
ATTEMPT_SECONDS = 600
TICKET_SECONDS = 60


@dataclass(frozen=True)
class Attempt:
    """A log-in that has begun: the proof that we began it, and where it ends."""

    verifier: str
    return_to: str


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as the provider says."""

    subject: str
    email: str
    name: str


class Ticket(BaseModel):
    """The body of `POST /oauth/redeem`."""

    ticket: str


class OAuth:
    """One side of the flow: ours."""

    def __init__(self, provider: Provider, cache: redis.Redis, client: httpx.AsyncClient) -> None:
        self._provider = provider
        self._cache = cache
        self._client = client

    async def ping(self) -> None:
        """For readiness: whether the provider answers."""
        (await self._client.get(f"{self._provider.url}/health")).raise_for_status()

    async def begin(self, return_to: str) -> tuple[str, str]:
        """The provider's address for this attempt, and its state; 400 for an unknown way back."""
        if not registered(return_to, self._provider.returns):
            raise ApiError(400, "redirect_not_registered", "this address is not registered")
        state = secrets.token_urlsafe(32)
        attempt = Attempt(secrets.token_urlsafe(48), return_to)
        await self._keep(_attempt(state), asdict(attempt), ATTEMPT_SECONDS)
        address = with_query(
            f"{self._provider.url}/authorize",
            response_type="code",
            client_id=self._provider.client_id,
            redirect_uri=self._provider.callback,
            state=state,
            code_challenge=challenge_of(attempt.verifier),
            code_challenge_method="S256",
        )
        return address, state

    async def attempt(self, state: str) -> Attempt:
        """The attempt with this state, once; 400 if there is none."""
        stored = await self._cache.getdel(_attempt(state))
        if not stored:
            raise ApiError(400, "state_invalid", "this log-in did not begin here, or too long ago")
        return Attempt(**json.loads(stored))

    async def identity(self, attempt: Attempt, code: str) -> Identity:
        """Change the code into who somebody is; 401 if the provider does not take it."""
        provider, client = self._provider, self._client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": provider.callback,
            "client_id": provider.client_id,
            "client_secret": provider.client_secret,
            "code_verifier": attempt.verifier,
        }
        try:
            token = await answer_of(
                client.build_request("POST", f"{provider.url}/token", data=form), client
            )
        except ApiError as failure:
            if failure.code != "upstream_failed":
                raise
            raise ApiError(401, "code_refused", "the provider did not take the code") from failure
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        found = await answer_of(
            client.build_request("GET", f"{provider.url}/userinfo", headers=headers), client
        )
        return Identity(found["sub"], found["email"], found["name"])

    async def give_ticket(self, grant: dict[str, Any]) -> str:
        """A ticket for these tokens: for a minute, for one use."""
        ticket = secrets.token_urlsafe(32)
        await self._keep(_ticket(ticket), grant, TICKET_SECONDS)
        return ticket

    async def redeem(self, ticket: str) -> dict[str, Any]:
        """The tokens that a ticket stands for, once; 401 if there are none."""
        stored = await self._cache.getdel(_ticket(ticket))
        if not stored:
            raise ApiError(401, "ticket_invalid", "the ticket is not valid")
        grant: dict[str, Any] = json.loads(stored)
        return grant

    async def _keep(self, key: str, value: dict[str, Any], seconds: int) -> None:
        await self._cache.set(key, json.dumps(value), ex=seconds)


def oauth_routes() -> APIRouter:
    """The three steps of the flow; 404 where no provider is configured."""
    router = APIRouter(prefix="/oauth")

    @router.get("/start")
    async def start(request: Request, return_to: str) -> RedirectResponse:
        address, state = await _oauth(request).begin(return_to)
        depth("core")
        answer = RedirectResponse(address, 303)
        # The attempt belongs to this browser: nobody can make another one finish it.
        answer.set_cookie(
            COOKIE, _digest(state), ATTEMPT_SECONDS, path="/oauth", httponly=True, samesite="lax"
        )
        return answer

    @router.get("/callback")
    async def callback(
        request: Request,
        state: str,
        code: str = "",
        error: str = "",
        browser: Annotated[str, Cookie(alias=COOKIE)] = "",
    ) -> RedirectResponse:
        oauth, app = _oauth(request), request.app
        if not hmac.compare_digest(browser.encode(), _digest(state).encode()):
            raise ApiError(400, "state_invalid", "this log-in began in another browser")
        attempt = await oauth.attempt(state)
        if error or not code:
            depth("core")
            return _back(attempt, error=error or "code_missing")
        identity = await oauth.identity(attempt, code)
        account = await app.state.accounts.of_identity(
            identity.subject, identity.email, identity.name
        )
        grant = await app.state.sessions.open(account.id, account.email)
        ticket = await oauth.give_ticket({**grant.as_json(), "user": account.as_json()})
        depth("core")
        return _back(attempt, ticket=ticket)

    @router.post("/redeem")
    async def redeem(body: Ticket, request: Request) -> dict[str, Any]:
        grant = await _oauth(request).redeem(body.ticket)
        depth("core")
        return grant

    return router


def _back(attempt: Attempt, **values: str) -> RedirectResponse:
    answer = RedirectResponse(with_query(attempt.return_to, **values), 303)
    answer.delete_cookie(COOKIE, path="/oauth")
    return answer


def _oauth(request: Request) -> OAuth:
    oauth: OAuth | None = request.app.state.oauth
    if oauth is None:
        raise ApiError(404, "oauth_off", "no identity provider is configured")
    return oauth


def _attempt(state: str) -> str:
    return f"oauth:attempt:{_digest(state)}"


def _ticket(ticket: str) -> str:
    return f"oauth:ticket:{_digest(ticket)}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
