"""The backend service: threads, messages, agents, runs, usage."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse, StreamingResponse
from greenproof_receipts import depth
from pydantic import BaseModel, Field

from apex.backend.agents import CATALOGUE, SUPERVISOR, find_agent
from apex.backend.conversation import add_websocket
from apex.backend.registration import Gate, Registry, Services, register_services, registered
from apex.backend.runs import Event
from apex.backend.usage import UsageEvent
from apex.shared.errors import answer_in_envelopes
from apex.shared.health import Ping, health_routes
from apex.shared.settings import StoreSettings
from apex.shared.stores import answer_while_stores_are_away, open_stores
from apex.shared.tokens import Caller, bearer, identify

Title = Annotated[str, Field(min_length=1, max_length=200)]


class ThreadBody(BaseModel):
    """The body of `POST /threads` and `PATCH /threads/{id}`."""

    title: Title


class MessageBody(BaseModel):
    """The body of `POST /threads/{id}/messages`; without `wait` the answer comes as events."""

    content: Annotated[str, Field(min_length=1, max_length=8000)]
    agent: str = SUPERVISOR
    wait: bool = True


class UsageBody(BaseModel):
    """The body of `POST /usage`."""

    events: Annotated[list[UsageEvent], Field(min_length=1, max_length=1000)]


async def _services(request: Request) -> Services:
    return registered(request)


Registered = Annotated[Services, Depends(_services)]


async def _caller(
    request: Request, services: Registered, authorization: Annotated[str, Header()] = ""
) -> Caller:
    state = request.app.state
    return await identify(state.settings.jwt_secret, state.stores.cache, bearer(authorization))


SignedIn = Annotated[Caller, Depends(_caller)]


def create_app(settings: StoreSettings) -> FastAPI:
    """The application; it opens its stores and registers its services when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_stores(settings) as stores:
            app.state.stores = stores
            await register_services(app, stores)
            yield

    app = FastAPI(title="Apex backend", lifespan=lifespan)
    app.state.settings = settings
    app.state.registry = Registry()
    app.add_middleware(Gate, registry=app.state.registry)
    answer_in_envelopes(app)
    answer_while_stores_are_away(app)
    app.include_router(health_routes("backend", lambda: _pings(app)))
    for router in (_thread_routes(), _message_routes(), _agent_routes(), _usage_routes()):
        app.include_router(router)
    add_websocket(app)
    return app


def _pings(app: FastAPI) -> dict[str, Ping]:
    return {
        "postgres": app.state.stores.ping_database,
        "redis": app.state.stores.ping_cache,
        "services": app.state.registry.ping,
    }


def _thread_routes() -> APIRouter:
    router = APIRouter()

    @router.post("/threads", status_code=201)
    async def create(body: ThreadBody, caller: SignedIn, services: Registered) -> dict[str, Any]:
        thread = await services.threads.create(caller.user_id, body.title)
        depth("core")
        return thread

    @router.get("/threads")
    async def index(caller: SignedIn, services: Registered) -> dict[str, Any]:
        threads = await services.threads.owned_by(caller.user_id)
        depth("core")
        return {"threads": threads}

    @router.get("/threads/{id}")
    async def show(id: uuid.UUID, caller: SignedIn, services: Registered) -> dict[str, Any]:
        thread = await services.threads.find(caller.user_id, id)
        depth("core")
        return thread

    @router.patch("/threads/{id}")
    async def rename(
        id: uuid.UUID, body: ThreadBody, caller: SignedIn, services: Registered
    ) -> dict[str, Any]:
        thread = await services.threads.rename(caller.user_id, id, body.title)
        depth("core")
        return thread

    @router.delete("/threads/{id}", status_code=204)
    async def delete(id: uuid.UUID, caller: SignedIn, services: Registered) -> None:
        await services.threads.delete(caller.user_id, id)
        depth("core")

    return router


def _message_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/threads/{id}/messages")
    async def index(id: uuid.UUID, caller: SignedIn, services: Registered) -> dict[str, Any]:
        messages = await services.threads.messages(caller.user_id, id)
        depth("core")
        return {"messages": messages}

    @router.post("/threads/{id}/messages")
    async def send(
        id: uuid.UUID, body: MessageBody, caller: SignedIn, services: Registered
    ) -> JSONResponse:
        message, question = await services.chat.ask(caller, id, body.content, body.agent)
        depth("core")
        run_id = str(question.run_id)
        if not body.wait:
            services.chat.answer_later(question)
            return JSONResponse({"message": message, "run_id": run_id}, 202)
        events: list[Event] = []

        async def keep(event: Event) -> None:
            events.append(event)

        answer = await services.chat.answer(question, keep)
        return JSONResponse(
            {"message": message, "run_id": run_id, "answer": answer, "events": events},
            201 if answer is not None else 500,
        )

    @router.get("/runs/{id}")
    async def run(id: uuid.UUID, caller: SignedIn, services: Registered) -> dict[str, Any]:
        found = await services.runs.find(caller.user_id, id)
        depth("core")
        return found

    @router.get("/runs/{id}/events")
    async def events(id: uuid.UUID, caller: SignedIn, services: Registered) -> StreamingResponse:
        await services.runs.find(caller.user_id, id)
        depth("core")
        return StreamingResponse(_server_sent(services, id), media_type="text/event-stream")

    return router


async def _server_sent(services: Services, run_id: uuid.UUID) -> AsyncIterator[str]:
    async for event in services.runs.follow(run_id):
        yield f"id: {event['sequence']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _agent_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/agents")
    async def index(caller: SignedIn) -> dict[str, Any]:
        depth("core")
        return {"agents": [agent.as_json() for agent in CATALOGUE]}

    @router.get("/agents/{name}")
    async def show(name: str, caller: SignedIn) -> dict[str, Any]:
        agent = find_agent(name)
        depth("core")
        return dict(agent.as_json())

    return router


def _usage_routes() -> APIRouter:
    router = APIRouter()

    @router.post("/usage", status_code=201)
    async def store(body: UsageBody, caller: SignedIn, services: Registered) -> dict[str, Any]:
        stored = await services.usage.store(caller.user_id, body.events)
        depth("core")
        return {"stored": stored}

    @router.get("/usage")
    async def totals(caller: SignedIn, services: Registered) -> dict[str, Any]:
        found = await services.usage.totals(caller.user_id)
        depth("core")
        return {"totals": found}

    return router
