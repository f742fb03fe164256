"""Webhooks out."""

import asyncio
import hashlib
import hmac
import json
import urllib.request
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .store import Tenant, new_id
from .web import Refused, body_of, find, tenant_of

RUNNING: set[asyncio.Task[None]] = set()


def _post(url: str, body: bytes, signature: str, event: str) -> int:
    headers = {"Content-Type": "application/json", "X-Shop-Signature": signature, "X-Shop-Event": event}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    with opener.open(request, timeout=3) as answer:
        return answer.status


async def _deliver(hook: dict[str, Any], event: str, payload: dict[str, Any]) -> None:
    body = json.dumps({"event": event, "data": payload}).encode()
    signature = "sha256=" + hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
    try:
        status = await asyncio.to_thread(_post, hook["url"], body, signature, event)
    except OSError as problem:
        status = 0
        hook["broken"] = str(problem)
    hook["deliveries"].append({"event": event, "status": status, "order_id": payload["order_id"]})


def announce(tenant: Tenant, event: str, payload: dict[str, Any]) -> None:
    """Tell those who asked for it."""
    for hook in tenant.webhooks.values():
        wanted = event in hook["events"] or "*" in hook["events"]
        if hook["active"] and "broken" not in hook and wanted:
            task = asyncio.get_running_loop().create_task(_deliver(hook, event, payload))
            RUNNING.add(task)
            task.add_done_callback(RUNNING.discard)


def _view(hook: dict[str, Any]) -> dict[str, Any]:
    return {"id": hook["id"], "url": hook["url"], "events": hook["events"], "active": hook["active"]}


async def create_webhook(request: Request) -> Response:
    """Somebody wants to be told."""
    tenant, data = tenant_of(request), await body_of(request)
    if not str(data.get("url", "")).startswith(("http://", "https://")):
        raise Refused(422, "invalid", "url must be an HTTP address")
    hook = {"id": new_id("hook"), "url": data["url"], "events": data.get("events", ["*"]), "active": True}
    hook |= {"secret": data.get("secret", "none"), "deliveries": []}
    tenant.webhooks[hook["id"]] = hook
    return JSONResponse(_view(hook), 201)


async def delete_webhook(request: Request) -> Response:
    """Somebody wants it no more."""
    tenant = tenant_of(request)
    hook = find(tenant.webhooks, request.path_params["id"], "webhook")
    hook["active"] = False
    return JSONResponse(_view(hook))


async def deliveries(request: Request) -> Response:
    """What was sent."""
    hook = find(tenant_of(request).webhooks, request.path_params["id"], "webhook")
    return JSONResponse({"id": hook["id"], "deliveries": hook["deliveries"]})
