"""The analytics service: usage and cost events of each owner. Only the backend calls it."""

import hmac
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from greenproof_receipts import depth

from apex.analytics.clickhouse import open_clickhouse
from apex.analytics.postgres import open_postgres
from apex.analytics.settings import Settings
from apex.analytics.store import Store
from apex.shared.errors import answer_in_envelopes
from apex.shared.health import health_routes
from apex.shared.stores import answer_while_stores_are_away
from apex.shared.tokens import bearer, unauthorized
from apex.shared.usage import CostQuestion, UsageEvents


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens its store when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _open(settings) as store:
            app.state.store = store
            yield

    app = FastAPI(title="Apex analytics", lifespan=lifespan)
    app.state.settings = settings
    answer_in_envelopes(app)
    answer_while_stores_are_away(app)
    name = "clickhouse" if settings.clickhouse_url else "postgres"
    app.include_router(health_routes("analytics", lambda: {name: app.state.store.ping}))
    app.include_router(_owner_routes())
    return app


def _open(settings: Settings) -> AbstractAsyncContextManager[Store]:
    if settings.clickhouse_url:
        return open_clickhouse(settings.clickhouse_url)
    return open_postgres(settings.database_url)


async def _check_key(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    key: str = request.app.state.settings.key
    if not hmac.compare_digest(bearer(authorization).encode(), key.encode()):
        raise unauthorized("key_invalid", "the key is not the right one")


async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


Events = Annotated[Store, Depends(_store)]


def _owner_routes() -> APIRouter:
    router = APIRouter(prefix="/owners/{owner_id}", dependencies=[Depends(_check_key)])

    @router.post("/events", status_code=201)
    async def add(owner_id: uuid.UUID, body: UsageEvents, store: Events) -> dict[str, int]:
        await store.add(owner_id, body.events)
        depth("core")
        return {"stored": len(body.events)}

    @router.get("/totals")
    async def totals(owner_id: uuid.UUID, store: Events) -> dict[str, Any]:
        found = await store.totals(owner_id)
        depth("core")
        return {"totals": found}

    @router.post("/questions")
    async def ask(owner_id: uuid.UUID, body: CostQuestion, store: Events) -> dict[str, Any]:
        if body.operation == "top":
            found: dict[str, Any] = {"rows": await store.ranking(owner_id, body)}
        else:
            found = (await store.number(owner_id, body)).as_json()
        depth("core")
        return found

    return router
