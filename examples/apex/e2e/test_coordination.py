"""Several connections, one thread: who watches sees what others start, in order, and only that."""

import uuid

import httpx

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body
from e2e.conftest import Thread
from e2e.conversations import FIVE, Event, ask, kinds, open_socket, receive, rest, send, watch
from e2e.mcp_server import McpServer
from e2e.streams import server_sent


def _send(
    http: httpx.Client, person: Person, thread: Thread, question: str, wait: bool = True
) -> dict[str, object]:
    address = addresses.backend(f"/threads/{thread['id']}/messages")
    answer = http.post(address, json={"content": question, "wait": wait}, headers=person.headers)
    sent: dict[str, object] = body(answer, 201 if wait else 202)
    return sent


def _watching(thread: Thread) -> Event:
    return {"type": "watching", "thread_id": thread["id"]}


def test_a_watcher_sees_what_is_asked_over_http(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    with open_socket(regular) as socket:
        assert watch(socket, topic["id"]) == _watching(topic)
        sent = _send(http, regular, topic, uuid.uuid4().hex)
        assert rest(socket) == sent["events"]


def test_two_watchers_see_the_same(http: httpx.Client, regular: Person, topic: Thread) -> None:
    with open_socket(regular) as first, open_socket(regular) as second:
        for socket in (first, second):
            assert watch(socket, topic["id"]) == _watching(topic)
        sent = _send(http, regular, topic, uuid.uuid4().hex)
        assert rest(first) == rest(second) == sent["events"]


def test_a_watcher_sees_a_run_as_it_happens(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.hold()
    with open_socket(regular) as socket:
        assert watch(socket, topic["id"]) == _watching(topic)
        sent = _send(http, regular, topic, f"Ask {desk.tool}", wait=False)
        early = [receive(socket) for _ in range(3)]
        assert kinds(early) == FIVE[:3]
        desk.wait_for_call()
        desk.release()
        late = rest(socket)
    assert kinds(early + late) == FIVE
    assert {event["run_id"] for event in early + late} == {sent["run_id"]}


def test_a_watcher_sees_one_run_after_the_other(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    with open_socket(regular) as socket:
        assert watch(socket, topic["id"]) == _watching(topic)
        sent = [_send(http, regular, topic, uuid.uuid4().hex) for _ in range(2)]
        seen = [rest(socket), rest(socket)]
    assert seen == [each["events"] for each in sent]


def test_a_watcher_does_not_see_other_threads(
    http: httpx.Client, regular: Person, topic: Thread
) -> None:
    made = http.post(
        addresses.backend("/threads"), json={"title": "other"}, headers=regular.headers
    )
    other, token = body(made, 201), uuid.uuid4().hex
    with open_socket(regular) as socket:
        assert watch(socket, topic["id"]) == _watching(topic)
        _send(http, regular, other, uuid.uuid4().hex)
        sent = _send(http, regular, topic, uuid.uuid4().hex)
        assert rest(socket) == sent["events"]
        send(socket, type="ping", token=token)
        assert receive(socket) == {"type": "pong", "token": token}


def test_the_thread_of_another_is_not_watched(
    regular: Person, stranger: Person, topic: Thread
) -> None:
    with open_socket(stranger) as socket:
        refused = watch(socket, topic["id"])
    assert refused["type"] == "error"
    assert refused["error"]["code"] == "thread_not_found"
    with open_socket(regular) as socket:
        assert watch(socket, topic["id"]) == _watching(topic)


def test_watcher_and_asker_of_sockets_see_the_same(regular: Person, topic: Thread) -> None:
    with open_socket(regular) as asker, open_socket(regular) as watcher:
        assert watch(watcher, topic["id"]) == _watching(topic)
        assert ask(asker, topic["id"], uuid.uuid4().hex) == rest(watcher)


def test_socket_and_stream_follow_one_run(
    http: httpx.Client, regular: Person, topic: Thread, desk: McpServer
) -> None:
    desk.hold()
    with open_socket(regular) as socket:
        assert watch(socket, topic["id"]) == _watching(topic)
        run_id = _send(http, regular, topic, f"Ask {desk.tool}", wait=False)["run_id"]
        address = addresses.backend(f"/runs/{run_id}/events")
        with http.stream("GET", address, headers=regular.headers) as answer:
            assert answer.status_code == 200
            desk.release()
            streamed = [event.data for event in server_sent(answer.iter_lines())]
        assert rest(socket) == streamed
    assert kinds(streamed) == FIVE
