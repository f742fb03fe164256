"""Vehicle register."""

import csv
import io
from unittest import mock

import httpx
import pytest
import requests
import responses
from client import SoftAssert, tolerant
from jsonschema import validate
from pydantic import BaseModel

SCHEMA = {
    "type": "object",
    "required": ["id", "plate", "capacity"],
    "properties": {"id": {"type": "string"}, "plate": {"type": "string"}, "capacity": {"type": "integer"}},
}


class Vehicle(BaseModel):
    id: str
    plate: str
    capacity: int


def test_create_returns_record(api, plate):
    answer = api.post("/vehicles", json={"plate": plate, "capacity": 9})
    assert answer.status_code == 201
    assert answer.json()["plate"] == plate
    assert answer.json()["capacity"] == 9


def test_create_payload_is_complete(api, plate):
    payload = {"plate": plate, "capacity": 9}
    api.post("/vehicles", json=payload)
    assert payload["plate"] == plate
    assert payload["capacity"] == 9


def test_read_back(api, vehicle):
    assert api.get(f"/vehicles/{vehicle['id']}").json() == vehicle


def test_read_back_is_stable(api, vehicle):
    first = api.get(f"/vehicles/{vehicle['id']}").json()
    assert first == dict(first)


@pytest.mark.parametrize("capacity", [0, -4, "many"])
def test_capacity_is_validated(api, plate, capacity):
    answer = api.post("/vehicles", json={"plate": plate, "capacity": capacity})
    assert answer.status_code == 422
    assert answer.json() == {"error": "invalid-vehicle"}


def test_missing_plate_is_refused(api):
    with pytest.raises(Exception):
        api.post("/vehicles", json={"capacity": 3}).json()["plate"]


def test_duplicate_plate(api, vehicle):
    answer = api.post("/vehicles", json={"plate": vehicle["plate"], "capacity": 2})
    assert (answer.status_code, answer.json()["error"]) == (409, "plate-taken")


def test_duplicate_plate_is_handled(api, vehicle):
    answer = api.post("/vehicles", json={"plate": vehicle["plate"], "capacity": 2})
    assert answer.status_code in range(200, 600)


def test_schema_of_vehicle(api, vehicle):
    document = api.get(f"/vehicles/{vehicle['id']}").json()
    validate(document, SCHEMA)
    assert Vehicle.model_validate(document).plate == vehicle["plate"]


def test_schema_of_list_items(api):
    for item in api.get("/vehicles?depot=nowhere").json().get("items", []):
        validate(item, SCHEMA)


def test_list_by_depot(api, vehicle):
    page = api.get("/vehicles", params={"depot": vehicle["depot"]}).json()
    assert page["total"] == 1
    assert [v["id"] for v in page["items"]] == [vehicle["id"]]


def test_list_has_no_negative_length(api):
    page = api.fetch("/vehicles", default={"items": []})
    assert len(page.get("items", [])) >= 0


def test_pagination_walks_all(api, plate):
    want = []
    for n in range(5):
        want.append(api.post("/vehicles", json={"plate": f"{plate}{n}", "capacity": 1, "depot": plate}).json()["id"])
    got, offset = [], 0
    while offset is not None:
        page = api.get("/vehicles", params={"depot": plate, "limit": 2, "offset": offset}).json()
        got += [v["id"] for v in page["items"]]
        offset = page["next"]
    assert got == want


def test_pagination_stops(api):
    pages = 0
    offset = None
    while offset is not None:
        offset = api.get(f"/vehicles?offset={offset}").json()["next"]
        pages += 1
    assert pages < 100


def test_etag_not_modified(api, vehicle):
    first = api.get(f"/vehicles/{vehicle['id']}")
    again = api.get(f"/vehicles/{vehicle['id']}", headers={"If-None-Match": first.headers["ETag"]})
    assert first.json()["plate"] == vehicle["plate"]
    assert again.status_code == 304


def test_etag_header_matches(api, vehicle):
    answer = api.get(f"/vehicles/{vehicle['id']}")
    if "Etag-Strong" in answer.headers:
        assert answer.headers["Etag-Strong"] == vehicle["etag"]


def test_patch_with_etag(api, vehicle):
    tag = api.get(f"/vehicles/{vehicle['id']}").headers["ETag"]
    answer = api.patch(f"/vehicles/{vehicle['id']}", json={"km": 700}, headers={"If-Match": tag})
    assert answer.json()["km"] == 700
    assert api.get(f"/vehicles/{vehicle['id']}").json()["km"] == 700


def test_patch_stale_etag(api, vehicle):
    answer = api.patch(f"/vehicles/{vehicle['id']}", json={"km": 1}, headers={"If-Match": '"old"'})
    assert answer.status_code == 412
    assert answer.json()["error"] == "stale"


def test_patch_is_soft_checked(api, vehicle):
    soft = SoftAssert()
    answer = api.patch(f"/vehicles/{vehicle['id']}", json={"km": 1}, headers={"If-Match": '"old"'})
    soft.equal(answer.status_code, 200)
    soft.equal(answer.json().get("km"), 1)


def test_patch_soft_all(api, vehicle):
    soft = SoftAssert()
    tag = api.get(f"/vehicles/{vehicle['id']}").headers["ETag"]
    answer = api.patch(f"/vehicles/{vehicle['id']}", json={"depot": "north"}, headers={"If-Match": tag})
    soft.equal(answer.status_code, 200)
    soft.equal(answer.json().get("depot"), "north")
    soft.verify()


def test_patch_depot_in_quiet_mode(api, vehicle):
    with tolerant():
        answer = api.patch(f"/vehicles/{vehicle['id']}", json={"depot": "south"})
        assert answer.json()["depot"] == "south"


def test_delete(api, vehicle):
    assert api.delete(f"/vehicles/{vehicle['id']}").status_code == 204
    gone = api.get(f"/vehicles/{vehicle['id']}")
    assert (gone.status_code, gone.json()["error"]) == (404, "not-found")


def test_delete_removes_from_list(api, vehicle):
    api.delete(f"/vehicles/{vehicle['id']}")
    page = api.fetch("/vehicle-list", default={"items": []})
    assert vehicle["id"] not in [v["id"] for v in page["items"]]


def test_idempotent_create(api, plate):
    body = {"plate": plate, "capacity": 5}
    one = api.post("/vehicles", json=body, headers={"Idempotency-Key": plate})
    two = api.post("/vehicles", json=body, headers={"Idempotency-Key": plate})
    assert one.json()["id"] == two.json()["id"]
    assert two.headers["Idempotent-Replay"] == "true"


def test_idempotency_key_is_unique(plate):
    keys = {plate, plate}
    assert len(keys) == 1


def test_create_in_sandbox(api, plate):
    answer = api.post("/vehicles", json={"plate": plate, "capacity": 5}, headers={"X-Sandbox": "canned"})
    assert answer.status_code == 201
    assert answer.json()["id"]


def test_list_dry_run(api):
    answer = api.get("/vehicles", params={"dry": "1"})
    assert answer.status_code == 200
    assert answer.json()["items"] == []


@responses.activate
def test_create_from_partner():
    responses.post("http://fleet.local/vehicles", json={"id": "v1", "plate": "P-1"}, status=201)
    answer = requests.post("http://fleet.local/vehicles", json={"plate": "P-1", "capacity": 2}, timeout=5)
    assert answer.status_code == 201
    assert answer.json()["plate"] == "P-1"


def test_read_with_session(api):
    with mock.patch.object(requests.Session, "request") as send:
        send.return_value.json.return_value = {"id": "v9", "plate": "X-9"}
        assert api.get("/vehicles/v9").json()["plate"] == "X-9"


def test_list_over_transport():
    transport = httpx.MockTransport(lambda r: httpx.Response(200, json={"items": [], "total": 0}))
    with httpx.Client(transport=transport, base_url="http://fleet") as client:
        assert client.get("/vehicles").json()["total"] == 0


def test_csv_export(api, vehicle):
    answer = api.get("/vehicles.csv", params={"depot": vehicle["depot"]})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [r["plate"] for r in rows] == [vehicle["plate"]]
    assert answer.headers["Content-Type"].startswith("text/csv")


def test_csv_export_columns(api):
    api.get("/vehicles.csv")
    rows = list(csv.DictReader(io.StringIO("id,plate,capacity,depot\n1,A,2,main\n")))
    assert list(rows[0]) == ["id", "plate", "capacity", "depot"]


def test_csv_export_is_text(api):
    assert isinstance(api.get("/vehicles.csv").text, str)
