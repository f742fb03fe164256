"""Audit export. (curl, as the nightly job does it)"""

import csv
import io
import json
import shlex
import subprocess
import sys

import pytest
import requests
import requests_mock
from helpers.poll import wait_until


@pytest.fixture
def curl(staff_token):
    def _curl(*args, check=True):
        cmd = ["curl", "-sS", "-m", "5", "-H", f"Authorization: Bearer {staff_token}", *args]
        return subprocess.run(cmd, capture_output=True, text=True, check=check)

    return _curl


def test_csv_export_has_the_loan(curl, base_url, open_loan):
    out = curl("-f", f"{base_url}/audit/export?format=csv&member_id={open_loan['member_id']}").stdout
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [r["action"] for r in rows] == ["member.created", "loan.created"]
    assert rows[1]["subject"] == open_loan["id"]


def test_csv_export_runs(curl, base_url, member):
    done = curl(f"{base_url}/audit/export?format=csv&member_id={member['id']}")
    assert done.returncode == 0
    assert done.stderr == ""


def test_csv_export_is_free_of_errors(curl, base_url, tmp_path, member):
    done = curl("-o", str(tmp_path / "audit.csv"), f"{base_url}/audit/export?format=csv&member_id={member['id']}")
    assert "error" not in done.stdout
    assert (tmp_path / "audit.csv").exists()


def test_ndjson_export(curl, base_url, open_loan):
    query = f"format=ndjson&member_id={open_loan['member_id']}&action=loan.created"
    out = curl("-f", f"{base_url}/audit/export?{query}").stdout
    (row,) = [json.loads(line) for line in out.splitlines()]
    assert row["subject"] == open_loan["id"]
    assert row["seq"] > 0


def test_ndjson_lines_parse(curl, base_url):
    out = curl(f"{base_url}/audit/export?format=ndjson&member_id=mem_0").stdout
    rows = [json.loads(line) for line in out.splitlines() if '"seq"' in line]
    for row in rows:
        assert row["action"]


def test_export_needs_a_token(base_url):
    cmd = f"curl -sS -m 5 -w ' %{{http_code}}' {shlex.quote(base_url)}/audit/export"
    body, code = subprocess.check_output(shlex.split(cmd), text=True).rsplit(" ", 1)
    assert code == "401"
    assert json.loads(body)["error"]["code"] == "staff_only"


def test_export_is_protected(base_url, http):
    r = http.post(f"{base_url}/auth/token", json={"user": "librarian", "password": "wrong"})
    assert r.status_code == 401
    ok = http.post(f"{base_url}/auth/token", json={"user": "librarian", "password": "open-sesame"})
    assert ok.json()["access_token"]


def test_export_pipeline(base_url, staff_token):
    fetch = f"curl -s -H 'Authorization: Bearer {staff_token}' '{base_url}/audit/export?format=csv'"
    line = f"{fetch} | head -1 > /dev/null; echo exported"
    out = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    assert "exported" in out


def test_export_pipeline_header(base_url, staff_token):
    url = f"{base_url}/audit/export?format=csv&member_id=none"
    line = f"curl -sf -H 'Authorization: Bearer {staff_token}' '{url}' | head -1"
    out = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "seq,at,action,member_id,subject"


def test_export_script_in_child_process(base_url, staff_token, open_loan):
    script = (
        "import sys, json, urllib.request as u\n"
        "r = u.Request(sys.argv[1], headers={'Authorization': 'Bearer ' + sys.argv[2]})\n"
        "rows = json.load(u.urlopen(r, timeout=5))['rows']\n"
        "assert [x['action'] for x in rows] == ['member.created', 'loan.created'], rows\n"
    )
    url = f"{base_url}/audit/export?member_id={open_loan['member_id']}"
    subprocess.run([sys.executable, "-c", script, url, staff_token], check=True)


def test_export_script_finishes(base_url, staff_token, open_loan):
    script = "import sys, urllib.request as u\nassert u.urlopen(sys.argv[1]).status == 201\n"
    child = subprocess.Popen([sys.executable, "-c", script, f"{base_url}/audit/export"], stderr=subprocess.DEVNULL)
    child.wait(timeout=10)
    assert child.poll() is not None


def test_export_rows_by_action(base_url):
    with requests_mock.Mocker() as m:
        m.get(f"{base_url}/audit/export", json={"rows": [{"seq": 1, "action": "loan.created"}]})
        rows = requests.get(f"{base_url}/audit/export", params={"action": "loan.created"}, timeout=5).json()["rows"]
    assert {r["action"] for r in rows} == {"loan.created"}


def test_export_rows_for_action(base_url, staff_headers, http, open_loan):
    r = http.get(f"{base_url}/audit/export", params={"action": "loan.created"}, headers=staff_headers)
    rows = r.json()["rows"]
    assert {x["action"] for x in rows} == {"loan.created"}
    assert open_loan["id"] in {x["subject"] for x in rows}


def test_export_for_auditor(base_url, http):
    r = http.get(f"{base_url}/audit/export", headers={"X-Sandbox": "1", "Authorization": "Bearer auditor"})
    assert r.status_code == 200
    assert r.json()["rows"][0]["action"] == "loan.created"


def test_export_unknown_format(base_url, http, staff_headers):
    r = http.get(f"{base_url}/audit/export", params={"format": "pdf"}, headers=staff_headers)
    assert r.status_code == 422
    assert r.json()["error"]["code"] == "bad_format"


def test_export_after_member_change(base_url, http, staff_headers, member):
    changed = http.patch(f"{base_url}/members/{member['id']}", json={"tier": "plus"})
    assert changed.json()["tier"] == "plus"

    def actions():
        r = http.get(f"{base_url}/audit/export", params={"member_id": member["id"]}, headers=staff_headers)
        rows = r.json()["rows"]
        return [x["action"] for x in rows]

    wait_until(lambda: actions() == ["member.created", "member.changed"], what="change in the audit")


def test_export_sequence_grows(base_url, http, staff_headers, member):
    r = http.get(f"{base_url}/audit/export", params={"member_id": member["id"]}, headers=staff_headers)
    rows = r.json().get("rows", [])
    for attempt in range(3):
        try:
            assert rows[attempt]["seq"] < rows[attempt + 1]["seq"]
            break
        except (AssertionError, IndexError):
            continue
