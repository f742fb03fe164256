"""A real MCP server in the test's own process: its tools say what the test has made up.

It is strict about the protocol, and a tool can be held: then the test decides when it answers.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEADLINE = 10.0


@dataclass
class McpServer:
    """What the server offers, what it was asked, and what it answers."""

    url: str
    name: str = field(default_factory=lambda: f"desk-{uuid.uuid4().hex[:8]}")
    answers: dict[str, str] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    fault: str = ""
    called: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.answers.setdefault("ask", uuid.uuid4().hex)
        self.released.set()

    @property
    def tool(self) -> str:
        """How a question names the tool `ask`."""
        return f"{self.name}.ask"

    def hold(self) -> None:
        """Calls wait from now on until `release`."""
        self.released.clear()

    def release(self) -> None:
        self.released.set()

    def wait_for_call(self) -> None:
        """Until a tool was called."""
        assert self.called.wait(DEADLINE), "no tool was called"

    def answer(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The result of a request."""
        if method == "initialize":
            info = {"name": self.name, "version": "1"}
            return {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": info}
        if method == "tools/list":
            schema = {"type": "object", "properties": {"question": {"type": "string"}}}
            tools = [{"name": tool, "inputSchema": schema} for tool in self.answers]
            return {"tools": tools}
        self.questions.append(parameters["arguments"]["question"])
        self.called.set()
        self.released.wait(DEADLINE)
        text = {"type": "text", "text": self.answers[parameters["name"]]}
        return {"content": [text], "isError": self.fault == "tool fails"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; otherwise the second waits for the first to be acknowledged.
    disable_nagle_algorithm = True
    desk: McpServer

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, desk = message["method"], self.desk
        if method != "initialize" and self.headers["Mcp-Session-Id"] not in desk.sessions:
            return self._reply(400, {"error": "no session"})
        if "id" not in message:
            return self._reply(202)
        result = desk.answer(method, message.get("params", {}))
        if desk.fault == "hangs up" and method == "tools/call":
            self.close_connection = True
            return None
        if desk.fault == "nonsense" and method == "tools/list":
            result = {"tools": uuid.uuid4().hex}
        session = uuid.uuid4().hex
        desk.sessions.add(session)
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        return self._reply(200, answer, session)

    def _reply(self, status: int, body: Any = None, session: str = "") -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if session:
            self.send_header("Mcp-Session-Id", session)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        with suppress(ConnectionError):  # who asked may have left
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the test tells what matters."""


@contextmanager
def running() -> Iterator[McpServer]:
    """A server on a free port, until the end of the block."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        desk = McpServer(f"http://127.0.0.1:{server.server_port}/mcp")
        handler.desk = desk  # type: ignore[attr-defined]
        worker = threading.Thread(target=server.serve_forever, args=(0.01,))
        worker.start()
        try:
            yield desk
        finally:
            desk.release()
            server.shutdown()
            worker.join(DEADLINE)
