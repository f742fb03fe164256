"""`/agents`: which agents there are, and what they can do for the caller."""

from typing import Any

from fastapi import APIRouter
from greenproof_receipts import depth

from apex.backend.agents import CATALOGUE, find_agent
from apex.backend.callers import Registered, SignedIn

router = APIRouter(prefix="/agents")


@router.get("")
async def index(caller: SignedIn, services: Registered) -> dict[str, Any]:
    own = await services.servers.tool_names(caller.user_id)
    depth("core")
    return {"agents": [agent.as_json(own) for agent in CATALOGUE]}


@router.get("/{name}")
async def show(name: str, caller: SignedIn, services: Registered) -> dict[str, Any]:
    agent = find_agent(name)
    own = await services.servers.tool_names(caller.user_id)
    depth("core")
    return dict(agent.as_json(own))
