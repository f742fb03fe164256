"""The services behind the routes: made once at start-up, and asked for by every handler."""

import logging
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from apex.backend.chat import Chat
from apex.backend.local_model import LocalModel
from apex.backend.pipeline import Pipeline
from apex.backend.runs import Runs
from apex.backend.threads import Threads
from apex.backend.tools import Tools
from apex.backend.usage import Usage
from apex.shared.errors import ApiError
from apex.shared.stores import Stores

log = logging.getLogger("apex.registration")

_STARTING = ApiError(503, "service_unavailable", "the service is starting")


@dataclass(frozen=True)
class Services:
    """What the handlers work with."""

    threads: Threads
    runs: Runs
    usage: Usage
    chat: Chat


@dataclass
class Registry:
    """Empty until start-up has registered the services."""

    services: Services | None = field(default=None)

    async def ping(self) -> None:
        """For readiness: fails while nothing is registered."""
        if self.services is None:
            raise RuntimeError("no services are registered")


class Gate:
    """ASGI middleware: 503 to all but health and version until the services are registered."""

    OPEN = ("/health", "/health/ready", "/version")

    def __init__(self, app: ASGIApp, registry: Registry) -> None:
        self.app = app
        self.registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        closed = (
            self.registry.services is None
            and scope["type"] == "http"
            and scope["path"] not in self.OPEN
        )
        answer = JSONResponse(_STARTING.envelope(), _STARTING.status) if closed else self.app
        await answer(scope, receive, send)


async def register_services(app: FastAPI, stores: Stores) -> None:
    """The step of start-up after which the routes can work."""
    threads, runs = Threads(stores.database), Runs(stores.database, stores.cache)
    pipeline = Pipeline(LocalModel(), Tools(stores.database), threads, runs)
    app.state.registry.services = Services(
        threads=threads, runs=runs, usage=Usage(stores.database), chat=Chat(threads, pipeline)
    )
    log.info("services are registered")


def registered(connection: HTTPConnection) -> Services:
    """The services, for a handler; 503 before they are registered."""
    services: Services | None = connection.app.state.registry.services
    if services is None:
        raise _STARTING
    return services
