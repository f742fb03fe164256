"""A small real control server, and real pytest runs against it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
Message = Dict[str, Any]


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


class Line:
    """A listening socket whose connections are served by threads until it is closed."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listening = listen()
        self._serve = serve
        self._open: List[socket.socket] = []
        self.address = self._listening.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._guarded, args=(connection,), daemon=True).start()

    def _guarded(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def close(self) -> None:
        try:
            self._listening.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listening.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class ControlServer:
    """Speaks the witness's side of the protocol, and keeps what it heard."""

    def __init__(self) -> None:
        self.messages: List[Message] = []
        self.arrivals: List[Any] = []
        """Source ports of connections to the relay, and whether they had been told by then."""
        self.welcome: Message = {"select": None, "run": "plain"}
        self.addresses: Dict[str, str] = {}
        self.answer: Callable[[Message], Optional[Message]] = lambda message: {}
        """Fields of a reply; None: never answer."""
        self._lock = threading.Lock()
        self._control = Line(self._talk)
        self._relay = Line(self._relayed)
        self.text = "{}:{}:token".format(*self._control.address)
        self.relay = self._relay.address

    def _talk(self, connection: socket.socket) -> None:
        stream = connection.makefile("rwb")
        origin = None
        for line in stream:
            message = json.loads(line)
            if message["m"] == "hello":
                origin = message["worker"] or ("nested" if message["nested"] else "main")
            message["from"] = origin
            with self._lock:
                self.messages.append(message)
            if "n" in message:
                fields = self.answer(message)
                if fields is None:
                    continue
                if message["m"] == "hello":
                    fields = {**self._hello(), **fields}
                stream.write(json.dumps({"n": message["n"], **fields}).encode() + b"\n")
                stream.flush()

    def _hello(self) -> Message:
        url = "http://{}:{}".format(*self.relay)
        return {
            "relay": [list(self.relay)],
            "addresses": {"BACKEND": url, **self.addresses},
            **self.welcome,
        }

    def _relayed(self, connection: socket.socket) -> None:
        peer = connection.getpeername()[1]
        with self._lock:
            told = any(m["m"] == "source" and m["port"] == peer for m in self.messages)
        self.arrivals.append((peer, told))
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

    def close(self) -> None:
        self._control.close()
        self._relay.close()


class Run:
    """One run of pytest, as its terminal and as the control server saw it."""

    def __init__(self, completed: Any, server: ControlServer) -> None:
        self.status = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr
        self.messages = server.messages
        self.arrivals = server.arrivals

    def of(self, kind: str, case: Optional[str] = None) -> List[Message]:
        """Messages of a kind, of the case of this name."""
        return [m for m in self.messages if m["m"] == kind and (case is None or m["case"].endswith(f"::{case}"))]

    def one(self, kind: str, case: Optional[str] = None) -> Message:
        (message,) = self.of(kind, case)
        return message

    def reports(self, case: Optional[str] = None) -> List[Tuple[str, str, bool]]:
        """(when, outcome, was expected to fail) of each report."""
        return [tuple(report) for message in self.of("reported", case) for report in message["reports"]]

    def checks(self, case: str) -> Any:
        return self.one("teardown", case)["checks"]


@pytest.fixture
def server():
    server = ControlServer()
    yield server
    server.close()


@pytest.fixture
def write(tmp_path):
    def write(files: Dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "suite" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path / "suite"

    return write


@pytest.fixture
def launch(write, server):
    """Run pytest on files, with only the folder of the plugin on its path."""

    def launch(files: Any, *arguments: str, control: Optional[str] = "", **env: str) -> Run:
        if isinstance(files, str):
            files = {"test_it.py": files}
        folder = write(files)
        if not (folder / "pytest.ini").exists():
            (folder / "pytest.ini").write_text("[pytest]\n")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("GREENPROOF", "PYTEST", "COV"))}
        environment.update(
            PYTHONPATH=str(SOURCE),
            PYTEST_ADDOPTS="-p pytest_greenproof.plugin",
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            PYTHONDONTWRITEBYTECODE="",
        )
        if control is not None:
            environment["GREENPROOF_CONTROL"] = control or server.text
        environment.update(env)
        completed = subprocess.run(
            [sys.executable, *_interpreter(arguments), "-m", "pytest", "-q", *_ours(arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
        _wait_for_byes(server)
        return Run(completed, server)

    return launch


def _interpreter(arguments):
    return [argument for argument in arguments if argument == "-O"]


def _ours(arguments):
    return [argument for argument in arguments if argument != "-O"]


def _wait_for_byes(server: ControlServer) -> None:
    # The last unanswered lines may still be on their way to a thread of ours: wait for what the process wrote.
    deadline = time.monotonic() + 2
    previous = -1
    while previous != len(server.messages) and time.monotonic() < deadline:
        previous = len(server.messages)
        time.sleep(0.02)
