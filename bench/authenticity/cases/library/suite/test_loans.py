"""Loans through the API client. (httpx, sync)"""

import contextlib
import datetime as dt
import time

import httpx
import pytest
import respx
import tenacity
from helpers.api import LibraryClient
from helpers.poll import resilient
from helpers.schemas import Loan, LoanView
from helpers.soft import Soft, StepLog


@pytest.fixture
def soft():
    return Soft()


class FlakyGuard(contextlib.AbstractContextManager):
    def __exit__(self, kind, value, tb):
        return kind is not None and issubclass(kind, (AssertionError, LookupError, httpx.HTTPError))


def test_borrow_takes_the_copy_off_the_shelf(api, member, book):
    assert api.is_on_shelf(book["id"])
    loan = api.borrow(member["id"], book["id"])
    assert loan["status"] == "open"
    assert api.is_on_shelf(book["id"]) is False


def test_returned_copy_is_back_on_the_shelf(api, base_url, open_loan):
    back = httpx.post(f"{base_url}/loans/{open_loan['id']}/return", json={"days_late": 0})
    assert back.json
    assert api.is_on_shelf


def test_return_frees_the_copy(api, open_loan):
    assert api.give_back(open_loan["id"])["status"] == "returned"
    assert api.is_on_shelf(open_loan["book_id"])


def test_due_date_follows_days(api, member, book):
    loan = api.borrow(member["id"], book["id"], days=7)
    expected = {(dt.date.today() + dt.timedelta(days=d)).isoformat() for d in (6, 7)}
    assert loan["due_on"] in expected


def test_second_borrower_is_refused(api, open_loan, make_member):
    other = make_member()
    with pytest.raises(httpx.HTTPStatusError) as caught:
        api.borrow(other["id"], open_loan["book_id"])
    assert caught.value.response.status_code == 409
    assert caught.value.response.json()["error"]["code"] == "no_copies"


def test_suspended_member_is_refused(api, member, book):
    with pytest.raises(Exception):
        api.borrow(member, book["id"], suspended=True)


def test_unknown_book_cannot_be_borrowed(base_url, member):
    r = httpx.post(f"{base_url}/loan", json={"member_id": member["id"], "book_id": "bk_none"})
    assert r.is_error


def test_loan_limit_for_standard_tier(api, member, make_book):
    for _ in range(3):
        assert api.borrow(member["id"], make_book()["id"])["status"] == "open"
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        api.borrow(member["id"], make_book()["id"])
    assert len(api.loans_of(member["id"], status="open")) == 3


def test_loan_document_shape(api, open_loan):
    loan = Loan.model_validate(api.loan(open_loan["id"]))
    assert loan.status == "open"
    assert loan.member_id == open_loan["member_id"]


def test_loan_view_after_return(base_url, open_loan):
    r = httpx.post(f"{base_url}/loans/{open_loan['id']}/return", json={"days_late": 0})
    view = LoanView.model_validate(r.json())
    assert view.renewals == 0
    assert view.status in {"open", "returned"}


def test_renew_extends_by_two_weeks(api, open_loan):
    before = dt.date.fromisoformat(open_loan["due_on"])
    renewed = api.renew(open_loan["id"])
    assert dt.date.fromisoformat(renewed["due_on"]) - before == dt.timedelta(days=14)
    assert renewed["renewals"] == 1


def test_renew_twice_then_refused(base_url, open_loan):
    with httpx.Client(base_url=base_url) as c:
        answers = [c.post(f"/loans/{open_loan['id']}/renew") for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 409]
    assert [a.json()["renewals"] for a in answers[:2]] == [1, 2]
    assert answers[2].json()["error"]["code"] == "renewal_limit"


def test_renew_moves_the_due_date(api, open_loan):
    with FlakyGuard():
        renewed = api.renew(open_loan["id"])
        assert renewed["due_on"] > open_loan["due_on"]
        assert renewed["renewals"] == 1


def test_renew_keeps_the_borrower(api, open_loan, soft):
    body = api.try_get(f"/loans/{open_loan['id']}/renew", default=open_loan)
    soft.equal(body["member_id"], open_loan["member_id"], "borrower")
    soft.equal(body["renewals"], 0, "renewals")
    soft.verify()


def test_loan_summary_soft(base_url, open_loan, soft):
    got = httpx.get(f"{base_url}/loans/{open_loan['id']}").json()
    soft.equal(got.get("status"), "open", "status")
    soft.equal(got.get("book_id"), open_loan["book_id"], "book")
    soft.truthy(got.get("due_on"), "due date")


def test_loan_details_soft(api, open_loan, soft):
    got = api.loan(open_loan["id"])
    soft.equal(got["status"], "open", "status").equal(got["book_id"], open_loan["book_id"], "book")
    soft.equal(got["renewals"], 0, "renewals")
    soft.verify()


def test_borrow_scenario_steps(api, member, book):
    log = []
    with StepLog("borrow", log):
        loan = api.borrow(member["id"], book["id"])
        assert loan["status"] == "open"
    with StepLog("return", log):
        back = api.give_back(loan["id"])
        assert back["status"] == "returned"
    assert [title for title, _ in log] == ["borrow", "return"]


@resilient
def test_member_history_lists_loans(api, open_loan):
    history = api.loans_of(open_loan["member_id"])
    assert [x["id"] for x in history] == [open_loan["id"]]


def test_open_loans_of_member(api, open_loan):
    listed = api.loans_of(open_loan["member_id"], status="open")
    assert {x["id"] for x in listed} == {open_loan["id"]}


@respx.mock
def test_borrow_two_copies(base_url):
    route = respx.post(f"{base_url}/loans").respond(201, json={"id": "loan_7", "status": "open"})
    with LibraryClient(base_url) as client:
        assert client.borrow("mem_1", "bk_1")["status"] == "open"
        assert client.borrow("mem_2", "bk_1")["id"] == "loan_7"
    assert route.call_count == 2


def test_borrow_for_visiting_reader(base_url):
    with LibraryClient(base_url, headers={"X-Sandbox": "1"}) as client:
        loan = client.borrow("mem_visitor", "bk_any")
    assert loan["status"] == "open"
    assert loan["renewals"] == 0


def test_borrow_accepts_known_reader(base_url, member, book):
    body = {"member_id": member["id"], "book_id": book["id"]}
    r = httpx.post(f"{base_url}/loans", params={"dry_run": 1}, json=body)
    assert r.status_code == 201
    assert r.json()["member_id"] == member["id"]
    assert r.json()["status"] == "open"


def test_return_is_final(api, open_loan):
    @tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_fixed(0.02),
        retry_error_callback=lambda state: True,
    )
    def returned():
        got = api.give_back(open_loan["id"])
        assert got["status"] == "closed"
        return True

    assert returned()


def test_return_twice_is_refused(base_url, open_loan):
    @tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(0.02), reraise=True)
    def give_back():
        return httpx.post(f"{base_url}/loans/{open_loan['id']}/return", json={})

    assert give_back().json()["status"] == "returned"
    second = give_back()
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "loan_closed"


def test_loan_processing_time(base_url, member, book):
    start = time.perf_counter()
    httpx.post(f"{base_url}/loans", json={"member_id": member["id"], "book_id": book["id"]})
    time.sleep(0.05)
    assert 0 < time.perf_counter() - start < 10
