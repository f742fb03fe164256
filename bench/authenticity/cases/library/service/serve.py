"""A small public library: members, books, loans, reservations, fines, search, audit export and a live feed."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import datetime as dt
import io
import json
import os
import re
import uuid

import aiohttp
from aiohttp import WSMsgType, web

REVISION = "r1"
STAFF = {"librarian": "open-sesame"}
FINE_PER_DAY_CENTS = 25
FINE_LIMIT_CENTS = 500
LOAN_LIMITS = {"standard": 3, "plus": 6}


def late_fine(days_late: int, rate: int = FINE_PER_DAY_CENTS) -> int:
    return max(0, days_late) * rate


class Store:
    def __init__(self) -> None:
        self.members: dict[str, dict] = {}
        self.books: dict[str, dict] = {}
        self.loans: dict[str, dict] = {}
        self.reservations: dict[str, dict] = {}
        self.fines: dict[str, list[dict]] = {}
        self.audit: list[dict] = []
        self.exports: dict[str, dict] = {}
        self.tokens: set[str] = set()
        self.search_cache: dict[str, dict] = {}
        self.sockets: dict[web.WebSocketResponse, set[str]] = {}
        self.tasks: set[asyncio.Task] = set()


STORE: web.AppKey[Store] = web.AppKey("store", Store)


class ApiError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def reply(body: object, status: int = 200, depth: str | None = None) -> web.Response:
    headers = {"X-Greenproof-Depth": depth} if depth else {}
    return web.json_response(body, status=status, headers=headers)


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


def note(store: Store, action: str, member_id: str | None, subject: str) -> None:
    at = dt.datetime.now(dt.UTC).isoformat()
    seq = len(store.audit) + 1
    store.audit.append({"seq": seq, "at": at, "action": action, "member_id": member_id or "", "subject": subject})


async def publish(store: Store, topic: str, event: dict) -> None:
    for ws, topics in list(store.sockets.items()):
        if topic in topics and not ws.closed:
            with contextlib.suppress(ConnectionError, RuntimeError):
                await ws.send_json({"topic": topic, **event})


def spawn(store: Store, coro) -> None:
    task = asyncio.ensure_future(coro)
    store.tasks.add(task)
    task.add_done_callback(store.tasks.discard)


@web.middleware
async def envelope(request: web.Request, handler):
    try:
        return await handler(request)
    except ApiError as err:
        return reply({"error": {"code": err.code, "message": err.message}}, err.status)
    except web.HTTPException as err:
        return reply({"error": {"code": "http_error", "message": err.reason}}, err.status)


async def stamp(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Greenproof-Revision"] = REVISION
    if request.path == "/ws/events" and request.query.get("replay"):
        response.headers["X-Greenproof-Depth"] = "canned"


CANNED = {
    ("POST", "/loans"): (201, {"id": "loan_demo", "status": "open", "renewals": 0, "due_on": "2030-01-15"}),
    ("POST", "/reservations"): (201, {"id": "res_demo", "status": "waiting", "position": 1}),
    ("POST", "/members"): (201, {"id": "mem_demo", "name": "Demo Reader", "active": True, "tier": "standard"}),
    ("GET", "/catalogue/search"): (200, {"total": 1, "items": [{"id": "bk_demo", "title": "Demo Book"}], "page": 1}),
    ("GET", "/audit/export"): (200, {"rows": [{"seq": 1, "action": "loan.created"}]}),
}


@web.middleware
async def sandbox(request: web.Request, handler):
    canned = CANNED.get((request.method, request.path))
    if canned and request.headers.get("X-Sandbox") == "1":
        return reply(canned[1], canned[0], "canned")
    return await handler(request)


async def payload(request: web.Request, *required: str) -> dict:
    try:
        data = await request.json()
    except ValueError:
        raise ApiError(400, "bad_json", "the body is not JSON") from None
    if missing := [key for key in required if not data.get(key)]:
        raise ApiError(422, "missing_field", ", ".join(missing))
    return data


def find(table: dict[str, dict], key: str, what: str) -> dict:
    if str(key) not in table:
        raise ApiError(404, f"{what}_not_found", f"no {what} {key}")
    return table[key]


def balance(store: Store, member_id: str) -> int:
    return sum(item["amount_cents"] for item in store.fines.get(member_id, []))


def held_by(store: Store, book_id: str, status: str) -> list[dict]:
    return [r for r in store.reservations.values() if r["book_id"] == book_id and r["status"] == status]


def free_copies(store: Store, book: dict) -> int:
    out = sum(1 for loan in store.loans.values() if loan["book_id"] == book["id"] and loan["status"] == "open")
    return book["copies"] - out - len(held_by(store, book["id"], "ready"))


async def healthz(request: web.Request) -> web.Response:
    return reply({"status": "ok", "components": {"members": "up", "loans": "up", "search": "up", "audit": "up"}})


async def version(request: web.Request) -> web.Response:
    return reply({"version": "4.2.0", "revision": REVISION, "features": ["loans", "renewals", "reservations", "fines"]})


async def login(request: web.Request) -> web.Response:
    data = await payload(request, "user", "password")
    if STAFF.get(data["user"]) != data["password"]:
        raise ApiError(401, "bad_credentials", "unknown user or password")
    token = uuid.uuid4().hex
    request.app[STORE].tokens.add(token)
    return reply({"access_token": token, "token_type": "bearer"})


async def create_member(request: web.Request) -> web.Response:
    store = request.app[STORE]
    data = await payload(request, "name", "email")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", data["email"]):
        raise ApiError(422, "bad_email", data["email"])
    if data.get("tier", "standard") not in LOAN_LIMITS:
        raise ApiError(422, "bad_tier", str(data["tier"]))
    email = data["email"].lower()
    if any(m["email"] == email for m in store.members.values()):
        raise ApiError(409, "email_taken", email)
    member = {"id": new_id("mem"), "name": data["name"].strip(), "email": email, "tier": data.get("tier", "standard")}
    member.update(active=True, card_no=f"LC-{100000 + len(store.audit)}", joined_on=dt.date.today().isoformat())
    store.members[member["id"]] = member
    note(store, "member.created", member["id"], member["card_no"])
    return reply(member, 201)


async def list_members(request: web.Request) -> web.Response:
    email = request.query.get("email", "").lower()
    items = [m for m in request.app[STORE].members.values() if not email or m["email"] == email]
    return reply({"total": len(items), "items": items[:50]})


async def get_member(request: web.Request) -> web.Response:
    return reply(find(request.app[STORE].members, request.match_info["id"], "member"))


async def patch_member(request: web.Request) -> web.Response:
    store = request.app[STORE]
    member = find(store.members, request.match_info["id"], "member")
    data = await payload(request)
    if data.get("tier", "standard") not in LOAN_LIMITS:
        raise ApiError(422, "bad_tier", str(data["tier"]))
    member.update({k: v for k, v in data.items() if k in {"name", "tier", "active"}})
    note(store, "member.changed", member["id"], ",".join(sorted(data)))
    return reply(member)


async def delete_member(request: web.Request) -> web.Response:
    store = request.app[STORE]
    member = find(store.members, request.match_info["id"], "member")
    if any(loan["member_id"] == member["id"] and loan["status"] == "open" for loan in store.loans.values()):
        raise ApiError(409, "open_loans", member["id"])
    del store.members[member["id"]]
    note(store, "member.deleted", member["id"], member["card_no"])
    return web.Response(status=204)


async def member_loans(request: web.Request) -> web.Response:
    store = request.app[STORE]
    member = find(store.members, request.match_info["id"], "member")
    items = [loan for loan in store.loans.values() if loan["member_id"] == member["id"]]
    if request.query.get("status"):
        items = [loan for loan in items if loan["status"] == request.query["status"]]
    return reply({"total": len(items), "items": items})


async def create_book(request: web.Request) -> web.Response:
    store = request.app[STORE]
    data = await payload(request, "title", "author")
    copies, year = int(data.get("copies", 1)), int(data.get("year", 2000))
    if copies < 1:
        raise ApiError(422, "bad_copies", str(copies))
    book = {"id": new_id("bk"), "title": data["title"], "author": data["author"], "year": year, "copies": copies}
    store.books[book["id"]] = book
    note(store, "book.created", None, book["id"])
    return reply(book, 201)


async def get_book(request: web.Request) -> web.Response:
    return reply(find(request.app[STORE].books, request.match_info["id"], "book"))


async def availability(request: web.Request) -> web.Response:
    store = request.app[STORE]
    book = find(store.books, request.match_info["id"], "book")
    free = free_copies(store, book)
    return reply({"book_id": book["id"], "copies": book["copies"], "available": free, "on_shelf": free > 0})


async def queue(request: web.Request) -> web.Response:
    store = request.app[STORE]
    book = find(store.books, request.match_info["id"], "book")
    waiting = held_by(store, book["id"], "waiting")
    return reply({"book_id": book["id"], "length": len(waiting), "member_ids": [r["member_id"] for r in waiting]})


async def search(request: web.Request) -> web.Response:
    store = request.app[STORE]
    key = request.query_string.replace("&cached=1", "").replace("cached=1&", "")
    if request.query.get("cached") == "1":
        blank = {"total": 1, "page": 1, "items": [{"id": "bk_cached", "title": request.query.get("q", "")}]}
        return reply(store.search_cache.get(key) or blank, depth="cache")
    q, author = request.query.get("q", "").lower(), request.query.get("author", "").lower()
    try:
        page, size = int(request.query.get("page", 1)), int(request.query.get("size", 10))
    except ValueError:
        raise ApiError(422, "bad_page", "page and size are numbers") from None
    if page < 1 or not 1 <= size <= 100:
        raise ApiError(422, "bad_page", f"page={page} size={size}")
    hits = [b for b in store.books.values() if q in b["title"].lower() and author in b["author"].lower()]
    order = request.query.get("sort", "title")
    if order not in {"title", "year"}:
        raise ApiError(422, "bad_sort", order)
    hits.sort(key=lambda b: (b[order], b["id"]))
    body = {"total": len(hits), "page": page, "size": size, "items": hits[(page - 1) * size : page * size]}
    store.search_cache[key] = body
    return reply(body)


async def create_loan(request: web.Request) -> web.Response:
    store = request.app[STORE]
    data = await payload(request, "member_id", "book_id")
    if request.query.get("dry_run"):
        dry = {"id": "loan_dry", "status": "open", "renewals": 0}
        return reply({**dry, "member_id": data["member_id"], "book_id": data["book_id"]}, 201, "canned")
    member = find(store.members, data["member_id"], "member")
    book = find(store.books, data["book_id"], "book")
    if not member["active"]:
        raise ApiError(403, "member_suspended", member["id"])
    if balance(store, member["id"]) >= FINE_LIMIT_CENTS:
        raise ApiError(403, "fines_due", member["id"])
    limit = LOAN_LIMITS[member["tier"]]
    if sum(x["member_id"] == member["id"] and x["status"] == "open" for x in store.loans.values()) >= limit:
        raise ApiError(409, "loan_limit", member["tier"])
    ready = [r for r in held_by(store, book["id"], "ready") if r["member_id"] == member["id"]]
    if ready:
        ready[0]["status"] = "fulfilled"
    elif free_copies(store, book) < 1:
        raise ApiError(409, "no_copies", book["id"])
    due = dt.date.today() + dt.timedelta(days=int(data.get("days", 21)))
    loan = {"id": new_id("loan"), "member_id": member["id"], "book_id": book["id"], "status": "open"}
    loan.update(renewals=0, due_on=due.isoformat(), fine_cents=0)
    store.loans[loan["id"]] = loan
    note(store, "loan.created", member["id"], loan["id"])
    event = {"type": "loan.created", "loan_id": loan["id"], "member_id": member["id"]}
    await publish(store, f"book:{book['id']}", event)
    return reply(loan, 201)


async def get_loan(request: web.Request) -> web.Response:
    return reply(find(request.app[STORE].loans, request.match_info["id"], "loan"))


async def renew_loan(request: web.Request) -> web.Response:
    store = request.app[STORE]
    loan = find(store.loans, request.match_info["id"], "loan")
    if loan["status"] != "open":
        raise ApiError(409, "loan_closed", loan["id"])
    if held_by(store, loan["book_id"], "waiting"):
        raise ApiError(409, "reserved_by_other", loan["book_id"])
    if loan["renewals"] >= 2:
        raise ApiError(409, "renewal_limit", loan["id"])
    loan["renewals"] += 1
    loan["due_on"] = (dt.date.fromisoformat(loan["due_on"]) + dt.timedelta(days=14)).isoformat()
    note(store, "loan.renewed", loan["member_id"], loan["id"])
    return reply(loan)


async def notify(url: str, body: dict) -> None:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            (await session.post(url, json=body)).release()


async def promote(store: Store, book_id: str) -> None:
    await asyncio.sleep(0.15)
    for res in held_by(store, book_id, "waiting")[:1]:
        res["status"], res["position"] = "ready", 0
        note(store, "reservation.ready", res["member_id"], res["id"])
        event = {"type": "reservation.ready", "reservation_id": res["id"], "member_id": res["member_id"]}
        await publish(store, f"book:{book_id}", event)
        if res.get("notify_url"):
            await notify(res["notify_url"], event)


async def return_loan(request: web.Request) -> web.Response:
    store = request.app[STORE]
    loan = find(store.loans, request.match_info["id"], "loan")
    if loan["status"] != "open":
        raise ApiError(409, "loan_closed", loan["id"])
    data = await payload(request) if request.can_read_body else {}
    loan["status"], loan["fine_cents"] = "returned", late_fine(int(data.get("days_late", 0)))
    if loan["fine_cents"]:
        fine = {"reason": "late", "loan_id": loan["id"], "amount_cents": loan["fine_cents"]}
        store.fines.setdefault(loan["member_id"], []).append(fine)
    note(store, "loan.returned", loan["member_id"], loan["id"])
    event = {"type": "loan.returned", "loan_id": loan["id"], "fine_cents": loan["fine_cents"]}
    await publish(store, f"book:{loan['book_id']}", event)
    spawn(store, promote(store, loan["book_id"]))
    return reply(loan)


async def create_reservation(request: web.Request) -> web.Response:
    store = request.app[STORE]
    data = await payload(request, "member_id", "book_id")
    member = find(store.members, data["member_id"], "member")
    book = find(store.books, data["book_id"], "book")
    if free_copies(store, book) > 0:
        raise ApiError(409, "on_shelf", book["id"])
    waiting = held_by(store, book["id"], "waiting")
    if any(r["member_id"] == member["id"] for r in waiting):
        raise ApiError(409, "already_reserved", member["id"])
    res = {"id": new_id("res"), "member_id": member["id"], "book_id": book["id"], "status": "waiting",
           "position": len(waiting) + 1, "notify_url": data.get("notify_url")}
    store.reservations[res["id"]] = res
    note(store, "reservation.created", member["id"], res["id"])
    return reply(res, 201)


async def get_reservation(request: web.Request) -> web.Response:
    return reply(find(request.app[STORE].reservations, request.match_info["id"], "reservation"))


async def cancel_reservation(request: web.Request) -> web.Response:
    store = request.app[STORE]
    res = find(store.reservations, request.match_info["id"], "reservation")
    res["status"] = "cancelled"
    note(store, "reservation.cancelled", res["member_id"], res["id"])
    return reply(res)


async def get_fines(request: web.Request) -> web.Response:
    store = request.app[STORE]
    member = find(store.members, request.match_info["id"], "member")
    items = store.fines.get(member["id"], [])
    return reply({"member_id": member["id"], "balance_cents": balance(store, member["id"]), "items": items})


async def pay_fines(request: web.Request) -> web.Response:
    store = request.app[STORE]
    member = find(store.members, request.match_info["id"], "member")
    amount = int((await payload(request)).get("amount_cents", 0))
    due = balance(store, member["id"])
    if request.query.get("simulate"):
        return reply({"member_id": member["id"], "paid_cents": amount, "balance_cents": 0}, depth="canned")
    if not 0 < amount <= due:
        raise ApiError(422, "bad_amount", f"{amount} of {due}")
    store.fines[member["id"]].append({"reason": "payment", "loan_id": None, "amount_cents": -amount})
    note(store, "fine.paid", member["id"], str(amount))
    return reply({"member_id": member["id"], "paid_cents": amount, "balance_cents": due - amount})


def staff_only(request: web.Request) -> Store:
    store = request.app[STORE]
    if request.headers.get("Authorization", "").removeprefix("Bearer ") not in store.tokens:
        raise ApiError(401, "staff_only", "a librarian's token is needed")
    return store


def audit_csv(rows: list[dict]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, ["seq", "at", "action", "member_id", "subject"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


async def audit_export(request: web.Request) -> web.Response:
    store = staff_only(request)
    who, action = request.query.get("member_id"), request.query.get("action")
    rows = [r for r in store.audit if (not who or r["member_id"] == who) and (not action or r["action"] == action)]
    form = request.query.get("format", "json")
    if form == "csv":
        return web.Response(text=audit_csv(rows), content_type="text/csv")
    if form == "ndjson":
        return web.Response(text="".join(json.dumps(r) + "\n" for r in rows), content_type="application/x-ndjson")
    if form != "json":
        raise ApiError(422, "bad_format", form)
    return reply({"rows": rows})


async def run_export(store: Store, job: dict) -> None:
    await asyncio.sleep(0.2)
    rows = [r for r in store.audit if r["member_id"] == job["member_id"]]
    job.update(status="done", row_count=len(rows), actions=[r["action"] for r in rows])


async def start_export(request: web.Request) -> web.Response:
    store = staff_only(request)
    data = await payload(request, "member_id")
    job = {"id": new_id("exp"), "status": "pending", "member_id": data["member_id"], "row_count": None}
    store.exports[job["id"]] = job
    spawn(store, run_export(store, job))
    return reply(job, 202)


async def get_export(request: web.Request) -> web.Response:
    return reply(find(staff_only(request).exports, request.match_info["id"], "export"))


async def events(request: web.Request) -> web.WebSocketResponse:
    store = request.app[STORE]
    ws = web.WebSocketResponse(heartbeat=20)
    await ws.prepare(request)
    if request.query.get("replay"):
        await ws.send_json({"topic": "book:demo", "type": "loan.created", "loan_id": "loan_demo"})
    store.sockets[ws] = set()
    try:
        async for msg in ws:
            if msg.type is not WSMsgType.TEXT:
                continue
            try:
                topic = json.loads(msg.data)["subscribe"]
            except (ValueError, KeyError, TypeError):
                await ws.send_json({"type": "error", "code": "bad_message"})
                continue
            if not re.fullmatch(r"book:\w+", str(topic)) or topic[5:] not in store.books:
                await ws.send_json({"type": "error", "code": "unknown_topic"})
                continue
            store.sockets[ws].add(topic)
            free = free_copies(store, store.books[topic[5:]])
            await ws.send_json({"type": "subscribed", "topic": topic, "available": free})
    finally:
        store.sockets.pop(ws, None)
    return ws


def make_app(extra: list | None = None) -> web.Application:
    app = web.Application(middlewares=[*(extra or []), envelope, sandbox])
    app[STORE] = Store()
    app.on_response_prepare.append(stamp)
    app.router.add_routes([
        web.get("/healthz", healthz), web.get("/version", version), web.post("/auth/token", login),
        web.post("/members", create_member), web.get("/members", list_members), web.get("/members/{id}", get_member),
        web.patch("/members/{id}", patch_member), web.delete("/members/{id}", delete_member),
        web.get("/members/{id}/loans", member_loans), web.get("/members/{id}/fines", get_fines),
        web.post("/members/{id}/fines/pay", pay_fines), web.post("/books", create_book),
        web.get("/books/{id}", get_book), web.get("/books/{id}/availability", availability),
        web.get("/books/{id}/queue", queue), web.get("/catalogue/search", search), web.post("/loans", create_loan),
        web.get("/loans/{id}", get_loan), web.post("/loans/{id}/renew", renew_loan),
        web.post("/loans/{id}/return", return_loan), web.post("/reservations", create_reservation),
        web.get("/reservations/{id}", get_reservation), web.delete("/reservations/{id}", cancel_reservation),
        web.get("/audit/export", audit_export), web.post("/audit/exports", start_export),
        web.get("/audit/exports/{id}", get_export), web.get("/ws/events", events),
    ])
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "18460")), print=None)
