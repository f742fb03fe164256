"""The end-to-end bypass: a key that makes a test user without a password. Off unless configured.

The user is real: a row of the same table, a session of the same kind, tokens with the same checks.
Only the proof of who somebody is, is left out. So a key never belongs on production.
"""

import hmac
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from greenproof_receipts import depth

from apex.shared.errors import ApiError
from apex.shared.tokens import unauthorized


def admits(configured: str, given: str) -> bool:
    """Whether the given key is the configured one; an empty one admits nobody."""
    return bool(configured) and hmac.compare_digest(configured.encode(), given.encode())


def bypass_routes() -> APIRouter:
    """`POST /test-users`."""
    router = APIRouter()

    @router.post("/test-users", status_code=201)
    async def mint(
        request: Request, given: Annotated[str, Header(alias="X-Apex-Bypass")] = ""
    ) -> dict[str, Any]:
        state = request.app.state
        if not state.settings.bypass_key:
            raise ApiError(404, "bypass_off", "there is no bypass here")
        if not admits(state.settings.bypass_key, given):
            raise unauthorized("bypass_refused", "the key is not the right one")
        name = secrets.token_hex(8)
        account = await state.accounts.add_without_password(
            f"{name}@test.apex.example", f"Test {name}"
        )
        grant = await state.sessions.open(account.id, account.email)
        depth("core")
        return {**grant.as_json(), "user": account.as_json()}

    return router
