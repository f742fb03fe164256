"""`/mcp/servers`: the caller's own MCP servers."""

from typing import Annotated, Any

from fastapi import APIRouter
from greenproof_receipts import depth
from pydantic import BaseModel, Field

from apex.backend.callers import Registered, SignedIn
from apex.backend.limits import DISCOVERIES

router = APIRouter(prefix="/mcp/servers")

Url = Annotated[str, Field(min_length=1, max_length=500)]


class NewServer(BaseModel):
    """The body of `POST /mcp/servers`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    url: Url


class Change(BaseModel):
    """The body of `PATCH /mcp/servers/{name}`: what is left out stays as it is."""

    url: Url | None = None
    enabled: bool | None = None


@router.post("", status_code=201)
async def add(body: NewServer, caller: SignedIn, services: Registered) -> dict[str, Any]:
    server = await services.servers.add(caller.user_id, body.name, body.url)
    depth("core")
    return server.as_json()


@router.get("")
async def index(caller: SignedIn, services: Registered) -> dict[str, Any]:
    servers = await services.servers.owned_by(caller.user_id)
    depth("core")
    return {"servers": [server.as_json() for server in servers]}


@router.get("/{name}")
async def show(name: str, caller: SignedIn, services: Registered) -> dict[str, Any]:
    server = await services.servers.find(caller.user_id, name)
    depth("core")
    return server.as_json()


@router.patch("/{name}")
async def change(name: str, body: Change, caller: SignedIn, services: Registered) -> dict[str, Any]:
    server = await services.servers.change(caller.user_id, name, body.url, body.enabled)
    depth("core")
    return server.as_json()


@router.delete("/{name}", status_code=204)
async def delete(name: str, caller: SignedIn, services: Registered) -> None:
    await services.servers.delete(caller.user_id, name)
    depth("core")


@router.post("/{name}/discovery")
async def discover(name: str, caller: SignedIn, services: Registered) -> dict[str, Any]:
    """Ask the server which tools it offers; the agents can use them from now on."""
    await services.limits.take(DISCOVERIES, caller.user_id)
    server = await services.servers.discover(caller.user_id, name)
    depth("core")
    return server.as_json()
