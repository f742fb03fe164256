"""Five hundred tests and a system that is not there: none is proven, and the floor is right to the test."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from five_hundred.idioms import expected, suite

BACKENDS = ("refused", "unavailable", "static")
SOCKETS = ("socket_refused", "socket_fallback")
LETTERS = {"p": "passed", "f": "failed", "e": "error", "s": "skipped"}
TESTS = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio", "-n", "2"]


class Unavailable(BaseHTTPRequestHandler):
    """503 to everything, and it even names the right revision."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b'{"error": "service unavailable"}'
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Greenproof-Revision", "api-7")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = answer

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("five hundred")
    for name, text in suite().items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def unavailable() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Unavailable)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def greenproof(place: Path, url: str, command: str, *options: str) -> tuple[int, dict[str, object]]:
    line = [sys.executable, "-m", "greenproof", command, "--json", "out.json", "--target", f"api={url}"]
    line += ["--env", "API_URL=api", "--env", "EVENTS=api", *options, "--", *TESTS]
    environment = {"PATH": "/usr/bin:/bin", "API_URL": url, "EVENTS": url.replace("http", "ws") + "/events"}
    done = subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert (place / "out.json").exists(), done.stderr[-3000:]
    return done.returncode, json.loads((place / "out.json").read_text())


def test_none_of_them_is_proven(place: Path, unavailable: str) -> None:
    code, result = greenproof(place, unavailable, "prove")
    known, cases = expected(), {case["id"]: case for case in result["cases"]}
    assert cases.keys() == known.keys()
    assert len(cases) == 500
    outcomes = {name: case["outcome"] for name, case in cases.items()}
    assert outcomes == {name: LETTERS[idiom.outcomes[1]] for name, idiom in known.items()}
    assert {case["verdict"] for case in cases.values()} == {"hollow", "unproven", "failed", "not-run"}
    unproven = {name.split("::")[0] for name, case in cases.items() if case["verdict"] == "unproven"}
    # They turn red under another error than this one, and a 503 is no evidence of a feature.
    assert unproven == {f"test_{name}.py" for name in ("expects_503", "busy_is_fine", *SOCKETS)}
    assert code == 1


def test_the_floor_is_right_to_the_test(place: Path, unavailable: str) -> None:
    code, result = greenproof(place, unavailable, "floor")
    told = {
        case["id"]: ("".join(case["outcomes"][b][0] for b in BACKENDS), case["finding"]) for case in result["cases"]
    }
    assert told == {name: (idiom.outcomes, idiom.finding) for name, idiom in expected().items()}
    assert code == 0
