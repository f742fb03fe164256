"""The backend service: threads, messages, agents, runs, MCP servers, usage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from apex.backend.conversation import add_websocket
from apex.backend.registration import Gate, Registry, register_services
from apex.backend.routes import agents, mcp, messages, threads, usage
from apex.backend.settings import Settings
from apex.shared.errors import answer_in_envelopes
from apex.shared.health import Ping, health_routes
from apex.shared.stores import answer_while_stores_are_away, open_stores


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens its stores and registers its services when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_stores(settings.stores) as stores:
            app.state.stores = stores
            await register_services(app, stores)
            yield
            await app.state.registry.close()

    app = FastAPI(title="Apex backend", lifespan=lifespan)
    app.state.settings = settings
    app.state.registry = Registry()
    app.add_middleware(Gate, registry=app.state.registry)
    answer_in_envelopes(app)
    answer_while_stores_are_away(app)
    app.include_router(health_routes("backend", lambda: _pings(app)))
    for routes in (threads, messages, agents, mcp, usage):
        app.include_router(routes.router)
    add_websocket(app)
    return app


def _pings(app: FastAPI) -> dict[str, Ping]:
    pings: dict[str, Ping] = {
        "postgres": app.state.stores.ping_database,
        "redis": app.state.stores.ping_cache,
        "services": app.state.registry.ping,
    }
    services = app.state.registry.services
    return {**pings, "analytics": services.analytics.ping} if services else pings
