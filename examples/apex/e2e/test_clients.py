"""The same routes by other clients: curl, urllib, a child process, threads of this process."""

import json
import shutil
import subprocess
import sys
import textwrap
import threading
import urllib.error
import urllib.request
import uuid
from typing import Any

import httpx
import pytest
import requests

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body
from e2e.conftest import Thread
from e2e.conversations import FIVE

TIMEOUT = 10


@pytest.fixture(scope="session")
def curl() -> str:
    """The path of curl."""
    return shutil.which("curl") or pytest.skip("curl is not installed: apt-get install curl")


def _curl(curl: str, person: Person, *arguments: str) -> tuple[int, Any]:
    command = [curl, "--silent", "--max-time", str(TIMEOUT), "--write-out", "\n%{http_code}"]
    for name, value in {**person.headers, "Content-Type": "application/json"}.items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=TIMEOUT + 5, check=True
    )
    text, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(text)


def test_curl_makes_a_thread_and_reads_it(curl: str, person: Person) -> None:
    title = uuid.uuid4().hex
    address = addresses.backend("/threads")
    status, made = _curl(curl, person, "--data", json.dumps({"title": title}), address)
    assert (status, made.get("title")) == (201, title)
    status, read = _curl(curl, person, f"{address}/{made['id']}")
    assert (status, read) == (200, made)


def test_curl_is_told_what_is_not_there(curl: str, person: Person) -> None:
    status, refused = _curl(curl, person, addresses.backend(f"/threads/{uuid.uuid4()}"))
    assert status == 404
    assert refused["error"]["code"] == "thread_not_found"


def test_curl_gets_an_answer_of_the_agents(curl: str, person: Person, thread: Thread) -> None:
    content = uuid.uuid4().hex
    address = addresses.backend(f"/threads/{thread['id']}/messages")
    status, answer = _curl(curl, person, "--data", json.dumps({"content": content}), address)
    assert status == 201
    assert [event["type"] for event in answer["events"]] == FIVE
    assert answer["message"]["content"] == content


def test_urllib_makes_a_thread(person: Person) -> None:
    title = uuid.uuid4().hex
    request = urllib.request.Request(
        addresses.backend("/threads"),
        data=json.dumps({"title": title}).encode(),
        headers={**person.headers, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        assert answer.status == 201
        assert json.load(answer)["title"] == title


def test_urllib_raises_for_what_is_not_there(person: Person) -> None:
    address = addresses.backend(f"/runs/{uuid.uuid4()}")
    request = urllib.request.Request(address, headers=person.headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=TIMEOUT)
    assert refused.value.code == 404
    assert json.load(refused.value)["error"]["code"] == "run_not_found"


_CHILD_HTTP = """
import json, sys, urllib.request
address, token, title = sys.argv[1:]
request = urllib.request.Request(
    address,
    data=json.dumps({"title": title}).encode(),
    headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(json.dumps({"status": answer.status, "body": json.load(answer)}))
"""

_CHILD_SOCKET = """
import json, sys
from websockets.sync.client import connect
address, token, thread_id, content = sys.argv[1:]
with connect(address, subprotocols=["jwt", "jwt." + token], open_timeout=5) as socket:
    socket.send(json.dumps({"type": "message", "thread_id": thread_id, "content": content}))
    event = {}
    while event.get("type", "agent_") .startswith(("agent_", "tool_")):
        event = json.loads(socket.recv(timeout=5))
        print(json.dumps(event), flush=True)
        if event.get("type") == "agent_completed":
            break
"""


def _child(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_child_process_makes_a_thread(person: Person) -> None:
    title = uuid.uuid4().hex
    done = _child(_CHILD_HTTP, addresses.backend("/threads"), person.access_token, title)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == 201
    assert answer["body"]["title"] == title


def test_a_child_process_sees_the_five_events(person: Person, thread: Thread) -> None:
    content = uuid.uuid4().hex
    done = _child(_CHILD_SOCKET, addresses.websocket(), person.access_token, thread["id"], content)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event.get("type") for event in events] == FIVE
    assert events[0]["question"] == content


def test_threads_of_this_process_each_get_their_answer(person: Person) -> None:
    titles = [uuid.uuid4().hex for _ in range(4)]
    answers: dict[str, httpx.Response] = {}

    def make(title: str) -> None:
        answers[title] = httpx.post(
            addresses.backend("/threads"),
            json={"title": title},
            headers=person.headers,
            timeout=TIMEOUT,
        )

    workers = [threading.Thread(target=make, args=(title,)) for title in titles]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIMEOUT + 5)
    assert sorted(answers) == sorted(titles)
    for title, answer in answers.items():
        assert body(answer, 201)["title"] == title


def test_a_session_of_requests_keeps_its_header(person: Person, thread: Thread) -> None:
    title = uuid.uuid4().hex
    with requests.Session() as session:
        session.headers.update(person.headers)
        address = addresses.backend(f"/threads/{thread['id']}")
        changed = session.patch(address, json={"title": title}, timeout=TIMEOUT)
        read = session.get(address, timeout=TIMEOUT)
    assert body(changed)["title"] == title
    assert body(read)["title"] == title


@pytest.mark.asyncio
async def test_async_httpx_reads_the_catalogue(person: Person) -> None:
    async with httpx.AsyncClient(timeout=TIMEOUT, headers=person.headers) as client:
        answer = await client.get(addresses.backend("/agents"))
    names = {agent["name"] for agent in body(answer)["agents"]}
    assert {"supervisor", "cost-analyst", "librarian"} <= names
