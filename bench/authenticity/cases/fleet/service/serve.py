"""Fleet management service: vehicles, drivers, trips, positions, geofences, maintenance, invoices."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import itertools
import json
import os
import uuid

from aiohttp import web

REVISION = "r1"
USERS = {"dispatcher": "dispatch-pw", "auditor": "audit-pw"}
MOVES = {
    "planned": {"start": "running", "cancel": "cancelled"},
    "running": {"finish": "finished", "pause": "paused"},
    "paused": {"resume": "running"},
}
TOKENS: dict[str, str] = {}
DB: dict[str, dict[str, dict]] = {
    name: {} for name in ("vehicles", "drivers", "trips", "geofences", "maintenance", "invoices")
}
POSITIONS: dict[str, list[dict]] = {}
SEEN: dict[str, dict] = {}
NUMBERS = itertools.count(1)
OPEN = {"/health", "/version", "/login"}

routes = web.RouteTableDef()


def problem(status: int, code: str) -> web.Response:
    return web.json_response({"error": code}, status=status)


def etag(record: dict) -> str:
    return '"' + hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16] + '"'


def new(kind: str, record: dict) -> dict:
    record = {"id": uuid.uuid4().hex[:12], **record}
    DB[kind][record["id"]] = record
    return record


@web.middleware
async def gate(request: web.Request, handler):
    try:
        if request.path not in OPEN:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in TOKENS:
                return problem(401, "unauthorized")
        if request.headers.get("X-Sandbox") == "canned" or request.query.get("dry") == "1":
            return web.json_response(
                {"id": "sample", "plate": "SAMPLE", "state": "planned", "total": 120, "items": []},
                status=201 if request.method == "POST" else 200,
                # The service says itself when no handler did the work, as Greenproof asks every service to.
                headers={"X-Greenproof-Depth": "canned"},
            )
        return await handler(request)
    except json.JSONDecodeError:
        return problem(400, "bad-json")
    except web.HTTPException as exc:
        return problem(exc.status, exc.reason)


async def stamp(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Greenproof-Revision"] = REVISION


@routes.get("/health")
async def health(_request):
    return web.json_response({"status": "ok"})


@routes.get("/version")
async def version(_request):
    return web.json_response({"version": "1.0.0", "revision": REVISION})


@routes.post("/login")
async def login(request):
    body = await request.json()
    if USERS.get(body.get("user")) != body.get("password"):
        return problem(401, "bad-credentials")
    token = uuid.uuid4().hex
    TOKENS[token] = body["user"]
    return web.json_response({"token": token})


@routes.get("/me")
async def me(request):
    return web.json_response({"user": TOKENS[request.headers["Authorization"].removeprefix("Bearer ")]})


@routes.post("/vehicles")
async def add_vehicle(request):
    body = await request.json()
    key = request.headers.get("Idempotency-Key")
    if key in SEEN:
        return web.json_response(SEEN[key], headers={"Idempotent-Replay": "true"})
    if not body.get("plate") or not isinstance(body.get("capacity"), int) or body["capacity"] <= 0:
        return problem(422, "invalid-vehicle")
    if any(v["plate"] == body["plate"] for v in DB["vehicles"].values()):
        return problem(409, "plate-taken")
    record = new(
        "vehicles",
        {"plate": body["plate"], "capacity": body["capacity"], "depot": body.get("depot", "main"), "km": 0},
    )
    if key:
        SEEN[key] = record
    return web.json_response(record, status=201, headers={"ETag": etag(record)})


@routes.get("/vehicles")
async def list_vehicles(request):
    depot = request.query.get("depot")
    found = [v for v in DB["vehicles"].values() if depot in (None, v["depot"])]
    offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 20))
    following = offset + limit if offset + limit < len(found) else None
    return web.json_response({"items": found[offset : offset + limit], "total": len(found), "next": following})


@routes.get("/vehicles.csv")
async def export(request):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "plate", "capacity", "depot"])
    for v in DB["vehicles"].values():
        if v["depot"] == request.query.get("depot", v["depot"]):
            writer.writerow([v["id"], v["plate"], v["capacity"], v["depot"]])
    return web.Response(text=out.getvalue(), content_type="text/csv")


@routes.get("/search")
async def search(request):
    q = request.query.get("q", "").lower()
    if not q:
        return problem(400, "empty-query")
    return web.json_response({"items": [v for v in DB["vehicles"].values() if q in v["plate"].lower()]})


@routes.patch("/vehicles/{id}")
async def change(request):
    record = DB["vehicles"].get(request.match_info["id"])
    if record is None:
        return problem(404, "not-found")
    if request.headers.get("If-Match") != etag(record):
        return problem(412, "stale")
    record.update({k: v for k, v in (await request.json()).items() if k in {"depot", "km", "capacity"}})
    return web.json_response(record, headers={"ETag": etag(record)})


@routes.post("/vehicles/{id}/positions")
async def add_positions(request):
    if request.match_info["id"] not in DB["vehicles"]:
        return problem(404, "not-found")
    points = [json.loads(line) for line in (await request.text()).splitlines() if line]
    POSITIONS.setdefault(request.match_info["id"], []).extend(points)
    return web.json_response({"accepted": len(points)}, status=202)


@routes.get("/vehicles/{id}/positions")
async def positions(request):
    response = web.StreamResponse(
        headers={"Content-Type": "application/x-ndjson", "X-Greenproof-Revision": REVISION}
    )
    await response.prepare(request)
    for point in POSITIONS.get(request.match_info["id"], []):
        await response.write(json.dumps(point).encode() + b"\n")
    return response


@routes.post("/trips")
async def add_trip(request):
    body = await request.json()
    if body.get("vehicle") not in DB["vehicles"]:
        return problem(422, "unknown-vehicle")
    trip = new("trips", {"vehicle": body["vehicle"], "km": body.get("km", 0), "state": "planned", "log": ["planned"]})
    return web.json_response(trip, status=201)


@routes.post("/trips/{id}/{move:start|cancel|finish|pause|resume}")
async def move_trip(request):
    trip = DB["trips"].get(request.match_info["id"])
    if trip is None:
        return problem(404, "not-found")
    state = MOVES.get(trip["state"], {}).get(request.match_info["move"])
    if state is None:
        return problem(409, "bad-transition")
    trip["state"] = state
    trip["log"].append(state)
    return web.json_response(trip)


@routes.get("/trips/{id}/events")
async def trip_events(request):
    trip = DB["trips"].get(request.match_info["id"])
    if trip is None:
        return problem(404, "not-found")
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Greenproof-Revision": REVISION}
    )
    await response.prepare(request)
    for number, state in enumerate(list(trip["log"])):
        await response.write(f"id: {number}\nevent: state\ndata: {json.dumps({'state': state})}\n\n".encode())
        await asyncio.sleep(0)
    return response


@routes.post("/geofences/{id}/contains")
async def contains(request):
    fence = DB["geofences"].get(request.match_info["id"])
    if fence is None:
        return problem(404, "not-found")
    p = await request.json()
    inside = fence["south"] <= p["lat"] <= fence["north"] and fence["west"] <= p["lon"] <= fence["east"]
    return web.json_response({"inside": inside})


@routes.post("/invoices")
async def add_invoice(request):
    body = await request.json()
    trip = DB["trips"].get(body.get("trip"))
    if trip is None or trip["state"] != "finished":
        return problem(409, "trip-not-finished")
    net = trip["km"] * body.get("rate", 2)
    invoice = new("invoices", {"trip": trip["id"], "net": net, "vat": net * 20 // 100, "total": net + net * 20 // 100})
    invoice["number"] = f"INV-{next(NUMBERS):06d}"
    return web.json_response(invoice, status=201)


@routes.post("/{kind:drivers|geofences|maintenance}")
async def add_any(request):
    body = await request.json()
    needed = {
        "drivers": {"name", "licence"},
        "geofences": {"south", "north", "west", "east"},
        "maintenance": {"vehicle", "due_km"},
    }[request.match_info["kind"]]
    if not needed <= body.keys():
        return problem(422, "missing-fields")
    return web.json_response(new(request.match_info["kind"], body), status=201)


@routes.get("/{kind:vehicles|drivers|trips|geofences|maintenance|invoices}/{id}")
async def read_any(request):
    record = DB[request.match_info["kind"]].get(request.match_info["id"])
    if record is None:
        return problem(404, "not-found")
    if request.headers.get("If-None-Match") == etag(record):
        return web.Response(status=304)
    return web.json_response(record, headers={"ETag": etag(record)})


@routes.delete("/{kind:vehicles|drivers}/{id}")
async def remove_any(request):
    if DB[request.match_info["kind"]].pop(request.match_info["id"], None) is None:
        return problem(404, "not-found")
    return web.Response(status=204)


def build() -> web.Application:
    app = web.Application(middlewares=[gate])
    app.on_response_prepare.append(stamp)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(build(), host="127.0.0.1", port=int(os.environ.get("PORT", "18611")), print=None)
