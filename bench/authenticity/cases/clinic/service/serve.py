"""The clinic's appointment platform: HTTP, exports, GraphQL, Server-Sent Events, a WebSocket and webhooks."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import hmac
import io
import json
import os
import urllib.error
import urllib.request
from contextlib import suppress

import uvicorn
from graph import execute
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from store import Clinic, Refused, new_id, require

REVISION = os.environ.get("CLINIC_REVISION", "r1")
clinic = Clinic()
background: set = set()
CANNED = {
    "id": "apt_sample", "patient": "pat_sample", "practitioner": "doc_1", "starts": "2030-01-07T09:00", "reason": "check-up",
    "status": "booked", "reference": "SAMPLE00", "version": 1,
}  # fmt: skip
CANNED_DOCTORS = {
    "items": [{"id": "doc_1", "name": "Ada Quist", "specialty": "cardiology", "room": "R1"}],
    "total": 1,
    "page": 1,
    "next": None,
}


def answer(data: object, status: int = 200, **headers: str) -> JSONResponse:
    return JSONResponse(data, status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def canned(data: object, status: int = 200, depth: str = "canned") -> JSONResponse:
    return answer(data, status, X_Greenproof_Depth=depth)


def user_of(request: Request | WebSocket) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return clinic.tokens.get(token) if scheme.lower() == "bearer" else None


def signed_in(request: Request) -> str:
    user = user_of(request)
    if user is None:
        raise Refused(401, "unauthenticated")
    return user


def sandboxed(request: Request) -> bool:
    return request.headers.get("x-sandbox") == "on" or request.query_params.get("demo") == "true"


async def body_of(request: Request) -> dict:
    try:
        data = await request.json()
    except ValueError:
        raise Refused(400, "malformed_json") from None
    if not isinstance(data, dict):
        raise Refused(400, "malformed_json")
    return data


async def refused(_request: Request, why: Refused) -> Response:
    return answer({"error": {"code": why.code, **why.more}}, why.status)


async def health(_request: Request) -> Response:
    return answer({"status": "ok"})


async def version(_request: Request) -> Response:
    return answer({"name": "clinic", "version": "4.2.0", "revision": REVISION})


async def login(request: Request) -> Response:
    body = await body_of(request)
    require(body, username=str, password=str)
    return answer({"token": clinic.login(body["username"], body["password"]), "type": "bearer"})


async def practitioners(request: Request) -> Response:
    if request.method == "POST":
        signed_in(request)
        return answer(clinic.add_practitioner(await body_of(request)), 201)
    if sandboxed(request):
        return canned(CANNED_DOCTORS)
    query = request.query_params
    hits = [p for p in clinic.practitioners.values() if query.get("specialty", p["specialty"]) == p["specialty"]]
    return page_of(request, hits)


def page_of(request: Request, hits: list) -> Response:
    try:
        page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("size", 10))
    except ValueError:
        raise Refused(422, "invalid", fields={"page": "not a number"}) from None
    if page < 1 or not 1 <= size <= 100:
        raise Refused(422, "invalid", fields={"size": "out of range"})
    part = hits[(page - 1) * size : page * size]
    more = page * size < len(hits)
    link = (
        str(request.url.include_query_params(page=page + 1, size=size).replace(scheme="", netloc="")).removeprefix("//")
        if more
        else None
    )
    return answer({"items": part, "total": len(hits), "page": page, "next": link})


async def practitioner(request: Request) -> Response:
    return answer(clinic.get("practitioners", request.path_params["id"]))


async def slots(request: Request) -> Response:
    items = clinic.slots(request.path_params["id"], request.query_params.get("day", ""))
    return answer({"items": [s for s in items if s["free"]] if request.query_params.get("free") == "1" else items})


async def patients(request: Request) -> Response:
    signed_in(request)
    if request.method == "POST":
        body = await body_of(request)
        item = clinic.add_patient(body)
        return answer(item, 201, Location=f"/patients/{item['id']}")
    needle = request.query_params.get("q", "").lower()
    tag = request.query_params.get("tag")
    hits = [p for p in clinic.patients.values() if needle in p["name"].lower() and (tag is None or tag in p["tags"])]
    return page_of(request, sorted(hits, key=lambda p: p["name"]))


async def patient(request: Request) -> Response:
    signed_in(request)
    key = request.path_params["id"]
    if request.method == "PATCH":
        item = clinic.patch_patient(key, await body_of(request), request.headers.get("if-match"))
    else:
        item = clinic.get("patients", key)
    return answer(item, ETag=f'"{item["version"]}"')


async def appointments(request: Request) -> Response:
    signed_in(request)
    if request.method == "POST":
        body = await body_of(request)
        if sandboxed(request) or request.query_params.get("dry_run") == "true":
            return canned({**CANNED, **body}, 201)
        item, fresh = clinic.book(body, request.headers.get("idempotency-key"))
        return answer(item, 201 if fresh else 200, Location=f"/appointments/{item['id']}")
    query = request.query_params
    wanted = {k: query[k] for k in ("patient", "practitioner", "status") if k in query}
    hits = [a for a in clinic.appointments.values() if all(a[k] == v for k, v in wanted.items())]
    return page_of(request, sorted(hits, key=lambda a: a["starts"]))


async def appointment(request: Request) -> Response:
    signed_in(request)
    key = request.path_params["id"]
    if request.method == "DELETE":
        clinic.cancel(key)
        return Response(status_code=204)
    if request.method == "PATCH":
        body = await body_of(request)
        require(body, starts=str)
        item = clinic.move(key, body["starts"])
    else:
        item = clinic.get("appointments", key)
    return answer(item, ETag=f'"{item["version"]}"')


async def check_in(request: Request) -> Response:
    signed_in(request)
    return answer(clinic.check_in(request.path_params["id"]))


async def letter(request: Request) -> Response:
    signed_in(request)
    item = clinic.get("appointments", request.path_params["id"])
    who = clinic.get("patients", item["patient"])["name"]
    return Response(
        pdf([f"Appointment {item['reference']}", f"Patient: {who}", f"When: {item['starts']}"]),
        media_type="application/pdf",
    )


def pdf(lines: list[str]) -> bytes:
    text = "BT /F1 12 Tf 72 720 Td " + " 0 -16 Td ".join(f"({line}) Tj" for line in lines) + " ET"
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = "%PDF-1.4\n", []
    for i, part in enumerate(parts, 1):
        offsets.append(len(out))
        out += f"{i} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{o:010d} 00000 n \n" for o in offsets)
    tail = f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}trailer << /Root 1 0 R /Size {len(parts) + 1} >>\nstartxref\n{len(out)}\n%%EOF\n"
    return (out + tail).encode("latin-1", "replace")


async def export(request: Request) -> Response:
    signed_in(request)
    wanted = request.query_params.get("practitioner")
    clinic.get("practitioners", wanted or "")
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(["reference", "starts", "patient", "status", "reason"])
    for a in sorted(clinic.appointments.values(), key=lambda a: a["starts"]):
        if a["practitioner"] == wanted:
            rows.writerow(
                [a["reference"], a["starts"], clinic.patients[a["patient"]]["name"], a["status"], a["reason"]]
            )
    headers = {"Content-Disposition": f'attachment; filename="appointments-{wanted}.csv"'}
    return PlainTextResponse(out.getvalue(), media_type="text/csv", headers=headers)


async def documents(request: Request) -> Response:
    signed_in(request)
    key = request.path_params["id"]
    if request.method == "GET":
        clinic.get("patients", key)
        return answer(
            {
                "items": [
                    {k: v for k, v in d.items() if k != "data"}
                    for d in clinic.documents.values()
                    if d["patient"] == key
                ]
            }
        )
    form = await request.form()
    part = form.get("file")
    if part is None or isinstance(part, str):
        raise Refused(422, "invalid", fields={"file": "missing"})
    return answer(clinic.add_document(key, part.filename or "", part.content_type or "", await part.read()), 201)


async def document(request: Request) -> Response:
    signed_in(request)
    item = clinic.get("documents", request.path_params["id"])
    return Response(item["data"], media_type=item["mime"])


async def graphql(request: Request) -> Response:
    body = await body_of(request)
    if sandboxed(request):
        return canned({"data": {"practitioners": CANNED_DOCTORS["items"]}})
    return answer(execute(clinic, user_of(request), body))


async def reminders(request: Request) -> Response:
    signed_in(request)
    body = await body_of(request)
    require(body, practitioner=str, day=str)
    job = clinic.add_job(body["practitioner"], body["day"])
    return answer(job, 202, Location=f"/jobs/{job['id']}")


async def job_state(request: Request) -> Response:
    signed_in(request)
    return answer(clinic.job(request.path_params["id"]))


async def occupancy(request: Request) -> Response:
    query = request.query_params
    if request.headers.get("x-use-cached") == "1":
        return canned(
            {
                "practitioner": query.get("practitioner"),
                "day": query.get("day"),
                "booked": 0,
                "capacity": 16,
                "ratio": 0.0,
            },
            depth="cache",
        )
    return answer(clinic.occupancy(query.get("practitioner", ""), query.get("day", "")))


# webhooks
async def webhooks(request: Request) -> Response:
    signed_in(request)
    body = await body_of(request)
    require(body, url=str, practitioner=str, secret=str)
    clinic.get("practitioners", body["practitioner"])
    hook = {
        "id": new_id("hook"),
        "events": body.get("events", ["appointment.booked"]),
        **{k: body[k] for k in ("url", "practitioner", "secret")},
    }
    clinic.hooks[hook["id"]] = hook
    return answer({k: v for k, v in hook.items() if k != "secret"}, 201)


async def webhook(request: Request) -> Response:
    signed_in(request)
    key = request.path_params["id"]
    clinic.get("hooks", key)
    if request.method == "DELETE":
        del clinic.hooks[key]
        return Response(status_code=204)
    return answer({"items": clinic.deliveries[key]})


def post_hook(hook: dict, event: dict) -> int:
    data = json.dumps({"hook": hook["id"], **event}).encode()
    mark = hmac.new(hook["secret"].encode(), data, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Clinic-Signature": f"sha256={mark}",
        "X-Clinic-Event": event["event"],
    }
    try:
        with urllib.request.urlopen(urllib.request.Request(hook["url"], data, headers), timeout=2) as got:
            return got.status
    except urllib.error.HTTPError as why:
        return why.code


async def deliver(hook: dict, event: dict) -> None:
    for attempt in (1, 2, 3):
        status = 0
        with suppress(OSError):
            status = await asyncio.to_thread(post_hook, hook, event)
        clinic.deliveries[hook["id"]].append({"event": event["event"], "attempt": attempt, "status": status})
        if 200 <= status < 300:
            return
        await asyncio.sleep(0.05)


def on_event(event: dict) -> None:
    for hook in list(clinic.hooks.values()):
        if hook["practitioner"] == event["room"] and event["event"] in hook["events"]:
            task = asyncio.get_running_loop().create_task(deliver(hook, event))
            background.add(task)
            task.add_done_callback(background.discard)


clinic.on_event.append(on_event)


# streams
async def stream(request: Request) -> Response:
    signed_in(request)
    room = clinic.get("practitioners", request.query_params.get("practitioner", ""))["id"]
    since = int(request.headers.get("last-event-id") or request.query_params.get("since") or len(clinic.events[room]))
    queue: asyncio.Queue = asyncio.Queue()
    for event in clinic.events[room][since:]:
        queue.put_nowait(event)
    clinic.feeds[room].add(queue)

    async def lines() -> object:
        try:
            yield ": connected\n\n"
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), 0.5)
                except TimeoutError:
                    yield ": heartbeat\n\n"
                    continue
                yield f"id: {event['seq']}\nevent: {event['event']}\ndata: {json.dumps(event)}\n\n"
        finally:
            clinic.feeds[room].discard(queue)

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def waiting_room(ws: WebSocket) -> None:
    user = clinic.tokens.get(ws.query_params.get("token", "")) or user_of(ws)
    await ws.accept()
    if user is None:
        await ws.send_json({"type": "error", "code": "unauthenticated"})
        await ws.close(4401)
        return
    queue: asyncio.Queue = asyncio.Queue()
    rooms: set[str] = set()
    await ws.send_json({"type": "welcome", "session": new_id("ses"), "protocol": 2, "user": user})

    async def pump() -> None:
        while True:
            event = await queue.get()
            await ws.send_json({"type": "event", **event})

    task = asyncio.create_task(pump())
    try:
        while True:
            await ws.send_json(command(await ws.receive_json(), queue, rooms))
    except (WebSocketDisconnect, RuntimeError, ValueError):
        pass
    finally:
        task.cancel()
        for room in rooms:
            clinic.rooms[room].discard(queue)


def command(msg: dict, queue: asyncio.Queue, rooms: set[str]) -> dict:
    mid, kind = msg.get("id"), msg.get("type")
    try:
        if kind == "ping":
            return {"type": "pong", "id": mid, "rooms": len(rooms)}
        if kind == "subscribe":
            room = clinic.get("practitioners", msg.get("room", ""))["id"]
            rooms.add(room)
            clinic.rooms[room].add(queue)
            return {"type": "subscribed", "id": mid, "room": room, "waiting": list(clinic.queues[room])}
        if kind == "call_next":
            return {"type": "ack", "id": mid, "called": clinic.call_next(msg.get("room", ""))["id"]}
        if kind == "complete":
            return {"type": "ack", "id": mid, "completed": clinic.complete(msg.get("appointment", ""))["id"]}
    except Refused as why:
        return {"type": "error", "id": mid, "code": why.code}
    return {"type": "error", "id": mid, "code": "unknown_command"}


class Stamp:
    """Every answer says which revision gave it."""

    def __init__(self, inner: Starlette) -> None:
        self.inner = inner

    async def __call__(self, scope: dict, receive: object, send: object) -> None:
        async def stamped(message: dict) -> None:
            if message["type"] in {"http.response.start", "websocket.accept"}:
                message["headers"] = [*message.get("headers", []), (b"x-greenproof-revision", REVISION.encode())]
            await send(message)

        await self.inner(scope, receive, stamped)


routes = [
    Route("/health", health), Route("/version", version), Route("/auth/token", login, methods=["POST"]),
    Route("/practitioners", practitioners, methods=["GET", "POST"]), Route("/practitioners/{id}", practitioner),
    Route("/practitioners/{id}/slots", slots),
    Route("/patients", patients, methods=["GET", "POST"]), Route("/patients/{id}", patient, methods=["GET", "PATCH"]),
    Route("/patients/{id}/documents", documents, methods=["GET", "POST"]), Route("/documents/{id}", document),
    Route("/appointments", appointments, methods=["GET", "POST"]),
    Route("/appointments/{id}", appointment, methods=["GET", "PATCH", "DELETE"]),
    Route("/appointments/{id}/checkin", check_in, methods=["POST"]), Route("/appointments/{id}/letter.pdf", letter),
    Route("/exports/appointments.csv", export), Route("/graphql", graphql, methods=["POST"]),
    Route("/reminders", reminders, methods=["POST"]), Route("/jobs/{id}", job_state),
    Route("/reports/occupancy", occupancy), Route("/webhooks", webhooks, methods=["POST"]),
    Route("/webhooks/{id}", webhook, methods=["DELETE"]), Route("/webhooks/{id}/deliveries", webhook),
    Route("/stream/appointments", stream), WebSocketRoute("/waiting-room", waiting_room),
]  # fmt: skip
app = Stamp(Starlette(routes=routes, exception_handlers={Refused: refused}))


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "18650"))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
