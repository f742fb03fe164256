"""A support desk: tickets over HTTP, live events over WebSocket, JSON-RPC, queries and a board for agents."""

import json
import os
import sys
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parent))

import live
import pages
import query
from store import AGENTS, Refused, Store

REVISION = os.environ.get("DESK_REVISION", "r1")
CANNED = {
    "id": 4711,
    "ref": "DSK-04711",
    "subject": "Sample ticket",
    "slug": "sample-ticket",
    "body": "This is a sample.",
    "words": 4,
    "priority": "high",
    "sla_minutes": 60,
    "status": "open",
    "assignee": "ana",
    "tags": ["sample"],
    "comments": [{"position": 1, "author": "ana", "text": "Hello", "html": "Hello", "mentions": []}],
    "history": ["created"],
    "created_at": 0,
}
# The service says itself when no handler did the work, as Greenproof asks every service to.
DEPTH = {"X-Greenproof-Depth": "canned"}
STORE, HUB = web.AppKey("store", Store), web.AppKey("hub", live.Hub)


@web.middleware
async def guard(request, handler):
    try:
        if request.headers.get("X-Desk-Sandbox") and request.path.startswith("/tickets"):
            return web.json_response(CANNED, status=201 if request.method == "POST" else 200, headers=DEPTH)
        return await handler(request)
    except Refused as refused:
        return web.json_response({"error": refused.code, "detail": refused.detail}, status=refused.status)
    except json.JSONDecodeError:
        return web.json_response({"error": "bad_json", "detail": "the body is no JSON"}, status=400)


async def mark(request, response):
    response.headers["X-Greenproof-Revision"] = REVISION


async def tell(app, event, ticket):
    small = {key: ticket[key] for key in ("id", "ref", "subject", "status", "assignee", "priority")}
    for topic in ("tickets", f"ticket:{ticket['id']}"):
        await app[HUB].send(topic, {"type": "event", "event": event, "ticket": small})


async def health(request):
    return web.json_response({"status": "ok"})


async def version(request):
    return web.json_response({"revision": REVISION, "name": "desk"})


async def login(request):
    data = await request.json()
    user = data.get("user", "")
    if user not in AGENTS or data.get("password") != f"{user}-secret":
        raise Refused(401, "bad_login", "wrong name or password")
    return web.json_response({"token": f"tok-{user}", "name": AGENTS[user]})


async def create(request):
    ticket = request.app[STORE].create(await request.json())
    await tell(request.app, "ticket.created", ticket)
    return web.json_response(ticket, status=201)


async def listing(request):
    asked = request.query
    found = request.app[STORE].find(
        status=asked.get("status"), text=asked.get("q"), priority=asked.get("priority"), tag=asked.get("tag")
    )
    limit = min(int(asked.get("limit", 50)), 100)
    return web.json_response({"total": len(found), "items": found[:limit]})


async def show(request):
    if request.query.get("preview"):
        return web.json_response({**CANNED, "id": int(request.match_info["id"])}, headers=DEPTH)
    return web.json_response(request.app[STORE].get(request.match_info["id"]))


async def change(request):
    ticket = request.app[STORE].change(request.match_info["id"], await request.json())
    await tell(request.app, f"ticket.{'closed' if ticket['status'] == 'closed' else 'changed'}", ticket)
    return web.json_response(ticket)


async def delete(request):
    request.app[STORE].delete(request.match_info["id"])
    return web.Response(status=204)


async def add_comment(request):
    store, number = request.app[STORE], request.match_info["id"]
    made = store.comment(number, await request.json())
    await tell(request.app, "comment.added", store.get(number))
    return web.json_response(made, status=201)


async def comments(request):
    ticket = request.app[STORE].get(request.match_info["id"])
    return web.json_response({"ticket": ticket["ref"], "comments": ticket["comments"]})


async def assign(request):
    store, number = request.app[STORE], request.match_info["id"]
    agent = (await request.json()).get("agent")
    if request.query.get("dry_run"):
        return web.json_response({"ticket": int(number), "agent": agent, "status": "assigned", "name": "dry run"}, headers=DEPTH)
    made = store.assign(number, agent)
    await tell(request.app, "ticket.assigned", store.get(number))
    return web.json_response(made)


async def load(request):
    agent = request.match_info["agent"]
    if agent not in AGENTS:
        raise Refused(404, "no_such_agent", f"there is no agent {agent}")
    return web.json_response({"agent": agent, "name": AGENTS[agent], "load": request.app[STORE].load(agent)})


async def attach(request):
    number = request.match_info["id"]
    if request.content_type.startswith("multipart/"):
        part = await (await request.multipart()).next()
        content = bytes(await part.read(decode=False))
        made = request.app[STORE].attach(number, part.filename, part.headers.get("Content-Type", ""), content)
    else:
        name = request.query.get("name", "file.bin")
        made = request.app[STORE].attach(number, name, request.content_type, await request.read())
    return web.json_response(made, status=201)


async def download(request):
    known = request.app[STORE].attachments.get(int(request.match_info["id"]))
    if known is None:
        raise Refused(404, "no_such_file", "there is no such attachment")
    made, content = known
    return web.Response(body=content, headers={"X-Checksum": made["sha256"], "X-Name": made["name"]})


async def stats(request):
    return web.json_response(request.app[STORE].counts())


async def rpc(request):
    store, call = request.app[STORE], await request.json()
    answer = {"jsonrpc": "2.0", "id": call.get("id")}
    given = call.get("params") or {}
    methods = {
        "ticket.merge": lambda: store.merge(given["source"], given["target"]),
        "ticket.escalate": lambda: store.escalate(given["id"]),
        "ticket.count": lambda: len(store.find(tag=given.get("tag"), status=given.get("status"))),
        "agent.load": lambda: store.load(given["agent"]),
    }
    if call.get("method") not in methods:
        return web.json_response(answer | {"error": {"code": -32601, "message": "Method not found"}})
    try:
        return web.json_response(answer | {"result": methods[call["method"]]()})
    except KeyError as missing:
        return web.json_response(answer | {"error": {"code": -32602, "message": f"missing {missing}"}})
    except Refused as refused:
        return web.json_response(answer | {"error": {"code": -32000, "message": refused.code}})


async def queries(request):
    asked = await request.json()
    try:
        data = query.answer(request.app[STORE], asked.get("query", ""), asked.get("variables") or {})
    except (query.BadQuery, Refused) as problem:
        return web.json_response({"data": None, "errors": [{"message": str(problem)}]})
    return web.json_response({"data": data})


async def front(request):
    return web.Response(text=pages.LOGIN.replace("{problem}", ""), content_type="text/html")


async def session(request):
    form = await request.post()
    user = form.get("user", "")
    if user not in AGENTS or form.get("password") != f"{user}-secret":
        text = pages.LOGIN.replace("{problem}", "Wrong name or password")
        return web.Response(text=text, content_type="text/html", status=401)
    answer = web.Response(status=303, headers={"Location": "/board"})
    answer.set_cookie("agent", user)
    return answer


async def board(request):
    agent = request.cookies.get("agent")
    if agent not in AGENTS:
        return web.Response(status=303, headers={"Location": "/"})
    return web.Response(text=pages.BOARD.replace("{agent}", agent), content_type="text/html")


async def events(request):
    return await live.converse(request, request.app[HUB])


def build():
    """The whole desk as one application."""
    app = web.Application(middlewares=[guard])
    app[STORE], app[HUB] = Store(), live.Hub()
    app.on_response_prepare.append(mark)
    app.add_routes(
        [
            web.get("/health", health),
            web.get("/version", version),
            web.post("/login", login),
            web.post("/tickets", create),
            web.get("/tickets", listing),
            web.get("/tickets/{id}", show),
            web.patch("/tickets/{id}", change),
            web.delete("/tickets/{id}", delete),
            web.post("/tickets/{id}/comments", add_comment),
            web.get("/tickets/{id}/comments", comments),
            web.post("/tickets/{id}/assign", assign),
            web.post("/tickets/{id}/attachments", attach),
            web.get("/attachments/{id}", download),
            web.get("/agents/{agent}/load", load),
            web.get("/stats", stats),
            web.post("/rpc", rpc),
            web.post("/graphql", queries),
            web.get("/events", events),
            web.get("/", front),
            web.post("/session", session),
            web.get("/board", board),
        ]
    )
    return app


if __name__ == "__main__":
    web.run_app(build(), host="127.0.0.1", port=int(os.environ.get("PORT", "18511")), print=None)
