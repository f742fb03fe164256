"""The services behind the routes: made once at start-up, and asked for by every handler."""

import logging
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from apex.backend.analytics import Analytics
from apex.backend.chat import Chat
from apex.backend.limits import Limits
from apex.backend.local_model import LocalModel
from apex.backend.mcp import McpClient
from apex.backend.mcp_servers import McpServers
from apex.backend.openai_model import OpenAIModel
from apex.backend.pipeline import Pipeline
from apex.backend.recovery import Recovery
from apex.backend.runs import Runs
from apex.backend.settings import Settings
from apex.backend.threads import Threads
from apex.backend.tools import Tools
from apex.shared.errors import ApiError
from apex.shared.stores import Stores

log = logging.getLogger("apex.registration")

LONGEST_READ = 30.0
_STARTING = ApiError(503, "service_unavailable", "the service is starting")


@dataclass(frozen=True)
class Services:
    """What the handlers work with."""

    threads: Threads
    runs: Runs
    analytics: Analytics
    servers: McpServers
    limits: Limits
    chat: Chat
    recovery: Recovery
    client: httpx.AsyncClient

    async def close(self) -> None:
        """End what is under way, then let go of everything."""
        await self.chat.close()
        await self.recovery.stop()
        await self.client.aclose()


@dataclass
class Registry:
    """Empty until start-up has registered the services."""

    services: Services | None = field(default=None)

    async def ping(self) -> None:
        """For readiness: fails while nothing is registered."""
        if self.services is None:
            raise RuntimeError("no services are registered")

    async def close(self) -> None:
        """At the end of the process."""
        if self.services is not None:
            await self.services.close()


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
    settings: Settings = app.state.settings
    client = httpx.AsyncClient(timeout=httpx.Timeout(5, read=LONGEST_READ))
    threads, runs = Threads(stores.database), Runs(stores.database, stores.cache)
    analytics = Analytics(settings.analytics_url, settings.analytics_key, client)
    servers = McpServers(stores.database, McpClient(client), settings.mcp_hosts)
    model = OpenAIModel(settings.model, client) if settings.model else LocalModel()
    tools = Tools(stores.database, analytics, servers)
    limits = Limits(stores.cache)
    app.state.registry.services = Services(
        threads=threads,
        runs=runs,
        analytics=analytics,
        servers=servers,
        limits=limits,
        chat=Chat(threads, Pipeline(model, tools, threads, runs, analytics), limits),
        recovery=Recovery(stores.database, stores.cache, runs, settings.heartbeat_seconds),
        client=client,
    )
    app.state.registry.services.recovery.start()
    log.info("services are registered")


def registered(connection: HTTPConnection) -> Services:
    """The services, for a handler; 503 before they are registered."""
    services: Services | None = connection.app.state.registry.services
    if services is None:
        raise _STARTING
    return services
