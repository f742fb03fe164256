"""State of the clinic: everything in memory, one process, one event loop."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
import uuid
from collections import defaultdict

OPEN, CLOSE, STEP = 9, 17, 30
SPECIALTIES = ("cardiology", "dermatology", "paediatrics", "orthopaedics")
USERS = {"desk": "desk-pass", "doctor": "doctor-pass"}


class Refused(Exception):
    """A request that the clinic turns down, with the HTTP status and a code."""

    def __init__(self, status: int, code: str, **more: object) -> None:
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


def require(body: dict, **fields: type) -> None:
    wrong = {
        n: "missing" if n not in body else "wrong type" for n, t in fields.items() if not isinstance(body.get(n), t)
    }
    wrong |= {n: "blank" for n in fields if isinstance(body.get(n), str) and not body[n].strip()}
    if wrong:
        raise Refused(422, "invalid", fields=wrong)


class Clinic:
    def __init__(self) -> None:
        self.practitioners: dict[str, dict] = {}
        self.patients: dict[str, dict] = {}
        self.appointments: dict[str, dict] = {}
        self.documents: dict[str, dict] = {}
        self.hooks: dict[str, dict] = {}
        self.deliveries: dict[str, list] = defaultdict(list)
        self.jobs: dict[str, dict] = {}
        self.idempotent: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.events: dict[str, list] = defaultdict(list)
        self.feeds: dict[str, set[asyncio.Queue]] = defaultdict(set)
        self.rooms: dict[str, set[asyncio.Queue]] = defaultdict(set)
        self.queues: dict[str, list] = defaultdict(list)
        self.tickets: dict[str, int] = defaultdict(int)
        self.on_event: list = []
        for i, (name, spec) in enumerate(
            [
                ("Ada Quist", "cardiology"),
                ("Bela Roth", "dermatology"),
                ("Cy Tan", "paediatrics"),
                ("Di Ume", "cardiology"),
            ]
        ):
            self.practitioners[f"doc_{i + 1}"] = {
                "id": f"doc_{i + 1}",
                "name": name,
                "specialty": spec,
                "room": f"R{i + 1}",
            }

    # people
    def add_practitioner(self, body: dict) -> dict:
        require(body, name=str, specialty=str)
        if body["specialty"] not in SPECIALTIES:
            raise Refused(422, "invalid", fields={"specialty": "unknown"})
        item = {
            "id": new_id("doc"),
            "name": body["name"],
            "specialty": body["specialty"],
            "room": body.get("room", "R0"),
        }
        self.practitioners[item["id"]] = item
        return item

    def add_patient(self, body: dict) -> dict:
        require(body, name=str, born=str)
        try:
            born = dt.date.fromisoformat(body["born"])
        except ValueError:
            raise Refused(422, "invalid", fields={"born": "not a date"}) from None
        item = {
            "id": new_id("pat"),
            "name": body["name"].strip(),
            "born": born.isoformat(),
            "phone": body.get("phone", ""),
            "tags": sorted(set(body.get("tags", []))),
            "version": 1,
        }
        self.patients[item["id"]] = item
        return item

    def get(self, kind: str, key: str) -> dict:
        try:
            return getattr(self, kind)[key]
        except KeyError:
            raise Refused(404, f"{kind.rstrip('s')}_not_found", id=key) from None

    def patch_patient(self, key: str, body: dict, match: str | None) -> dict:
        item = self.get("patients", key)
        if match is not None and match.strip('"') != str(item["version"]):
            raise Refused(412, "version_mismatch", current=item["version"])
        unknown = set(body) - {"name", "phone", "tags"}
        if unknown:
            raise Refused(422, "invalid", fields=dict.fromkeys(sorted(unknown), "read only"))
        item.update(body, version=item["version"] + 1)
        return item

    # appointments
    def slots(self, doctor: str, day: str) -> list[dict]:
        self.get("practitioners", doctor)
        taken = {
            a["starts"]
            for a in self.appointments.values()
            if a["practitioner"] == doctor and a["status"] != "cancelled"
        }
        times = [f"{day}T{m // 60:02d}:{m % 60:02d}" for m in range(OPEN * 60, CLOSE * 60, STEP)]
        return [{"starts": t, "free": t not in taken} for t in times]

    def book(self, body: dict, key: str | None = None) -> tuple[dict, bool]:
        if key and key in self.idempotent:
            return self.appointments[self.idempotent[key]], False
        require(body, patient=str, practitioner=str, starts=str)
        self.get("patients", body["patient"])
        slot = next(
            (s for s in self.slots(body["practitioner"], body["starts"][:10]) if s["starts"] == body["starts"]), None
        )
        if slot is None:
            raise Refused(422, "outside_hours", starts=body["starts"])
        if not slot["free"]:
            raise Refused(409, "slot_taken", starts=body["starts"])
        code = hashlib.sha256(f"{body['patient']}{body['starts']}".encode()).hexdigest()[:8].upper()
        item = {
            "id": new_id("apt"),
            "patient": body["patient"],
            "practitioner": body["practitioner"],
            "starts": body["starts"],
            "reason": body.get("reason", ""),
            "status": "booked",
            "reference": code,
            "version": 1,
        }
        self.appointments[item["id"]] = item
        if key:
            self.idempotent[key] = item["id"]
        self.emit("appointment.booked", item)
        return item, True

    def move(self, key: str, starts: str) -> dict:
        item = self.get("appointments", key)
        slot = next((s for s in self.slots(item["practitioner"], starts[:10]) if s["starts"] == starts), None)
        if slot is None:
            raise Refused(422, "outside_hours", starts=starts)
        if not slot["free"]:
            raise Refused(409, "slot_taken", starts=starts)
        item.update(starts=starts, version=item["version"] + 1)
        self.emit("appointment.moved", item)
        return item

    def cancel(self, key: str) -> dict:
        item = self.get("appointments", key)
        if item["status"] != "booked":
            raise Refused(409, "not_cancellable", state=item["status"])
        item.update(status="cancelled", version=item["version"] + 1)
        self.emit("appointment.cancelled", item)
        return item

    # the waiting room
    def check_in(self, key: str) -> dict:
        item = self.get("appointments", key)
        if item["status"] != "booked":
            raise Refused(409, "not_booked", state=item["status"])
        room = item["practitioner"]
        self.tickets[room] += 1
        item.update(status="waiting", ticket=self.tickets[room], version=item["version"] + 1)
        self.queues[room].append(key)
        self.emit("patient.checked_in", item, position=len(self.queues[room]))
        return {"appointment": key, "ticket": item["ticket"], "position": len(self.queues[room])}

    def call_next(self, room: str) -> dict:
        if not self.queues[room]:
            raise Refused(409, "room_empty", room=room)
        item = self.appointments[self.queues[room].pop(0)]
        item.update(status="in_consultation", version=item["version"] + 1)
        self.emit("patient.called", item, ticket=item["ticket"])
        return item

    def complete(self, key: str) -> dict:
        item = self.get("appointments", key)
        if item["status"] != "in_consultation":
            raise Refused(409, "not_in_consultation", state=item["status"])
        item.update(status="completed", version=item["version"] + 1)
        self.emit("patient.seen", item)
        return item

    def emit(self, name: str, item: dict, **more: object) -> None:
        room = item["practitioner"]
        log = self.events[room]
        event = {"seq": len(log) + 1, "event": name, "room": room, "appointment": dict(item), **more}
        log.append(event)
        for queue in list(self.feeds[room] | self.rooms[room]):
            queue.put_nowait(event)
        for hook in self.on_event:
            hook(event)

    # the rest
    def add_document(self, patient: str, name: str, mime: str, data: bytes) -> dict:
        self.get("patients", patient)
        if mime not in {"text/plain", "image/png", "application/pdf", "text/csv"}:
            raise Refused(415, "unsupported_type", mime=mime)
        if len(data) > 200_000:
            raise Refused(413, "too_large", size=len(data))
        item = {"id": new_id("file"), "patient": patient, "name": name, "mime": mime, "size": len(data)}
        item["sha256"] = hashlib.sha256(data).hexdigest()
        self.documents[item["id"]] = item | {"data": data}
        return item

    def add_job(self, doctor: str, day: str) -> dict:
        hits = [s for s in self.slots(doctor, day) if not s["free"]]
        job = {"id": new_id("job"), "kind": "reminders", "ready": time.monotonic() + 0.15, "sent": len(hits)}
        self.jobs[job["id"]] = job
        return self.job(job["id"])

    def job(self, key: str) -> dict:
        job = self.get("jobs", key)
        done = time.monotonic() >= job["ready"]
        return {
            "id": key,
            "kind": job["kind"],
            "state": "done" if done else "queued",
            "sent": job["sent"] if done else None,
        }

    def occupancy(self, doctor: str, day: str) -> dict:
        slots = self.slots(doctor, day)
        booked = sum(not s["free"] for s in slots)
        return {
            "practitioner": doctor,
            "day": day,
            "booked": booked,
            "capacity": len(slots),
            "ratio": round(booked / len(slots), 4),
        }

    def login(self, user: str, password: str) -> str:
        if USERS.get(user) != password:
            raise Refused(401, "bad_credentials")
        token = new_id("tok")
        self.tokens[token] = user
        return token
