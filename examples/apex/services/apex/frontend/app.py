"""The frontend: log in, open a thread, send a message, see the run live and its answer.

All of it works without a script. With one, the events of a run come as they happen.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from apex.frontend import live, sessions, threads
from apex.frontend.platform import Addresses, Platform
from apex.frontend.safety import Safety
from apex.frontend.visitors import show_errors_as_pages
from apex.shared.errors import answer_in_envelopes
from apex.shared.health import health_routes

STATIC = Path(__file__).parent / "static"


def create_app(addresses: Addresses) -> FastAPI:
    """The application; the other services are called when a page needs them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.platform = Platform(addresses)
        yield
        await app.state.platform.close()

    app = FastAPI(title="Apex frontend", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.addresses = addresses
    app.add_middleware(Safety, origin=addresses.frontend)
    answer_in_envelopes(app)
    show_errors_as_pages(app)
    app.include_router(
        health_routes(
            "frontend",
            lambda: {
                "auth": app.state.platform.ping_auth,
                "backend": app.state.platform.ping_backend,
            },
        )
    )
    app.include_router(sessions.router)
    app.include_router(threads.router)
    app.include_router(live.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
