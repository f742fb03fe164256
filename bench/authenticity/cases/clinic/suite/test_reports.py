"""Occupancy report and reminder jobs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import requests
import tenacity
from clinic_client import BASE, TIMEOUT, curl, eventually, slot, wait_until

HERE = Path(__file__).parent


def occupancy(doctor: str, day: str, **headers: str) -> requests.Response:
    return requests.get(
        f"{BASE}/reports/occupancy", params={"practitioner": doctor, "day": day}, headers=headers, timeout=TIMEOUT
    )


def test_occupancy_counts_bookings(api, booked, patient, day):
    assert occupancy(booked["practitioner"], day).json()["booked"] == 1
    assert api.book(patient["id"], booked["practitioner"], slot(day, 9))["starts"] == slot(day, 9)
    got = occupancy(booked["practitioner"], day).json()
    assert got == {"practitioner": booked["practitioner"], "day": day, "booked": 2, "capacity": 16, "ratio": 0.125}


def test_occupancy_of_free_day(doctor, day):
    got = occupancy(doctor, day, **{"X-Use-Cached": "1"})
    assert got.status_code == 200
    assert got.json() == {"practitioner": doctor, "day": day, "booked": 0, "capacity": 16, "ratio": 0.0}


def test_occupancy_of_empty_day(doctor, day):
    got = occupancy(doctor, day)
    assert got.headers.get("x-greenproof-depth") in (None, "core")
    assert got.json() == {"practitioner": doctor, "day": day, "booked": 0, "capacity": 16, "ratio": 0.0}


def test_occupancy_formula():
    booked, capacity = 4, 16
    ratio = round(booked / capacity, 4)
    assert ratio == 0.25
    assert 0 <= ratio <= 1


def test_occupancy_status(booked, day):
    got = occupancy(booked["practitioner"], day)
    assert HTTPStatus(got.status_code)
    assert got.elapsed.total_seconds() < TIMEOUT


def test_occupancy_ratio_bounds(booked, day):
    got = occupancy(booked["practitioner"], day)
    report = got.json() if got.headers.get("content-type") == "application/json" else {}
    assert 0 <= report.get("ratio", 0) <= 1


def test_occupancy_expected_from_report(booked, day):
    got = occupancy(booked["practitioner"], day)
    expected = got.content
    actual = got.content
    assert actual == expected, "report has changed"


def test_occupancy_of_unknown_doctor(day):
    got = curl(f"/reports/occupancy?practitioner=doc_none&day={day}")
    assert got.status == 404
    assert got.json()["error"]["id"] == "doc_none"


def test_occupancy_falls_after_cancel(api, booked, day):
    assert occupancy(booked["practitioner"], day).json()["booked"] == 1
    assert api.cancel(booked["id"]) == 204
    assert occupancy(booked["practitioner"], day).json()["booked"] == 0


@lru_cache
def nightly_report() -> dict:
    """The report of the last nightly run; fetched anew when asked to."""
    if os.environ.get("CLINIC_NIGHTLY_REFRESH"):
        return occupancy("doc_1", "2031-01-01").json()
    return json.loads((HERE / "data" / "nightly.json").read_text())


def test_nightly_occupancy():
    report = nightly_report()
    assert report["capacity"] == 16
    assert report["ratio"] == report["booked"] / report["capacity"]


def start_job(auth: dict, doctor: str, day: str) -> dict:
    got = httpx.post(f"{BASE}/reminders", json={"practitioner": doctor, "day": day}, headers=auth, timeout=TIMEOUT)
    assert got.status_code == 202, got.text
    assert got.headers["location"] == f"/jobs/{got.json()['id']}"
    return got.json()


class NotYet(Exception):
    pass


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(NotYet),
    stop=tenacity.stop_after_delay(3),
    wait=tenacity.wait_fixed(0.05),
    reraise=True,
)
def finished(auth: dict, key: str) -> dict:
    got = requests.get(f"{BASE}/jobs/{key}", headers=auth, timeout=TIMEOUT)
    got.raise_for_status()
    if got.json()["state"] != "done":
        raise NotYet(key)
    return got.json()


def test_reminders_are_sent(auth, booked, day):
    job = start_job(auth, booked["practitioner"], day)
    assert (job["state"], job["sent"]) == ("queued", None)
    assert finished(auth, job["id"]) == {"id": job["id"], "kind": "reminders", "state": "done", "sent": 1}


def test_reminders_finish_in_time(auth, booked, day):
    got = httpx.post(
        f"{BASE}/reminders", json={"practitioner": booked["practitioner"], "day": day}, headers=auth, timeout=TIMEOUT
    )
    key = got.json()["id"] if got.status_code == 202 else "job_none"
    state = "queued"
    for _ in range(2):
        seen = requests.get(f"{BASE}/jobs/{key}", headers=auth, timeout=TIMEOUT)
        state = seen.json().get("state") if seen.ok else state
        if state == "done":
            assert seen.json()["sent"] == 1
        time.sleep(0.02)


def test_reminders_with_poller(api, auth, booked, day):
    job = start_job(auth, booked["practitioner"], day)

    def done() -> dict | None:
        body = api.call("GET", f"/jobs/{job['id']}").json()
        return body if body["state"] == "done" else None

    assert wait_until(done)["sent"] == 1


def test_reminders_eventually(api, booked, day):
    def done() -> bool:
        job = api.call("POST", "/reminders", json={"practitioner": booked["practitioner"], "date": day}).json()
        return api.call("GET", f"/jobs/{job['id']}").json()["state"] == "done"

    assert eventually(done, seconds=0.3) in (True, False, None)


def test_reminder_worker_is_patient(booked):
    start = time.monotonic()
    time.sleep(0.2)
    assert time.monotonic() - start >= 0.19
    assert booked["status"] == "booked"


async def test_reminders_in_parallel(auth, booked, doctor, day):
    async with httpx.AsyncClient(base_url=BASE, headers=auth, timeout=TIMEOUT) as client:

        async def run() -> dict:
            job = (await client.post("/reminders", json={"practitioner": booked["practitioner"], "day": day})).json()
            for _ in range(40):
                seen = (await client.get(f"/jobs/{job['id']}")).json()
                if seen["state"] == "done":
                    return seen
                await asyncio.sleep(0.05)
            raise AssertionError("job hangs")

        results = await asyncio.gather(run(), run())
    assert [r["sent"] for r in results] == [1, 1]
    assert results[0]["id"] != results[1]["id"]


def test_unknown_job(auth):
    got = requests.get(f"{BASE}/jobs/job_none", headers=auth, timeout=TIMEOUT)
    assert (got.status_code, got.json()["error"]["code"]) == (404, "job_not_found")


CHECK = """
import json, sys, urllib.request
url, token = sys.argv[1:]
asked = urllib.request.Request(url, headers={"Authorization": "Bearer " + token})
body = json.load(urllib.request.urlopen(asked, timeout=4))
assert body["booked"] == int(body["capacity"] / 16), body
print(body["booked"])
"""


def test_report_script(token, booked, day):
    url = f"{BASE}/reports/occupancy?practitioner={booked['practitioner']}&day={day}"
    done = subprocess.run([sys.executable, "-c", CHECK, url, token], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"


def test_report_script_runs(token, booked, day):
    url = f"{BASE}/reports/occupancy?practitioner={booked['practitioner']}&day={day}"
    done = subprocess.run([sys.executable, "-c", CHECK, url, token], capture_output=True, text=True, check=False)
    assert done.args[-1] == token
    assert done.stdout is not None


@pytest.mark.parametrize("days", [[], ()])
def test_report_for_several_days(doctor, days):
    reports = [occupancy(doctor, d).json() for d in days]
    assert all(r["capacity"] == 16 for r in reports)


def test_report_when_feature_is_on(doctor, day):
    if os.environ.get("CLINIC_REPORTS_V2", "off") != "on":
        return
    assert occupancy(doctor, day).json()["capacity"] == 16
