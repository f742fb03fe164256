"""Fast enough, and right while it is fast. Loose limits: Greenproof measures at the relay."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import quantiles

import httpx

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body
from e2e.conftest import Thread
from e2e.conversations import FIVE, ask, kinds, open_socket, receive, rest, send
from e2e.costs import Cost, new_cost, new_service, total

P95_SECONDS = 2.0
DATABASE_SECONDS = 3.0
WHOLE_SECONDS = 4.0


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    began = time.perf_counter()
    yield
    assert time.perf_counter() - began < seconds


def _p95(durations: list[float]) -> float:
    return quantiles(durations, n=20)[-1]


def test_thirty_reads_are_all_right_and_quick(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    durations = []
    for _ in range(30):
        began = time.perf_counter()
        read = http.get(addresses.backend(f"/threads/{topic['id']}"), headers=regular.headers)
        durations.append(time.perf_counter() - began)
        assert body(read) == topic
    assert _p95(durations) < P95_SECONDS


def test_fifty_pings_come_back_in_order(regular: Person) -> None:
    tokens = [uuid.uuid4().hex for _ in range(50)]
    with open_socket(regular) as socket, _within(WHOLE_SECONDS):
        for token in tokens:
            send(socket, type="ping", token=token)
        assert [receive(socket).get("token") for _ in tokens] == tokens


def test_an_agent_starts_at_once(regular: Person, topic: Thread) -> None:
    question = uuid.uuid4().hex
    with open_socket(regular) as socket:
        with _within(WHOLE_SECONDS):
            send(socket, type="message", thread_id=topic["id"], content=question)
            assert receive(socket).get("question") == question
        assert kinds(rest(socket)) == FIVE[1:]


def test_a_thousand_events_are_stored_and_added_up(http: httpx.Client, person: Person) -> None:
    service = new_service()
    costs = [new_cost(service, "2026-01-01") for _ in range(1000)]
    events = {"events": [cost.as_json() for cost in costs]}
    address = addresses.backend("/usage")
    with _within(DATABASE_SECONDS):
        stored = http.post(address, json=events, headers=person.headers)
        assert body(stored, 201) == {"stored": 1000}
    with _within(DATABASE_SECONDS):
        [row] = body(http.get(address, headers=person.headers))["totals"]
    assert (row["events"], row["total"]) == (1000, float(total(costs)))


def test_ten_questions_in_a_row_stay_quick(
    person: Person, thread: Thread, store: Callable[[list[Cost]], list[Cost]]
) -> None:
    [cost] = store([new_cost(new_service(), "2026-01-01")])
    durations = []
    with open_socket(person) as socket:
        for _ in range(10):
            began = time.perf_counter()
            events = ask(socket, thread["id"], f"total cost of {cost.service}")
            durations.append(time.perf_counter() - began)
            assert kinds(events) == FIVE
            assert events[3]["result"] == {"value": float(cost.amount), "events": 1}
    assert _p95(durations) < P95_SECONDS
