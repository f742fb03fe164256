"""The pages of threads: all of them, and one with its messages and its latest run."""

import asyncio
import uuid
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from greenproof_receipts import depth

from apex.frontend.platform import Platform
from apex.frontend.visitors import Access, Field, Services, pages, to

router = APIRouter(prefix="/threads")


@router.get("", response_class=HTMLResponse)
async def index(request: Request, services: Services, access: Access = "") -> Response:
    me = await services.auth("GET", "/me", access)
    listed = await services.backend("GET", "/threads", access)
    depth("core")
    return pages.TemplateResponse(request, "threads.html", {"user": me["user"], **listed})


@router.post("")
async def create(services: Services, title: Field, access: Access = "") -> Response:
    thread = await services.backend("POST", "/threads", access, {"title": title})
    depth("core")
    return to(f"/threads/{thread['id']}")


@router.get("/{id}", response_class=HTMLResponse)
async def show(
    request: Request, services: Services, id: uuid.UUID, access: Access = ""
) -> Response:
    view = await _view(services, id, access)
    depth("core")
    return pages.TemplateResponse(request, "thread.html", view)


@router.post("/{id}/messages")
async def send(services: Services, id: uuid.UUID, content: Field, access: Access = "") -> Response:
    """Ask without a script: the page that comes next has the answer."""
    await services.backend("POST", f"/threads/{id}/messages", access, {"content": content})
    depth("core")
    return to(f"/threads/{id}")


async def _view(services: Platform, thread_id: uuid.UUID, access: str) -> dict[str, Any]:
    path = f"/threads/{thread_id}"
    thread, said, ran = await asyncio.gather(
        services.backend("GET", path, access),
        services.backend("GET", f"{path}/messages", access),
        services.backend("GET", f"{path}/runs", access),
    )
    latest = ran["runs"][-1] if ran["runs"] else None
    run = await services.backend("GET", f"/runs/{latest['id']}", access) if latest else None
    return {"thread": thread, "messages": said["messages"], "run": run}
