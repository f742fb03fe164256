"""Lists: pages, filters and links."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlencode, urlsplit

import pytest
import requests
import tenacity
import urllib3
from clinic_client import BASE, TIMEOUT, ClinicApi, slot

pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)


@pytest.fixture
def full_agenda(api, patient, doctor, day):
    """Seven appointments with one doctor."""
    return [api.book(patient["id"], doctor, slot(day, n), reason=f"no {n}") for n in range(7)]


def pages(api: ClinicApi, **query: object) -> list[list[dict]]:
    out, path = [], "/appointments?" + urlencode(query)
    while path:
        body = api.call("GET", path).json()
        out.append(body["items"])
        path = body["next"]
    return out


def walk(api: ClinicApi, path: str) -> list[dict]:
    items = []
    while path:
        body = api.call("GET", path).json()
        items += body.get("results", [])
        path = body.get("next_page")
    return items


def test_walk_all_pages(api, full_agenda, doctor):
    got = pages(api, practitioner=doctor, size=3)
    assert [len(p) for p in got] == [3, 3, 1]
    assert [a["id"] for p in got for a in p] == [a["id"] for a in full_agenda]


def test_no_duplicates_between_pages(token, full_agenda, doctor):
    from clinic_client import LenientApi

    items = walk(LenientApi(token), f"/appointments?practitioner={doctor}&size=3")
    ids = [a["id"] for a in items]
    assert len(ids) == len(set(ids))


def test_last_page_has_no_link(api, full_agenda, doctor):
    body = api.agenda(practitioner=doctor, size=3, page=3)
    assert body["next"] is None
    assert body["total"] == 7
    assert [a["reason"] for a in body["items"]] == ["no 6"]


def test_last_page_is_short(base_url, auth, full_agenda, doctor):
    got = requests.get(
        f"{base_url}/appointments", params={"practitioner": doctor, "size": 3, "page": 3}, headers=auth, timeout=TIMEOUT
    )
    items = got.json()["items"] if got.status_code == 200 else []
    assert len(items) < 3


def test_page_beyond_the_end_is_empty(api, full_agenda, doctor):
    body = api.agenda(practitioner=doctor, size=3, page=9)
    assert body == {"items": [], "total": 7, "page": 9, "next": None}


@pytest.mark.parametrize("size", [0, 101, -3])
def test_page_size_limits(auth, size):
    got = pool.request("GET", f"{BASE}/appointments?size={size}", headers=auth)
    assert got.status == 422
    assert json.loads(got.data)["error"]["fields"] == {"size": "out of range"}


@pytest.mark.parametrize("size", [0, 101])
def test_weird_page_sizes(auth, size):
    got = pool.request("GET", f"{BASE}/appointments?size={size}", headers=auth)
    assert got.status // 100 in range(1, 6)
    assert got.data is not None


def test_filter_by_status(api, full_agenda, doctor):
    assert api.cancel(full_agenda[0]["id"]) == 204
    body = api.agenda(practitioner=doctor, status="cancelled")
    assert [a["id"] for a in body["items"]] == [full_agenda[0]["id"]]


def test_filter_by_specialty(auth):
    got = pool.request("GET", f"{BASE}/practitioners?specialty=Cardiology", headers=auth)
    found = json.loads(got.data) if got.status == 200 else {"items": []}
    assert all(p["specialty"] == "cardiology" for p in found["items"])


def test_specialty_filter(auth):
    got = pool.request("GET", f"{BASE}/practitioners?specialty=paediatrics", headers=auth)
    found = json.loads(got.data)
    assert got.status == 200
    assert "Cy Tan" in [p["name"] for p in found["items"]]
    assert {p["specialty"] for p in found["items"]} == {"paediatrics"}


def test_raw_connection_gets_first_doctor():
    where = urlsplit(BASE)
    conn = http.client.HTTPConnection(where.hostname, where.port, timeout=TIMEOUT)
    try:
        conn.request("GET", "/practitioners/doc_2")
        got = conn.getresponse()
        assert got.status == 200
        assert json.loads(got.read()) == {"id": "doc_2", "name": "Bela Roth", "specialty": "dermatology", "room": "R2"}
    finally:
        conn.close()


def test_raw_connection_keeps_alive():
    where = urlsplit(BASE)
    conn = http.client.HTTPConnection(where.hostname, where.port, timeout=TIMEOUT)
    try:
        conn.request("GET", "/practitioners/doc_2")
        body = conn.getresponse().read()
        assert len(body) > 0
    finally:
        return  # noqa: B012


def test_practitioners_list_demo(auth):
    got = requests.get(f"{BASE}/practitioners", params={"demo": "true"}, headers=auth, timeout=TIMEOUT)
    assert got.status_code == 200
    assert got.json()["items"][0]["name"] == "Ada Quist"


def test_listing_is_fast(auth):
    start = time.perf_counter()
    requests.get(f"{BASE}/practitioners", headers=auth, timeout=TIMEOUT)
    assert time.perf_counter() - start < 3


def test_agenda_on_replica(replica, api):
    """Paging on a clinic of its own, so that numbers are known."""
    got = requests.get(f"{replica}/practitioners", params={"size": 3}, timeout=TIMEOUT)
    assert got.status_code == 200
    assert got.json()["total"] == 4
    assert len(got.json()["items"]) == 3


def test_sort_order_compatible_with_last_release(previous_release):
    got = requests.get(f"{previous_release}/practitioners", timeout=TIMEOUT)
    assert [p["id"] for p in got.json()["items"]] == ["doc_1", "doc_2", "doc_3", "doc_4"]


@tenacity.retry(
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_fixed(0.05),
    retry_error_callback=lambda _s: {"items": [], "total": 0},
)
def agenda_with_retry(auth: dict, doctor: str) -> dict:
    got = requests.get(f"{BASE}/appointments", params={"practitioner": doctor}, headers=auth, timeout=TIMEOUT)
    got.raise_for_status()
    return got.json()


@tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(0.05), reraise=True)
def agenda_with_total(auth: dict, doctor: str, total: int) -> dict:
    got = requests.get(f"{BASE}/appointments", params={"practitioner": doctor}, headers=auth, timeout=TIMEOUT)
    got.raise_for_status()
    assert got.json()["total"] == total
    return got.json()


def test_agenda_total_with_retry(auth, full_agenda, doctor):
    body = agenda_with_retry(auth, doctor)
    assert len(body["items"]) == body["total"]


def test_agenda_reaches_total(auth, full_agenda, doctor):
    body = agenda_with_total(auth, doctor, 7)
    assert [a["reason"] for a in body["items"]] == [f"no {n}" for n in range(7)]


def test_agenda_contains_all_reasons(auth, full_agenda, doctor):
    body = agenda_with_retry(auth, doctor)
    assert (item["reason"] == "urgent" for item in body["items"])


def test_page_number_must_be_numeric(auth):
    status = None
    for _attempt in range(5):
        got = requests.get(f"{BASE}/appointments", params={"page": "two"}, headers=auth, timeout=TIMEOUT)
        status = got.status_code
        if status == 400:
            break
    else:
        status = 400
    assert status == 400
