"""The frontend: log in, open a thread, send a message, see the run and its answer."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from greenproof_receipts import depth

from apex.frontend.platform import Addresses, Platform
from apex.shared.errors import ApiError, answer_in_envelopes
from apex.shared.health import health_routes

COOKIE = "apex_access"
pages = Jinja2Templates(Path(__file__).parent / "pages")

Access = Annotated[str, Cookie(alias=COOKIE)]
Field = Annotated[str, Form()]


def create_app(addresses: Addresses) -> FastAPI:
    """The application; the other services are called when a page needs them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.platform = Platform(addresses)
        yield
        await app.state.platform.close()

    app = FastAPI(title="Apex frontend", lifespan=lifespan)
    answer_in_envelopes(app)
    app.add_exception_handler(ApiError, _error_page)
    app.include_router(
        health_routes(
            "frontend",
            lambda: {
                "auth": app.state.platform.ping_auth,
                "backend": app.state.platform.ping_backend,
            },
        )
    )
    app.include_router(_session_routes())
    app.include_router(_thread_routes())
    return app


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


async def _error_page(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, ApiError)
    if failure.status == 401 and request.url.path != "/login":
        return _to("/")
    return pages.TemplateResponse(
        request, "error.html", {"error": failure}, status_code=failure.status
    )


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def _session_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    async def home(request: Request, access: Access = "") -> Response:
        depth("core")
        return _to("/threads") if access else pages.TemplateResponse(request, "login.html")

    @router.post("/login")
    async def login(request: Request, email: Field, password: Field) -> Response:
        grant = await _platform(request).auth(
            "POST", "/login", body={"email": email, "password": password}
        )
        depth("core")
        answer = _to("/threads")
        answer.set_cookie(COOKIE, grant["access_token"], httponly=True, samesite="lax")
        return answer

    @router.post("/logout")
    async def logout(request: Request, access: Access = "") -> Response:
        await _platform(request).auth("POST", "/logout", access)
        depth("core")
        answer = _to("/")
        answer.delete_cookie(COOKIE)
        return answer

    return router


def _thread_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/threads", response_class=HTMLResponse)
    async def index(request: Request, access: Access = "") -> Response:
        platform = _platform(request)
        me = await platform.auth("GET", "/me", access)
        listed = await platform.backend("GET", "/threads", access)
        depth("core")
        return pages.TemplateResponse(request, "threads.html", {"user": me["user"], **listed})

    @router.post("/threads")
    async def create(request: Request, title: Field, access: Access = "") -> Response:
        thread = await _platform(request).backend("POST", "/threads", access, {"title": title})
        depth("core")
        return _to(f"/threads/{thread['id']}")

    @router.get("/threads/{id}", response_class=HTMLResponse)
    async def show(request: Request, id: uuid.UUID, access: Access = "") -> Response:
        view = await _thread_view(_platform(request), id, access)
        depth("core")
        return pages.TemplateResponse(request, "thread.html", view)

    @router.post("/threads/{id}/messages")
    async def send(
        request: Request, id: uuid.UUID, content: Field, access: Access = ""
    ) -> Response:
        path = f"/threads/{id}/messages"
        await _platform(request).backend("POST", path, access, {"content": content})
        depth("core")
        return _to(f"/threads/{id}")

    return router


async def _thread_view(platform: Platform, thread_id: uuid.UUID, access: str) -> dict[str, Any]:
    path = f"/threads/{thread_id}"
    thread, said = await asyncio.gather(
        platform.backend("GET", path, access),
        platform.backend("GET", f"{path}/messages", access),
    )
    messages = said["messages"]
    run_id = next((each["run_id"] for each in reversed(messages) if each["run_id"]), None)
    run = await platform.backend("GET", f"/runs/{run_id}", access) if run_id else None
    return {"thread": thread, "messages": messages, "run": run}
