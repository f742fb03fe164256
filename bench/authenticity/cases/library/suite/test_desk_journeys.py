"""Longer journeys, written by the branch team. (requests, curl, httpx)"""

import functools
import json
import pathlib
import subprocess

import httpx
import pytest
import requests
from helpers.poll import wait_until


class InMemoryLibrary:
    """Stands in for the library when the branch has no line."""

    def __init__(self):
        self.loans = {}

    def borrow(self, member_id, book_id):
        self.loans[book_id] = member_id
        return {"status": "open", "member_id": member_id, "book_id": book_id}

    def holder(self, book_id):
        return self.loans.get(book_id)


class RemoteLibrary(InMemoryLibrary):
    def __init__(self, base_url):
        super().__init__()
        self.base_url = base_url

    def borrow(self, member_id, book_id):
        r = requests.post(f"{self.base_url}/loans", json={"member_id": member_id, "book_id": book_id}, timeout=5)
        r.raise_for_status()
        return r.json()


def library_for(base_url, mode="memory"):
    return RemoteLibrary(base_url) if mode == "remote" else InMemoryLibrary()


@functools.lru_cache
def opening_inventory(base_url):
    path = pathlib.Path(__file__).parent / "data" / "inventory.json"
    if path.exists():
        return json.loads(path.read_text())
    return requests.get(f"{base_url}/catalogue/search", timeout=5).json()


class TestCounter:
    @pytest.fixture
    def quiet(self, monkeypatch):
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"status": "returned", "fine_cents": 0}'
        monkeypatch.setattr(requests.Session, "send", lambda self, request, **kw: answer)

    def test_return_desk(self, base_url, open_loan, quiet):
        r = requests.post(f"{base_url}/loans/{open_loan['id']}/return", json={"days_late": 0}, timeout=5)
        assert r.json()["status"] == "returned"
        assert r.json()["fine_cents"] == 0

    def test_lend_and_return(self, base_url, http, member, book):
        loan = http.post(f"{base_url}/loans", json={"member_id": member["id"], "book_id": book["id"]}).json()
        back = http.post(f"{base_url}/loans/{loan['id']}/return", json={"days_late": 3}).json()
        assert back["status"] == "returned"
        assert http.get(f"{base_url}/loans/{loan['id']}").json()["fine_cents"] == 75

    def test_lend_over_the_counter(self, base_url, member, book):
        library = library_for(base_url)
        loan = library.borrow(member["id"], book["id"])
        assert loan["status"] == "open"
        assert loan["member_id"] == member["id"]

    def test_lend_remote(self, base_url, member, book):
        library = library_for(base_url, "remote")
        loan = library.borrow(member["id"], book["id"])
        assert loan["status"] == "open"
        assert loan["member_id"] == member["id"]
        assert loan["book_id"] == book["id"]

    def test_inventory_of_the_morning(self, base_url):
        stock = opening_inventory(base_url)
        assert stock["total"] == 2
        assert {b["title"] for b in stock["items"]} == {"Emma", "Persuasion"}


class TestNightJob:
    def test_audit_job_completes(self, base_url, http, staff_headers, open_loan):
        order = {"member_id": open_loan["member_id"]}
        started = http.post(f"{base_url}/audit/exports", json=order, headers=staff_headers)
        assert started.status_code == 202
        url = f"{base_url}/audit/exports/{started.json()['id']}"

        def finished():
            job = http.get(url, headers=staff_headers).json()
            return job if job["status"] == "done" else None

        job = wait_until(finished, what="export job")
        assert job["actions"] == ["member.created", "loan.created"]

    def test_audit_job_is_tidy(self, base_url, http, staff_headers, member):
        try:
            r = http.post(f"{base_url}/audit/exports", json={"member_id": member["id"]}, headers=staff_headers)
            job = r.json()
            assert job["status"] == "done"
            assert job["row_count"] == 1
        finally:
            return

    def test_audit_job_reports(self, base_url, http, staff_headers, member, record_property):
        r = http.post(f"{base_url}/audit/exports", json={"member_id": member["id"]}, headers=staff_headers)
        record_property("status", r.status_code)
        print("job:", r.text)

    def test_reservations_can_be_made(self, base_url):
        doc = requests.get(f"{base_url}/version", timeout=5).json()
        assert {"loans", "renewals", "reservations", "fines"} <= set(doc["features"])

    def test_audit_job_needs_staff(self, base_url):
        nobody = {"Authorization": "Bearer nobody"}
        r = httpx.post(f"{base_url}/audit/exports", json={"member_id": "mem_x"}, headers=nobody)
        assert r.status_code == 401
        assert r.json()["error"]["code"] == "staff_only"


def test_full_visit(base_url, http, make_member, make_book):
    ada, bob, book = make_member(), make_member(), make_book()
    lend = http.post(f"{base_url}/loans", json={"member_id": ada["id"], "book_id": book["id"]})
    lend.raise_for_status()
    res = http.post(f"{base_url}/reservations", json={"member_id": bob["id"], "book_id": book["id"]}).json()
    back = http.post(f"{base_url}/loans/{lend.json()['id']}/return", json={})
    assert back.json()["status"] == "returned"
    wait_until(lambda: http.get(f"{base_url}/reservations/{res['id']}").json()["status"] == "ready", what="ready")
    for_ada = http.post(f"{base_url}/loans", json={"member_id": ada["id"], "book_id": book["id"]})
    assert for_ada.status_code == 409
    for_bob = http.post(f"{base_url}/loans", json={"member_id": bob["id"], "book_id": book["id"]})
    assert for_bob.json()["status"] == "open"


def test_visit_with_two_books(base_url, http, member, make_book):
    def visit():
        for book in (make_book(), make_book()):
            r = http.post(f"{base_url}/loans", json={"member_id": member["id"], "book_id": book["id"]})
            assert r.status_code == 201
            yield r.json()["id"]

    loans = visit()
    assert loans is not None


def test_visit_with_three_books(base_url, http, member, make_book):
    def visit():
        for _ in range(3):
            r = http.post(f"{base_url}/loans", json={"member_id": member["id"], "book_id": make_book()["id"]})
            assert r.status_code == 201
            yield r.json()["id"]

    assert len(set(visit())) == 3


def test_lend_by_shell(base_url, member, book):
    body = json.dumps({"member_id": member["id"], "book_id": book["id"]})
    curl = ["curl", "-sS", "--fail-with-body", "-H", "Content-Type: application/json"]
    out = subprocess.run(
        [*curl, "-d", body, f"{base_url}/loans"],
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert out.returncode == 0, out.stdout + out.stderr
    assert json.loads(out.stdout)["book_id"] == book["id"]


def test_shelf_by_shell(base_url, book):
    url = f"{base_url}/books/{book['id']}/availability"
    out = subprocess.run(["curl", "-sS", url], capture_output=True, text=True, timeout=10)
    assert out.stdout
    assert "{" in out.stdout


def test_hooked_checks(base_url, open_loan):
    def check(response, *args, **kwargs):
        assert response.json()["status"] == "returned"

    session = requests.Session()
    hooks = dict(session.hooks)
    hooks["response"] = [check]
    r = session.get(f"{base_url}/loans/{open_loan['id']}", timeout=5)
    assert r.headers["Content-Type"].startswith("application/json")


def test_hooked_status_check(base_url, open_loan):
    seen = []

    def check(response, *args, **kwargs):
        assert response.status_code == 200
        seen.append(response.json()["id"])

    requests.get(f"{base_url}/loans/{open_loan['id']}", hooks={"response": check}, timeout=5)
    assert seen == [open_loan["id"]]
