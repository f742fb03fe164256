"""Conversations of several steps over GraphQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from clinic_client import BASE, ApiError, GraphQL, a_day, eventually, slot, wait_until

BOOK = "mutation ($input: BookInput!) { bookAppointment(input: $input) { appointment { id starts status } userErrors { code } } }"
CANCEL = "mutation ($id: ID!) { cancelAppointment(id: $id) { appointment { id status } userErrors { code } } }"
STATUS = "query ($id: ID!) { appointment(id: $id) { status starts } }"
PAGE = """query ($p: ID!, $n: Int, $after: String) {
  appointments(practitioner: $p, first: $n, after: $after) {
    totalCount edges { cursor node { id starts reason } } pageInfo { hasNextPage endCursor }
  }
}"""


class Desk:
    """What a receptionist does, in the words of a receptionist."""

    def __init__(self, gql: GraphQL) -> None:
        self.gql = gql
        self.problems: list[str] = []

    def register(self, name: str) -> str:
        query = 'mutation ($n: String!) { registerPatient(name: $n, born: "1991-09-09") { id name } }'
        made = self.gql.ask(query, n=name)["registerPatient"]
        assert made["name"] == name
        return made["id"]

    def book(self, patient: str, doctor: str, starts: str) -> str:
        payload = self.gql.ask(BOOK, input={"patient": patient, "practitioner": doctor, "starts": starts})[
            "bookAppointment"
        ]
        if payload["userErrors"]:
            raise ApiError(409, payload["userErrors"][0]["code"])
        return payload["appointment"]["id"]

    def try_book(self, patient: str, doctor: str, starts: str) -> str | None:
        try:
            return self.book(patient, doctor, starts)
        except Exception as why:
            self.problems.append(str(why))
            return None

    def cancel(self, key: str) -> str:
        payload = self.gql.ask(CANCEL, id=key)["cancelAppointment"]
        assert payload["userErrors"] == []
        return payload["appointment"]["status"]

    def status(self, key: str) -> str:
        return self.gql.ask(STATUS, id=key)["appointment"]["status"]

    def pages(self, doctor: str, size: int) -> Iterator[list[dict]]:
        after = None
        while True:
            page = self.gql.ask(PAGE, p=doctor, n=size, after=after)["appointments"]
            yield [e["node"] for e in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]


@pytest.fixture
def desk(gql):
    return Desk(gql)


@contextmanager
def visit(desk: Desk, patient: str, doctor: str, starts: str) -> Iterator[str]:
    key = desk.book(patient, doctor, starts)
    try:
        yield key
    finally:
        assert desk.cancel(key) == "cancelled"


def test_new_patient_books_and_cancels(desk, doctor, day):
    who = desk.register("Flow One")
    key = desk.book(who, doctor, slot(day, 2))
    assert desk.status(key) == "booked"
    assert desk.cancel(key) == "cancelled"
    assert desk.status(key) == "cancelled"


def test_new_patient_path(desk, patient, doctor, day):
    key = desk.try_book(patient["id"], doctor, slot(day, 40))
    if key:
        assert desk.status(key) == "booked"
        assert desk.cancel(key) == "cancelled"


def test_visit_is_cleaned_up(desk, patient, doctor, day):
    with visit(desk, patient["id"], doctor, slot(day, 4)) as key:
        assert desk.status(key) == "booked"
        with pytest.raises(ApiError, match="SLOT_TAKEN"):
            desk.book(patient["id"], doctor, slot(day, 4))
    assert desk.status(key) == "cancelled"


def test_cancelled_slot_can_be_taken_again(desk, booked, patient):
    assert desk.cancel(booked["id"]) == "cancelled"
    again = desk.book(patient["id"], booked["practitioner"], booked["starts"])
    assert again != booked["id"]
    assert desk.status(again) == "booked"


def test_cancelled_slot_is_offered(desk, booked, patient):
    first = desk.try_book(patient["id"], booked["practitioner"], booked["starts"])
    second = desk.try_book(patient["id"], booked["practitioner"], booked["starts"])
    assert first == second
    assert len(desk.problems) == 2


def test_cursor_walk(desk, api, patient, doctor, day):
    for n in range(5):
        assert desk.book(patient["id"], doctor, slot(day, n)).startswith("apt_")
    walked = [[a["starts"] for a in page] for page in desk.pages(doctor, 2)]
    assert walked == [[slot(day, 0), slot(day, 1)], [slot(day, 2), slot(day, 3)], [slot(day, 4)]]


def test_cursor_walk_covers_everything(desk, booked):
    seen = (a["starts"] for page in desk.pages(booked["practitioner"], 2) for a in page)
    assert seen
    assert iter(seen) is not None


def test_total_count_follows_bookings(desk, booked, patient, day):
    def total() -> int:
        return desk.gql.ask(PAGE, p=booked["practitioner"], n=1)["appointments"]["totalCount"]

    assert total() == 1
    assert desk.book(patient["id"], booked["practitioner"], slot(day, 5))
    assert total() == 2


def test_total_count_after_cancel(desk, booked):
    def total() -> int:
        return desk.gql.ask(PAGE, p=booked["practitioner"], n=1)["appointments"]["totalCount"]

    before = eventually(total) or 0
    after = eventually(total) or 0
    assert after - before == 0


def test_rest_booking_shows_in_graphql(desk, api, patient, doctor, day):
    made = api.book(patient["id"], doctor, slot(day, 6), reason="both doors")
    edges = desk.gql.ask(PAGE, p=doctor, n=3)["appointments"]["edges"]
    assert [e["node"] for e in edges] == [{"id": made["id"], "starts": slot(day, 6), "reason": "both doors"}]


def test_rest_cancel_shows_in_graphql(desk, booked):
    def cancelled() -> bool:
        return desk.status(booked["id"]) == "cancelled"

    eventually(cancelled, seconds=0.3)
    assert booked["status"] == "booked"


def test_rest_move_shows_in_graphql(desk, api, booked, day):
    assert api.move(booked["id"], slot(day, 13))["version"] == 2

    def starts() -> bool:
        return desk.gql.ask(STATUS, id=booked["id"])["appointment"]["starts"] == slot(day, 13)

    assert wait_until(starts)


async def test_batch_of_mutations(auth, patient, doctor, day):
    """One request, three aliases."""
    parts = [
        f'b{n}: bookAppointment(input: {{patient: "{patient["id"]}", practitioner: "{doctor}", starts: "{slot(day, n)}"}})'
        for n in (0, 1, 0)
    ]
    names = [f"{p.replace('b', f'x{i}', 1)} {{ userErrors {{ code }} }}" for i, p in enumerate(parts)]
    async with httpx.AsyncClient(base_url=BASE, headers=auth) as client:
        got = await client.post("/graphql", json={"query": "mutation {" + " ".join(names) + "}"})
    codes = [[e["code"] for e in v["userErrors"]] for v in got.json()["data"].values()]
    assert codes == [[], [], ["SLOT_TAKEN"]]


async def test_batch_is_atomic(auth, patient, doctor, day):
    query = f'mutation {{ bookAppointment(input: {{patient: "{patient["id"]}", practitioner: "{doctor}"}}) {{ userErrors {{ code }} }} }}'
    async with httpx.AsyncClient(base_url=BASE, headers=auth) as client:
        got = await client.post("/graphql", json={"query": query})
        body = got.json() if got.is_success else {"data": None}
    if body.get("data"):
        assert body["data"]["bookAppointment"]["userErrors"] == []


FLOWS = {
    "register": lambda desk: desk.register("Table Flow") != "",
    "book": lambda desk: desk.book(desk.register("Table Flow"), "doc_2", slot(a_day(), 3)) != "",
    "cancel": lambda desk: desk.cancel("apt_none") == "cancelled",
}


@pytest.mark.parametrize("step", sorted(FLOWS))
def test_flow_table(desk, step):
    check = FLOWS[step]
    assert check, f"{step} went wrong"


@pytest.mark.parametrize("n", [0, 7, 15])
def test_any_hour_can_be_booked(desk, patient, doctor, day, n):
    key = desk.book(patient["id"], doctor, slot(day, n))
    got = desk.gql.ask(STATUS, id=key)["appointment"]
    assert got == {"status": "booked", "starts": slot(day, n)}
