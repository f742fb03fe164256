"""Single GraphQL questions."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from unittest.mock import MagicMock, patch

import aiohttp
import httpx
import pytest
import requests
import vcr
from clinic_client import BASE, TIMEOUT, GraphQL, curl, slot

HERE = Path(__file__).parent
DOCTORS = "query ($s: String) { practitioners(specialty: $s) { id name room specialty } }"
APPOINTMENT = (
    "query ($id: ID!) { appointment(id: $id) { id status reason reference patient { name } practitioner { id room } } }"
)
BOOK = """mutation ($input: BookInput!) {
  bookAppointment(input: $input) { appointment { id status starts reference } userErrors { code message } }
}"""
BOOK_V1 = "mutation ($input: BookInput!) { bookAppointment(input: $input) { id status starts } }"


def test_doctors_by_specialty(gql):
    got = gql.ask(DOCTORS, s="paediatrics")["practitioners"]
    assert {"id": "doc_3", "name": "Cy Tan", "room": "R3", "specialty": "paediatrics"} in got
    assert all(p["specialty"] == "paediatrics" for p in got)


def test_doctors_have_rooms(gql):
    for doctor in gql.ask_softly(DOCTORS, s="surgery").get("practitioners", []):
        assert doctor["room"].startswith("R")


def test_appointment_with_relations(gql, booked, patient):
    got = gql.ask(APPOINTMENT, id=booked["id"])["appointment"]
    assert got["patient"] == {"name": patient["name"]}
    assert got["practitioner"] == {"id": booked["practitioner"], "room": "R7"}
    assert got["reference"] == booked["reference"]


def test_appointment_defaults(gql, booked):
    found = gql.ask_softly(APPOINTMENT, id=booked["id"]).get("appointment") or {}
    assert found.get("status", "booked") == "booked"
    assert found.get("id", booked["id"]) == booked["id"]


def test_book_by_mutation(gql, patient, doctor, day):
    made = gql.ask(BOOK, input={"patient": patient["id"], "practitioner": doctor, "starts": slot(day, 3)})[
        "bookAppointment"
    ]
    assert made["userErrors"] == []
    assert made["appointment"]["starts"] == slot(day, 3)
    assert made["appointment"]["status"] == "booked"


def test_book_mutation_is_accepted(gql, patient, doctor, day):
    got = gql.raw(BOOK_V1, input={"patient": patient["id"], "practitioner": doctor, "starts": slot(day, 3)})
    assert got.status_code == 200
    assert got.headers["content-type"] == "application/json"


def test_taken_slot_is_a_user_error(gql, booked, patient):
    made = gql.ask(
        BOOK, input={"patient": patient["id"], "practitioner": booked["practitioner"], "starts": booked["starts"]}
    )
    assert made["bookAppointment"] == {
        "appointment": None,
        "userErrors": [{"code": "SLOT_TAKEN", "message": "slot taken"}],
    }


def test_taken_slot_has_no_appointment(gql, booked, patient):
    made = gql.ask_softly(
        BOOK, input={"patient": patient["id"], "practitioner": booked["practitioner"], "starts": booked["starts"]}
    )
    assert not made.get("bookAppointment", {}).get("appointment")


def test_anonymous_may_not_read_patients():
    got = GraphQL().raw("query ($id: ID!) { patient(id: $id) { name } }", id="pat_1")
    assert got.status_code == 200
    body = got.json()
    assert body["data"] == {"patient": None}
    assert [e["extensions"]["code"] for e in body["errors"]] == ["UNAUTHENTICATED"]


def test_anonymous_gets_no_names(patient):
    got = GraphQL().raw("query ($id: ID!) { patient(id: $id) { name } }", id=patient["id"])
    assert patient["name"] not in got.text


def test_unknown_field_is_explained(auth):
    got = requests.post(
        f"{BASE}/graphql", json={"query": "{ practitioners { salary } }"}, headers=auth, timeout=TIMEOUT
    )
    assert got.status_code == 200
    assert got.json()["errors"][0]["message"].startswith("Cannot query field 'salary' on type 'Practitioner'")


async def test_slots_through_aiohttp(auth, booked, day):
    query = "query ($id: ID!, $d: String!) { practitioner(id: $id) { slots(day: $d) { starts free } } }"
    body = {"query": query, "variables": {"id": booked["practitioner"], "d": day}}
    async with aiohttp.ClientSession(BASE, headers=auth) as client, client.post("/graphql", json=body) as got:
        slots = (await got.json())["data"]["practitioner"]["slots"]
    assert slots[0] == {"starts": slot(day), "free": False}
    assert [s["free"] for s in slots[1:]] == [True] * 15


async def test_slots_cached_through_aiohttp(auth, booked, day):
    body = {"query": DOCTORS, "variables": {}}
    headers = {**auth, "X-Sandbox": "on"}
    async with aiohttp.ClientSession(BASE, headers=headers) as client, client.post("/graphql", json=body) as got:
        doctors = (await got.json())["data"]["practitioners"]
    assert doctors[0]["name"] == "Ada Quist"
    assert got.status == 200


def test_introspection_lists_mutations():
    data = json.dumps({"query": "{ __schema { mutationType { fields { name } } } }"}).encode()
    asked = urllib.request.Request(f"{BASE}/graphql", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=TIMEOUT) as got:
        names = [f["name"] for f in json.load(got)["data"]["__schema"]["mutationType"]["fields"]]
    assert names == ["bookAppointment", "cancelAppointment", "registerPatient"]


def test_schema_is_well_formed():
    from graphql import build_schema

    schema = build_schema((HERE / "data" / "schema.graphql").read_text())
    assert schema.query_type is not None
    assert "bookAppointment" in schema.mutation_type.fields


def test_doctor_with_curl():
    got = curl(
        "/graphql",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"query": "{ practitioner(id: \\"doc_2\\") { name } }"}',
    )
    assert got.status == 200
    assert got.json() == {"data": {"practitioner": {"name": "Bela Roth"}}}


@vcr.use_cassette(str(HERE / "cassettes" / "doctors.yaml"), record_mode="none", match_on=["method", "path"])
def test_doctor_names_are_stable(auth):
    got = requests.post(f"{BASE}/graphql", json={"query": "{ practitioners { name } }"}, headers=auth, timeout=TIMEOUT)
    assert got.status_code == 200
    assert [p["name"] for p in got.json()["data"]["practitioners"]] == ["Ada Quist", "Bela Roth"]


def test_register_through_wrapper(gql):
    with patch.object(GraphQL, "ask", return_value={"registerPatient": {"name": "Kim", "born": "2001-01-01"}}) as ask:
        got = gql.ask("mutation { registerPatient(name: $n, born: $b) { name born } }", n="Kim", b="2001-01-01")
    assert got["registerPatient"]["name"] == "Kim"
    assert ask.called


@pytest.fixture
def offline_http(monkeypatch):
    """Left over from the time without a staging system."""

    def handler(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        patient = {"id": "pat_0", **asked.get("variables", {})}
        return httpx.Response(200, json={"data": {"registerPatient": patient}})

    original = httpx.Client.__init__

    def init(self: httpx.Client, **kw: object) -> None:
        original(self, **{**kw, "transport": httpx.MockTransport(handler)})

    monkeypatch.setattr(httpx.Client, "__init__", init)


@pytest.mark.usefixtures("offline_http")
def test_register_patient_by_mutation(token):
    client = GraphQL(token)
    made = client.ask(
        "mutation ($name: String!, $born: String!) { registerPatient(name: $name, born: $born) { id name born } }",
        name="Ivo",
        born="2002-02-02",
    )
    assert made["registerPatient"]["name"] == "Ivo"
    assert made["registerPatient"]["born"] == "2002-02-02"
    assert made["registerPatient"]["id"].startswith("pat_")


def test_register_and_read_back(gql):
    made = gql.ask('mutation { registerPatient(name: "Uma", born: "2003-03-03") { id } }')["registerPatient"]
    got = gql.ask("query ($id: ID!) { patient(id: $id) { name born appointments { id } } }", id=made["id"])
    assert got == {"patient": {"name": "Uma", "born": "2003-03-03", "appointments": []}}


def test_register_logs_audit_line():
    audit = MagicMock()
    audit.write({"patient": "pat_1", "by": "desk"})
    audit.write.assert_called_with({"patient": "pat_1", "by": "desk"})


def test_bad_birthday_in_mutation(gql):
    got = gql.raw('mutation { registerPatient(name: "Uma", born: "soon") { id } }').json()
    assert got["data"] is None
    assert got["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "fields": {"born": "not a date"}}
