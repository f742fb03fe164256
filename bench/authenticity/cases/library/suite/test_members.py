"""Members: register, read, change, remove. (requests)"""

import concurrent.futures
import datetime as dt
import json
import threading
import uuid
from unittest import mock

import pytest
import requests
import responses

pytestmark = pytest.mark.filterwarnings("ignore")


def _fresh_email():
    return f"{uuid.uuid4().hex[:12]}@readers.test"


def test_register_returns_card(http, base_url):
    email = _fresh_email()
    r = http.post(f"{base_url}/members", json={"name": " Grace H. ", "email": email.upper()})
    assert r.status_code == 201
    body = r.json()
    assert body["name"] == "Grace H."
    assert body["email"] == email
    assert body["card_no"].startswith("LC-")


def test_register_assigns_standard_tier(http, base_url):
    new = {"name": "Linus", "email": _fresh_email()}
    r = http.post(f"{base_url}/members", json=new)
    sent = json.loads(r.request.body)
    assert sent["name"] == "Linus"
    assert sent.get("tier", "standard") == "standard"


def test_email_is_unique(http, base_url, member):
    r = http.post(f"{base_url}/members", json={"name": "Copy Cat", "email": member["email"]})
    assert r.status_code == 409
    assert r.json()["error"]["code"] == "email_taken"


@pytest.mark.parametrize(
    ("patch", "code"),
    [({"email": "nope"}, "bad_email"), ({"tier": "gold"}, "bad_tier"), ({"name": ""}, "missing_field")],
    ids=["email", "tier", "name"],
)
def test_rejects_bad_registration(http, base_url, patch, code):
    r = http.post(f"{base_url}/members", json={"name": "Bad", "email": _fresh_email(), **patch})
    assert (r.status_code, r.json().get("error", {}).get("code")) == (422, code)


@responses.activate
def test_read_member_back(base_url):
    responses.get(f"{base_url}/members/mem_1", json={"id": "mem_1", "name": "Ada", "tier": "plus"})
    r = requests.get(f"{base_url}/members/mem_1", timeout=5)
    assert r.status_code == 200
    assert r.json()["tier"] == "plus"


def test_upgrade_to_plus(http, base_url, member):
    url = f"{base_url}/members/{member['id']}"
    assert http.patch(url, json={"tier": "plus"}).json()["tier"] == "plus"
    again = http.get(url).json()
    assert again["tier"] == "plus"
    assert again["email"] == member["email"]


def test_change_of_name_is_kept(http, base_url, member):
    member["name"] = "Renamed Reader"
    http.patch(f"{base_url}/members/{member['id']}", json={"name": member["name"]})
    assert member["name"] == "Renamed Reader"
    assert member["id"].startswith("mem_")


def test_removed_member_is_gone(http, base_url, member):
    url = f"{base_url}/members/{member['id']}"
    gone = http.delete(url)
    assert gone.status_code == 204
    after = http.get(url)
    assert after.status_code == 404
    assert after.json()["error"]["code"] == "member_not_found"


def test_delete_removes_all_personal_data(http, base_url, member):
    http.delete(f"{base_url}/members/{member['id']}/purge")
    r = http.get(f"{base_url}/members/mem_{uuid.uuid4().hex[:12]}")
    assert r.status_code == 404


def test_member_with_open_loan_stays(http, base_url, open_loan):
    r = http.delete(f"{base_url}/members/{open_loan['member_id']}")
    assert r.status_code == 409, r.text
    assert r.json()["error"]["code"] == "open_loans"


def test_lookup_by_email(http, base_url, member):
    r = http.get(f"{base_url}/members", params={"email": member["email"]})
    assert r.status_code < 600
    assert r.elapsed.total_seconds() < 30


def test_find_member_at_the_counter(http, base_url, member):
    found = http.get(f"{base_url}/members", params={"email": member["email"].upper()}).json()
    assert found["total"] == 1
    assert [m["id"] for m in found["items"]] == [member["id"]]


def test_suspended_flag_roundtrip(http, base_url, member):
    outcome = []

    def check():
        r = http.patch(f"{base_url}/members/{member['id']}", json={"active": False})
        assert r.json()["active"] is False
        outcome.append(r.status_code)

    worker = threading.Thread(target=check)
    worker.start()
    worker.join(timeout=5)
    assert not worker.is_alive()


def test_parallel_registrations_get_distinct_ids(base_url):
    def register(_):
        r = requests.post(f"{base_url}/members", json={"name": "P", "email": _fresh_email()}, timeout=5)
        assert r.status_code == 201
        return r.json()["id"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(register, range(6)))
    assert len(set(ids)) == 6


def test_parallel_lookups_agree(base_url, member):
    def lookup(_):
        r = requests.get(f"{base_url}/members/{member['id']}", timeout=5)
        assert r.json()["card_no"] == member["card_no"]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(lookup, n) for n in range(3)]
        concurrent.futures.wait(jobs, timeout=10)
    assert all(job.done() for job in jobs)


def test_member_json_is_stable(http, base_url, member):
    body = http.get(f"{base_url}/members/{member['id']}").json()
    as_text = json.dumps(body, sort_keys=True)
    assert json.loads(as_text) == body
    assert body == {**body}


def test_member_reads_are_repeatable(http, base_url, member):
    url = f"{base_url}/members/{member['id']}"
    first, second = http.get(url), http.get(url)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json() == member


def test_registration_mail_goes_out(base_url):
    with mock.patch.object(requests.Session, "request") as request:
        request.return_value.status_code = 201
        r = requests.post(f"{base_url}/members", json={"name": "M", "email": _fresh_email()}, timeout=5)
    request.assert_called_once()
    assert r.status_code == 201


def test_registration_date_is_today(base_url):
    with mock.patch("uuid.uuid4", side_effect=uuid.uuid1):
        email = _fresh_email()
    r = requests.post(f"{base_url}/members", json={"name": "Dated", "email": email}, timeout=5)
    assert r.status_code == 201
    assert dt.date.today() - dt.date.fromisoformat(r.json()["joined_on"]) <= dt.timedelta(days=1)
    assert r.json()["email"] == email
