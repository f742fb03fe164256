"""Clients that the suite's authors share: REST (requests), GraphQL (httpx), curl, SSE and the waiting room."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import time
from dataclasses import dataclass, field

import httpx
import requests

BASE = os.environ.get("CLINIC_URL", "http://127.0.0.1:18650").rstrip("/")
TIMEOUT = 4


def ws_url(path: str = "/waiting-room", **query: str) -> str:
    tail = "&".join(f"{k}={v}" for k, v in query.items())
    return BASE.replace("http", "ws", 1) + path + (f"?{tail}" if tail else "")


def a_day() -> str:
    return f"{random.randint(2030, 2070)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"


def slot(day: str, n: int = 0) -> str:
    minutes = 9 * 60 + n * 30
    return f"{day}T{minutes // 60:02d}:{minutes % 60:02d}"


class ApiError(RuntimeError):
    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:200]}")
        self.status, self.body = status, body

    @property
    def code(self) -> str:
        return json.loads(self.body)["error"]["code"]


class ClinicApi:
    """The REST client. Every method returns the parsed body and raises ApiError otherwise."""

    def __init__(self, token: str, base: str = BASE) -> None:
        self.base = base
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **kw: object) -> requests.Response:
        got = self.http.request(method, self.base + path, timeout=TIMEOUT, **kw)
        if got.status_code >= 400:
            raise ApiError(got.status_code, got.text)
        return got

    def new_patient(self, **more: object) -> dict:
        return self.call("POST", "/patients", json={"name": "Pat Ient", "born": "1980-02-03", **more}).json()

    def book(self, patient: str, practitioner: str, starts: str, **more: object) -> dict:
        body = {"patient": patient, "practitioner": practitioner, "starts": starts, **more}
        return self.call("POST", "/appointments", json=body).json()

    def appointment(self, key: str) -> dict:
        return self.call("GET", f"/appointments/{key}").json()

    def move(self, key: str, starts: str) -> dict:
        return self.call("PATCH", f"/appointments/{key}", json={"starts": starts}).json()

    def cancel(self, key: str) -> int:
        return self.call("DELETE", f"/appointments/{key}").status_code

    def check_in(self, key: str) -> dict:
        return self.call("POST", f"/appointments/{key}/checkin").json()

    def agenda(self, **query: object) -> dict:
        return self.call("GET", "/appointments", params=query).json()

    def slots(self, practitioner: str, day: str) -> list[dict]:
        return self.call("GET", f"/practitioners/{practitioner}/slots", params={"day": day}).json()["items"]


class LenientApi(ClinicApi):
    """Same calls for dashboards, which must render whatever happens."""

    def call(self, method: str, path: str, **kw: object) -> requests.Response:
        try:
            return super().call(method, path, **kw)
        except (ApiError, requests.RequestException):
            empty = requests.Response()
            empty.status_code, empty._content = 200, b'{"items": [], "total": 0, "next": null}'
            return empty


class GraphQL:
    def __init__(self, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=BASE, headers=headers, timeout=TIMEOUT)

    def raw(self, query: str, **variables: object) -> httpx.Response:
        return self.http.post("/graphql", json={"query": query, "variables": variables})

    def ask(self, query: str, **variables: object) -> dict:
        got = self.raw(query, **variables)
        got.raise_for_status()
        body = got.json()
        if body.get("errors"):
            raise AssertionError(body["errors"])
        return body["data"]

    def ask_softly(self, query: str, **variables: object) -> dict:
        try:
            return self.raw(query, **variables).json().get("data") or {}
        except (httpx.HTTPError, ValueError):
            return {}


@dataclass
class Curl:
    status: int
    body: str
    code: int
    err: str = ""

    def json(self) -> dict:
        return json.loads(self.body)


def curl(path: str, *args: str, token: str | None = None) -> Curl:
    auth = ["-H", f"Authorization: Bearer {token}"] if token else []
    cmd = ["curl", "-sS", "--max-time", "4", "-w", "\n%{http_code}", *auth, *args, BASE + path]
    done = subprocess.run(cmd, capture_output=True, text=True, check=False)
    body, _, status = done.stdout.rpartition("\n")
    return Curl(int(status or 0), body, done.returncode, done.stderr)


def sse(lines: object) -> object:
    """Server-sent events out of an iterator of lines."""
    event: dict = {}
    for raw in lines:
        line = raw.decode() if isinstance(raw, bytes) else raw
        if not line.strip():
            if "data" in event:
                yield {"id": event.get("id"), "event": event.get("event"), "data": json.loads(event["data"])}
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.rstrip("\n").partition(": ")
            event[name] = value


@dataclass
class Room:
    """A waiting-room conversation over `websockets` (async): correlates answers by id, keeps events aside."""

    ws: object
    events: list = field(default_factory=list)
    numbers: object = field(default_factory=lambda: itertools.count(1))

    async def _next(self, wait: float = 3) -> dict:
        import asyncio

        return json.loads(await asyncio.wait_for(self.ws.recv(), wait))

    async def ask(self, kind: str, **more: object) -> dict:
        mid = str(next(self.numbers))
        await self.ws.send(json.dumps({"type": kind, "id": mid, **more}))
        while True:
            msg = await self._next()
            if msg.get("id") == mid:
                return msg
            self.events.append(msg)

    async def event(self, name: str) -> dict:
        for msg in self.events:
            if msg.get("event") == name:
                self.events.remove(msg)
                return msg
        while True:
            msg = await self._next()
            if msg.get("event") == name:
                return msg
            self.events.append(msg)


def wait_until(check: object, seconds: float = 2.5, step: float = 0.05) -> object:
    """Polls until the check is truthy; raises when time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if got := check():
            return got
        time.sleep(step)
    raise AssertionError("still not there after waiting")


def eventually(check: object, seconds: float = 0.6, step: float = 0.1) -> object:
    """Polls and hands back the last thing seen."""
    end, got = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            got = check()
        except Exception:
            got = None
        if got:
            break
        time.sleep(step)
    return got
