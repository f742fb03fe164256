"""The life of a run: accepted, running, completed or failed, and what is written down of it."""

import uuid
from datetime import datetime
from typing import Any

import httpx

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body
from e2e.conftest import Thread
from e2e.conversations import FIVE, kinds
from e2e.mcp_server import McpServer
from e2e.streams import server_sent


def _send(
    http: httpx.Client, person: Person, thread: Thread, question: str, wait: bool = True
) -> Any:
    address = addresses.backend(f"/threads/{thread['id']}/messages")
    asked = {"content": question, "wait": wait}
    return body(http.post(address, json=asked, headers=person.headers), 201 if wait else 202)


def _run(http: httpx.Client, person: Person, run_id: str) -> Any:
    return body(http.get(addresses.backend(f"/runs/{run_id}"), headers=person.headers))


def _until_the_end(http: httpx.Client, person: Person, run_id: str) -> list[dict[str, Any]]:
    address = addresses.backend(f"/runs/{run_id}/events")
    with http.stream("GET", address, headers=person.headers) as answer:
        assert answer.status_code == 200
        return [event.data for event in server_sent(answer.iter_lines())]


def test_a_run_is_running_until_it_is_completed(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.hold()
    run_id = _send(http, regular, topic, f"Ask {desk.tool}", wait=False)["run_id"]
    desk.wait_for_call()
    during = _run(http, regular, run_id)
    assert (during["status"], during["answer"], during["finished_at"]) == ("running", None, None)
    assert kinds(during["events"]) == FIVE[:3]
    desk.release()
    assert kinds(_until_the_end(http, regular, run_id)) == FIVE
    assert _run(http, regular, run_id)["status"] == "completed"


def test_a_run_ends_after_it_has_begun(http: httpx.Client, regular: Person, topic: Thread) -> None:
    run = _run(http, regular, _send(http, regular, topic, uuid.uuid4().hex)["run_id"])
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    assert run["status"] == "completed"
    assert began < ended


def test_the_runs_of_a_thread_are_listed_in_order(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    sent = [_send(http, regular, topic, uuid.uuid4().hex)["run_id"] for _ in range(3)]
    address = addresses.backend(f"/threads/{topic['id']}/runs")
    runs = body(http.get(address, headers=regular.headers))["runs"]
    assert [run["id"] for run in runs] == sent
    assert {run["status"] for run in runs} == {"completed"}


def test_a_run_that_failed_stays_in_the_list(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    good = _send(http, regular, topic, f"Ask {desk.tool}")["run_id"]
    desk.fault = "hangs up"
    bad = _send(http, regular, topic, f"Ask {desk.tool}", wait=False)["run_id"]
    assert kinds(_until_the_end(http, regular, bad)) == [*FIVE[:3], "agent_failed"]
    address = addresses.backend(f"/threads/{topic['id']}/runs")
    runs = body(http.get(address, headers=regular.headers))["runs"]
    assert [(run["id"], run["status"]) for run in runs] == [(good, "completed"), (bad, "failed")]


def test_what_a_run_used_is_written_down(
    http: httpx.Client, person: Person, thread: Thread
) -> None:
    for question in (uuid.uuid4().hex, "What did I say about the total cost of everything?"):
        _send(http, person, thread, question)
    totals = body(http.get(addresses.backend("/usage"), headers=person.headers))["totals"]
    used = {"service": "agents", "metric": "tool-calls", "events": 2, "total": 3.0}
    assert totals == [used]


def test_a_run_names_its_agent_in_every_event(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    address = addresses.backend(f"/threads/{topic['id']}/messages")
    asked = {"content": "total cost", "agent": "cost-analyst"}
    events = body(http.post(address, json=asked, headers=regular.headers), 201)["events"]
    assert kinds(events) == FIVE
    assert {event["agent"] for event in events} == {"cost-analyst"}
