"""`/usage`: the caller's usage and cost events, which the analytics service keeps."""

from typing import Any

from fastapi import APIRouter
from greenproof_receipts import depth

from apex.backend.callers import Registered, SignedIn
from apex.shared.usage import UsageEvents

router = APIRouter(prefix="/usage")


@router.post("", status_code=201)
async def store(body: UsageEvents, caller: SignedIn, services: Registered) -> dict[str, Any]:
    stored = await services.analytics.store(caller.user_id, body.events)
    depth("core")
    return {"stored": stored}


@router.get("")
async def totals(caller: SignedIn, services: Registered) -> dict[str, Any]:
    found = await services.analytics.totals(caller.user_id)
    depth("core")
    return {"totals": found}
