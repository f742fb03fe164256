"""`/threads`: make, list, read, rename, delete."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter
from greenproof_receipts import depth
from pydantic import BaseModel, Field

from apex.backend.callers import Registered, SignedIn

router = APIRouter(prefix="/threads")


class ThreadBody(BaseModel):
    """The body of `POST /threads` and `PATCH /threads/{id}`."""

    title: Annotated[str, Field(min_length=1, max_length=200)]


@router.post("", status_code=201)
async def create(body: ThreadBody, caller: SignedIn, services: Registered) -> dict[str, Any]:
    thread = await services.threads.create(caller.user_id, body.title)
    depth("core")
    return thread


@router.get("")
async def index(caller: SignedIn, services: Registered) -> dict[str, Any]:
    threads = await services.threads.owned_by(caller.user_id)
    depth("core")
    return {"threads": threads}


@router.get("/{id}")
async def show(id: uuid.UUID, caller: SignedIn, services: Registered) -> dict[str, Any]:
    thread = await services.threads.find(caller.user_id, id)
    depth("core")
    return thread


@router.patch("/{id}")
async def rename(
    id: uuid.UUID, body: ThreadBody, caller: SignedIn, services: Registered
) -> dict[str, Any]:
    thread = await services.threads.rename(caller.user_id, id, body.title)
    depth("core")
    return thread


@router.delete("/{id}", status_code=204)
async def delete(id: uuid.UUID, caller: SignedIn, services: Registered) -> None:
    await services.threads.delete(caller.user_id, id)
    depth("core")


@router.get("/{id}/runs")
async def runs(id: uuid.UUID, caller: SignedIn, services: Registered) -> dict[str, Any]:
    await services.threads.find(caller.user_id, id)
    found = await services.runs.of_thread(id)
    depth("core")
    return {"runs": found}
