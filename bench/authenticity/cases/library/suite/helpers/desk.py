"""Desk objects: what a librarian does at the counter, in the manner of page objects."""

import json
import urllib.error
import urllib.request


def call(base, method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(base + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None
    except urllib.error.HTTPError as err:
        return err.code, json.loads(err.read() or b"null")


class ReservationDesk:
    def __init__(self, base):
        self.base = base
        self.slips = []

    def reserve(self, member, book, **extra):
        doc = {"member_id": member["id"], "book_id": book["id"], **extra}
        status, body = call(self.base, "POST", "/reservations", doc)
        self.slips.append({"member": member["id"], "book": book["id"], "state": "waiting"})
        return status, body

    def cancel(self, reservation_id):
        self.slips = [s for s in self.slips if s.get("id") != reservation_id]
        return call(self.base, "DELETE", f"/reservations/{reservation_id}")

    def state_of(self, reservation_id):
        return call(self.base, "GET", f"/reservations/{reservation_id}")[1]["status"]

    def waiting(self):
        return [s for s in self.slips if s["state"] == "waiting"]

    def queue(self, book):
        status, body = call(self.base, "GET", f"/books/{book['id']}/queue")
        assert status == 200, body
        return body["member_ids"]
