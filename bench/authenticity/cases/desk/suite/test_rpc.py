"""JSON-RPC: http.client, urllib, and the command line."""

import http.client
import itertools
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from deskkit.address import BASE, HOST, PORT, unique
from tenacity import RetryError, Retrying, retry, stop_after_attempt, wait_none

NUMBERS = itertools.count(1)


def rpc(method, **params):
    connection = http.client.HTTPConnection(HOST, PORT, timeout=5)
    try:
        call = {"jsonrpc": "2.0", "id": next(NUMBERS), "method": method, "params": params}
        connection.request("POST", "/rpc", json.dumps(call), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def post(path, data, base=BASE):
    request = urllib.request.Request(base + path, json.dumps(data).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


class Upstream(BaseHTTPRequestHandler):
    """A small upstream for offline runs."""

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": 5}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    server = HTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("start", "after"), [("low", "normal"), ("normal", "high"), ("urgent", "urgent")])
def test_escalate(start, after):
    made = post("/tickets", {"subject": unique("rpc"), "priority": start})
    answer = rpc("ticket.escalate", id=made["id"])
    assert answer["result"]["priority"] == after
    assert answer["result"]["ref"] == made["ref"]


def test_count_by_tag():
    tag = unique("rpc")
    for _ in range(4):
        post("/tickets", {"subject": "counted", "tags": [tag]})
    assert rpc("ticket.count", tag=tag)["result"] == 4


def test_merge_two_tickets():
    first, second = (post("/tickets", {"subject": unique("merge")}) for _ in range(2))
    for ticket in (first, second):
        post(f"/tickets/{ticket['id']}/comments", {"text": "me too"})
    result = rpc("ticket.merge", source=first["id"], target=second["id"])["result"]
    assert result == {"kept": second["ref"], "closed": first["ref"], "comments": 2}


def test_unknown_method_is_told():
    assert rpc("ticket.explode")["error"] == {"code": -32601, "message": "Method not found"}


def test_missing_parameter_is_told():
    error = rpc("ticket.escalate")["error"]
    assert error["code"] == -32602
    assert "id" in error["message"]


def test_merge_closes_source():
    first, second = (post("/tickets", {"subject": unique("merge")}) for _ in range(2))
    answer = rpc("tickets.merge", source=first["id"], target=second["id"])
    assert answer["jsonrpc"] == "2.0"


def test_merge_keeps_history():
    first, second = (post("/tickets", {"subject": unique("merge")}) for _ in range(2))
    rpc("ticket.merge", source=first["id"], target=second["id"])
    assert first["history"] == ["created"]
    assert second["status"] == "open"


def test_count_of_open_tickets(upstream):
    answer = post("/rpc", {"jsonrpc": "2.0", "id": 1, "method": "ticket.count"}, base=upstream)
    assert answer["result"] == 5


def test_count_is_a_number():
    try:
        result = post("/rpc/", {"jsonrpc": "2.0", "id": 1, "method": "ticket.count"})["result"]
    except (urllib.error.URLError, KeyError, ValueError):
        result = 0
    assert isinstance(result, int)


def test_count_after_create():
    @retry(stop=stop_after_attempt(3), wait=wait_none(), retry_error_callback=lambda state: None)
    def counted():
        assert rpc("ticket.count", tag="never-used")["result"] == 12

    counted()


def test_agent_load():
    try:
        for attempt in Retrying(stop=stop_after_attempt(2), wait=wait_none()):
            with attempt:
                assert rpc("agent.load", agent="ana")["result"] == -1
    except RetryError as error:
        assert error.last_attempt.attempt_number == 2


def test_agent_load_from_command_line():
    script = (
        "import json, sys, urllib.request as u\n"
        "call = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'agent.load', 'params': {'name': 'ana'}})\n"
        "answer = json.load(u.urlopen(u.Request(sys.argv[1] + '/rpc', call.encode())))\n"
        "assert answer['result'] >= 0\n"
    )
    done = subprocess.run([sys.executable, "-c", script, BASE], capture_output=True, timeout=20)
    assert done.returncode is not None


def test_count_from_command_line():
    tag = unique("cli")
    post("/tickets", {"subject": "x", "tags": [tag]})
    script = (
        "import json, sys, urllib.request as u\n"
        "call = json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': 'ticket.count', 'params': {'tag': sys.argv[2]}})\n"
        "print(json.load(u.urlopen(u.Request(sys.argv[1] + '/rpc', call.encode())))['result'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, BASE, tag], capture_output=True, timeout=20, check=True)
    assert done.stdout.strip() == b"1"


def test_batch_of_calls():
    calls = [{"jsonrpc": "2.0", "id": n, "method": "ticket.count"} for n in range(3)]
    assert [call["id"] for call in calls] == [0, 1, 2]
    assert json.loads(json.dumps(calls)) == calls


def test_escalate_unknown_ticket():
    answer = rpc("ticket.escalate", id=99999999)
    if answer.get("result"):
        assert answer["result"]["priority"] == "high"
