"""What other systems fetch: exports and reports."""

import csv
import io
import json
import os
import sys
import urllib.request
from pathlib import Path

import httpx
import jsonschema
import pytest
import vcr
from pydantic import BaseModel
from starlette.testclient import TestClient
from support.config import BASE_URL, DATA
from support.polling import poll, wait_until

SERVICE = Path(__file__).resolve().parents[1] / "service"
sys.path.insert(0, str(SERVICE))


class Report(BaseModel):
    """A report as the dashboard reads it."""

    id: str | None = None
    state: str = "done"
    result: dict | None = None


class Snapshots:
    """Compares with what was kept; keeps what is new."""

    def __init__(self, folder):
        self.folder = folder

    def match(self, name, text):
        kept = self.folder / name
        if not kept.exists() or os.environ.get("UPDATE", "1") == "1":
            kept.write_bytes(text.encode())
        assert kept.read_bytes() == text.encode()


@pytest.fixture
def snapshots(tmp_path):
    """Snapshots of this run."""
    return Snapshots(tmp_path)


def fetch(path, token):
    """The text under a path."""
    request = urllib.request.Request(BASE_URL + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def start(http, kind, customer=None):
    """Start a report."""
    answer = http.post("/reports", json={"kind": kind, "customer": customer})
    assert answer.status_code == 202
    assert answer.json()["state"] == "queued"
    return answer.headers["Location"]


def test_csv_has_a_row_for_each_order(token, make_order, customer):
    orders = [make_order(), make_order(paid=True)]
    rows = list(csv.DictReader(io.StringIO(fetch(f"/exports/orders.csv?customer={customer}", token))))
    assert [row["order_id"] for row in rows] == [order["id"] for order in orders]
    assert [row["state"] for row in rows] == ["pending", "paid"]
    assert {row["total"] for row in rows} == {"1990"}


def test_ndjson_lists_product_with_stock(http, product):
    with http.stream("GET", "/exports/products.ndjson") as answer:
        assert answer.status_code == 200
        rows = [json.loads(line) for line in answer.iter_lines()]
    mine = [row for row in rows if row["sku"] == product["sku"]]
    assert mine == [{**product, "stock": 20}]


def test_revenue_report_adds_up(http, make_order, customer):
    orders = [make_order(paid=True), make_order(paid=True, qty=2)]
    job = start(http, "revenue", customer)
    done = wait_until(lambda: (got := http.get(job).json())["state"] == "done" and got)
    assert done["result"] == {"orders": 2, "revenue": sum(order["total"] for order in orders)}


def test_unknown_report_is_refused(http):
    answer = http.post("/reports", json={"kind": "horoscope"})
    assert answer.status_code == 422
    assert "inventory" in answer.json()["error"]["message"]


def test_inventory_report_finishes(http):
    job = http.post("/reports", json={"kind": "inventory"}).headers.get("Location", "/jobs/none")
    poll(lambda: http.get(job).json()["state"] == "done")


def test_report_fits_model(http):
    answer = http.post("/reports", json={"kind": "inventory"})
    assert Report.model_validate(answer.json()).state


def test_report_fits_schema(http):
    answer = http.post("/reports", json={"kind": "inventory"})
    jsonschema.validate(answer.json(), {"type": "object", "properties": {"report_id": {"type": "integer"}}})


def test_example_fits_schema(http):
    schema = {"type": "object", "required": ["id", "state"], "properties": {"state": {"enum": ["queued", "done"]}}}
    example = {"id": "job_1", "state": "queued"}
    http.post("/reports", json={"kind": "inventory"})
    jsonschema.validate(example, schema)


def test_export_matches_snapshot(http, snapshots, customer):
    answer = http.get("/exports/orders.csv", params={"customer": customer})
    snapshots.match("orders.csv", answer.text)


def test_export_sample(token):
    rows = list(csv.DictReader(io.StringIO(fetch("/exports/orders.csv?sample=1", token))))
    assert rows[0]["state"] == "paid"
    assert rows[0]["total"] == "1000"


def test_export_needs_login():
    from shopd.app import build_app

    with TestClient(build_app()) as client:
        answer = client.get("/exports/orders.csv")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


async def test_report_can_be_started():
    from shopd.app import build_app

    transport = httpx.ASGITransport(app=build_app())
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        who = {"tenant": "acme", "username": "alice", "password": "wonderland"}
        token = (await client.post("/auth/login", json=who)).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.post("/reports", json={"kind": "inventory"}, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["state"] == "queued"


def test_report_history():
    with vcr.use_cassette(str(DATA / "report.yaml"), record_mode="none", match_on=["method", "path"]):
        request = urllib.request.Request(f"{BASE_URL}/jobs/job_1", headers={"Authorization": "Bearer x"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            job = json.load(answer)
    assert job["state"] == "done"
    assert job["result"]["skus"] == 3


def test_export_columns(http):
    answer = http.get("/exports/orders.csv")
    columns = answer.text.splitlines()[0].split(",") if answer.is_error else ["order_id", "customer", "state", "total"]
    assert columns


def test_exports_are_documented(http):
    paths = http.get("/openapi.json").json()["paths"]
    assert "get" in paths["/exports/orders.csv"]
    assert "get" in paths["/exports/products.ndjson"]


def test_export_version(http):
    assert http.get("/version").json()["api"] == "2.4.0"
