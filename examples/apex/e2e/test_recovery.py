"""What is lost comes back: connections, tools that fail, servers that hang up."""

import uuid

import httpx
import pytest

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.conftest import Thread
from e2e.conversations import FIVE, ask, kinds, open_socket, receive, resume, send
from e2e.mcp_server import McpServer
from e2e.streams import server_sent


def _run(http: httpx.Client, person: Person, run_id: str) -> dict[str, object]:
    answer = http.get(addresses.backend(f"/runs/{run_id}"), headers=person.headers)
    run: dict[str, object] = body(answer)
    return run


def _ask(http: httpx.Client, person: Person, thread: Thread, question: str) -> httpx.Response:
    address = addresses.backend(f"/threads/{thread['id']}/messages")
    return http.post(address, json={"content": question}, headers=person.headers)


def _failure(answer: httpx.Response) -> str:
    """The code of an answer whose run has failed; its events say the same."""
    failed = body(answer, 502)
    assert kinds(failed["events"]) == [*FIVE[:3], "agent_failed"]
    assert failed["events"][-1]["code"] == failed["error"]["code"]
    return str(failed["error"]["code"])


@pytest.mark.parametrize("after", [0, 3, 5])
def test_a_new_socket_gets_what_came_behind_a_number(
    regular: Person, topic: Thread, after: int
) -> None:
    with open_socket(regular) as socket:
        events = ask(socket, topic["id"], uuid.uuid4().hex)
    assert kinds(events) == FIVE
    with open_socket(regular) as socket:
        missed = resume(socket, events[0]["run_id"], after)
    assert missed == [*events[after:], {"type": "resumed", "run_id": events[0]["run_id"]}]


def test_who_leaves_in_the_middle_misses_nothing(
    regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.hold()
    with open_socket(regular) as socket:
        send(socket, type="message", thread_id=topic["id"], content=f"Ask {desk.tool}")
        seen = [receive(socket) for _ in range(3)]
        desk.wait_for_call()
    desk.release()
    with open_socket(regular) as socket:
        missed = resume(socket, seen[0]["run_id"], seen[-1]["sequence"])
    assert kinds(seen + missed) == [*FIVE, "resumed"]
    assert missed[0]["result"] == {"text": desk.answers["ask"]}


def test_a_run_is_followed_from_the_past_into_the_present(
    regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.hold()
    with open_socket(regular) as first, open_socket(regular) as second:
        send(first, type="message", thread_id=topic["id"], content=f"Ask {desk.tool}")
        run_id = receive(first)["run_id"]
        desk.wait_for_call()
        send(second, type="resume", run_id=run_id, after=1)
        past = [receive(second) for _ in range(2)]
        desk.release()
        present = [receive(second) for _ in range(2)]
    assert kinds(past + present) == FIVE[1:]
    assert desk.answers["ask"] in present[-1]["answer"]


def test_a_stream_goes_on_behind_the_last_event_id(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    run_id = body(_ask(http, regular, topic, uuid.uuid4().hex), 201)["run_id"]
    address = addresses.backend(f"/runs/{run_id}/events")
    headers = {**regular.headers, "Last-Event-ID": "3"}
    with http.stream("GET", address, headers=headers) as answer:
        assert answer.status_code == 200
        events = list(server_sent(answer.iter_lines()))
    assert [(event.number, event.kind) for event in events] == [(4, FIVE[3]), (5, FIVE[4])]


def test_the_run_of_another_is_not_resumed(
    http: httpx.Client, regular: Person, stranger: Person, topic: Thread
) -> None:
    run_id = body(_ask(http, regular, topic, uuid.uuid4().hex), 201)["run_id"]
    with open_socket(stranger) as socket:
        [refused] = resume(socket, run_id, 0)
    assert refused.get("type") == "error"
    assert refused["error"]["code"] == "run_not_found"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("tool fails", "mcp_tool_failed"), ("hangs up", "mcp_unreachable")],
    ids=["tool", "server"],
)
def test_a_run_whose_tool_fails_is_told_to_have_failed(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer, fault: str, code: str
) -> None:
    desk.fault = fault
    answer = _ask(http, regular, topic, f"Ask {desk.tool}")
    assert _failure(answer) == code
    run = _run(http, regular, answer.json()["run_id"])
    assert (run["status"], run["answer"]) == ("failed", None)


def test_a_socket_outlives_a_run_that_failed(
    regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.fault = "hangs up"
    with open_socket(regular) as socket:
        failed = ask(socket, topic["id"], f"Ask {desk.tool}")
        desk.fault = ""
        worked = ask(socket, topic["id"], f"Ask {desk.tool}")
    assert kinds(failed) == [*FIVE[:3], "agent_failed"]
    assert kinds(worked) == FIVE
    assert desk.answers["ask"] in worked[-1]["answer"]


def test_a_question_whose_run_failed_is_kept_and_has_no_answer(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.fault = "tool fails"
    question = f"Ask {desk.tool} about {uuid.uuid4().hex}"
    assert error_code(_ask(http, regular, topic, question), 502) == "mcp_tool_failed"
    address = addresses.backend(f"/threads/{topic['id']}/messages")
    kept = body(http.get(address, headers=regular.headers))["messages"]
    assert [(each["role"], each["content"]) for each in kept] == [("user", question)]


def test_a_resume_that_names_no_run_is_an_error_and_not_the_end(
    regular: Person, topic: Thread
) -> None:
    with open_socket(regular) as socket:
        send(socket, type="resume")
        assert receive(socket)["error"]["code"] == "invalid_message"
        assert kinds(ask(socket, topic["id"], uuid.uuid4().hex)) == FIVE
