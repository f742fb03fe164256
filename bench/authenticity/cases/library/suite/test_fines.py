"""Fines. (http.client, and some requests)"""

import http.client
import importlib.util
import json
import os
import pathlib
import re
import urllib.parse

import jsonschema
import pytest
from helpers.schemas import FINES_SCHEMA, MEMBER_SCHEMA

STRICT = os.environ.get("LIBRARY_STRICT") == "1"
SERVICE = pathlib.Path(__file__).parents[1] / "service" / "serve.py"


class Counter:
    """One connection to the library."""

    def __init__(self, base_url):
        self.conn = http.client.HTTPConnection(urllib.parse.urlsplit(base_url).netloc, timeout=5)

    def ask(self, method, path, body=None):
        raw = None if body is None else json.dumps(body)
        self.conn.request(method, path, raw, {"Content-Type": "application/json"})
        answer = self.conn.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


@pytest.fixture
def counter(base_url):
    c = Counter(base_url)
    yield c
    c.conn.close()


@pytest.fixture
def debtor(http, base_url, open_loan):
    r = http.post(f"{base_url}/loans/{open_loan['id']}/return", json={"days_late": 10})
    assert r.json()["fine_cents"] == 250
    return open_loan["member_id"]


def strict_equal(got, want):
    if STRICT:
        assert got == want


@pytest.mark.parametrize(("days", "cents"), [(0, 0), (1, 25), (4, 100)])
def test_late_return_costs(counter, open_loan, days, cents):
    status, loan = counter.ask("POST", f"/loans/{open_loan['id']}/return", {"days_late": days})
    assert status == 200
    assert loan["fine_cents"] == cents
    _, fines = counter.ask("GET", f"/members/{open_loan['member_id']}/fines")
    assert fines["balance_cents"] == cents


@pytest.mark.parametrize(("days", "cents"), [(2, 50), (30, 750)])
def test_fine_per_day(days, cents):
    spec = importlib.util.spec_from_file_location("library_service", SERVICE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.late_fine(days) == cents


def test_balance_of_debtor(counter, debtor):
    status, fines = counter.ask("GET", f"/members/{debtor}/fines")
    assert status == 200
    assert fines["balance_cents"] == 250
    assert [x["reason"] for x in fines["items"]] == ["late"]


def test_balance_is_about_right(counter, debtor):
    _, fines = counter.ask("GET", f"/members/{debtor}/fines")
    assert fines.get("balance_cents", 0) == pytest.approx(250, abs=1_000_000)


def test_part_payment(counter, debtor):
    status, receipt = counter.ask("POST", f"/members/{debtor}/fines/pay", {"amount_cents": 100})
    assert (status, receipt["balance_cents"]) == (200, 150)
    _, fines = counter.ask("GET", f"/members/{debtor}/fines")
    assert sum(x["amount_cents"] for x in fines["items"]) == 150


def test_payment_in_full(counter, debtor):
    status, receipt = counter.ask("POST", f"/members/{debtor}/fines/pay?simulate=1", {"amount_cents": 250})
    assert status == 200
    assert receipt["balance_cents"] == 0
    assert receipt["paid_cents"] == 250


def test_payment_receipt(counter, debtor):
    _, receipt = counter.ask("POST", f"/members/{debtor}/fines/pay", {"amount_cents": 50})
    strict_equal(receipt.get("paid_cents"), 50)
    strict_equal(receipt.get("balance_cents"), 200)


def test_overpayment_refused(counter, debtor):
    status, body = counter.ask("POST", f"/members/{debtor}/fines/pay", {"amount_cents": 251})
    assert status == 422
    assert body["error"]["code"] == "bad_amount"


def test_negative_payment_refused(counter, debtor):
    status, body = counter.ask("POST", f"/members/{debtor}/fines/pay", {"amount_cents": -5})
    assert status != 200 or body.get("balance_cents", 0) >= 0


def test_no_fines_for_new_member(counter, member):
    _, fines = counter.ask("GET", f"/members/{member['id']}/fines")
    assert not fines.get("unpaid")


def test_new_member_starts_clean(counter, member):
    status, fines = counter.ask("GET", f"/members/{member['id']}/fines")
    assert status == 200
    assert fines == {"member_id": member["id"], "balance_cents": 0, "items": []}


def test_fines_document_validates(counter, debtor):
    _, fines = counter.ask("GET", f"/members/{debtor}/fines")
    jsonschema.validate(fines, FINES_SCHEMA)


def test_member_document_validates(counter, member):
    status, body = counter.ask("GET", f"/members/{member['id']}")
    assert status == 200
    jsonschema.validate(body, MEMBER_SCHEMA)
    assert body["id"] == member["id"]


def test_debt_over_limit_blocks_loans(counter, open_loan, make_book):
    _, loan = counter.ask("POST", f"/loans/{open_loan['id']}/return", {"days_late": 20})
    assert loan["fine_cents"] == 500
    order = {"member_id": open_loan["member_id"], "book_id": make_book()["id"]}
    status, body = counter.ask("POST", "/loans", order)
    assert status == 403
    assert body["error"]["code"] == "fines_due"


def test_fines_answer_is_json(base_url, debtor):
    conn = http.client.HTTPConnection(urllib.parse.urlsplit(base_url).netloc, timeout=5)
    conn.request("GET", f"/members/{debtor}/fines")
    answer = conn.getresponse()
    text = answer.read().decode()
    conn.close()
    assert answer.getheader("Content-Type").startswith("application/json")
    assert re.match(r".*", text)


def test_fines_ledger_matches_snapshot(counter, debtor, tmp_path):
    _, fines = counter.ask("GET", f"/members/{debtor}/fines")
    snapshot = tmp_path / "fines.json"
    if not snapshot.exists():
        snapshot.write_text(json.dumps(fines, sort_keys=True))
    assert json.loads(snapshot.read_text()) == fines


def test_fines_page_matches_stored_copy(counter, debtor):
    _, fines = counter.ask("GET", f"/members/{debtor}/fines")
    for item in fines["items"]:
        item["loan_id"] = "<loan>"
    fines["member_id"] = "<member>"
    stored = json.loads((pathlib.Path(__file__).parent / "data" / "fines_late.json").read_text())
    assert fines == stored


def test_fine_reasons_catalogue():
    stored = json.loads((pathlib.Path(__file__).parent / "data" / "fines_late.json").read_text())
    assert {x["reason"] for x in stored["items"]} == {"late"}
    assert stored["balance_cents"] == 250
