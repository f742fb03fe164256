"""`greenproof floor` on real suites of several kinds: the outcomes on each backend were written by hand."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from greenproof.reporting.floor import schema

REQUESTS = """
    import os, pytest, requests
    URL = os.environ["API_URL"]
    def test_order():
        assert requests.post(URL + "/orders", json={"prices": [2]}, timeout=5).json()["total"] == 2
    def test_healthy():
        assert requests.get(URL + "/health", timeout=5).json()["status"] == "healthy"
    def test_swallows():
        try:
            assert requests.get(URL + "/orders", timeout=5).json()["total"] == 2
        except Exception:
            pass
    def test_is_down():
        try:
            status = requests.get(URL + "/health", timeout=5).status_code
        except requests.ConnectionError:
            status = 0
        assert status != 200
    def test_overload():
        assert requests.get(URL + "/orders", timeout=5).status_code == 503
    def test_skips_when_refused():
        try:
            answer = requests.get(URL + "/orders", timeout=5)
        except requests.ConnectionError:
            pytest.skip("not reachable")
        assert answer.json()["total"] == 2
    @pytest.mark.xfail(reason="known", strict=False)
    def test_known():
        assert requests.head(URL + "/orders", timeout=5).status_code == 201
    @pytest.mark.skip(reason="later")
    def test_later():
        pass
    @pytest.fixture
    def session():
        requests.get(URL + "/session", timeout=5).raise_for_status()
    def test_with_a_session(session):
        pass
    @pytest.mark.parametrize("number", [1, 2])
    def test_many(number):
        assert requests.get(f"{URL}/orders/{number}", timeout=5).ok
"""
UNITTEST = """
    import os, unittest, urllib.error, urllib.request
    class TestShop(unittest.TestCase):
        def fetch(self, path):
            with urllib.request.urlopen(os.environ["SHOP"] + path, timeout=5) as answer:
                return answer.status
        def test_answers(self):
            self.assertEqual(self.fetch("/orders"), 200)
        def test_rejects(self):
            with self.assertRaises(urllib.error.URLError):
                self.fetch("/orders")
        def test_alone(self):
            self.assertEqual(1 + 1, 2)
"""
ASYNC = """
    import os, ssl
    import aiohttp, httpx2, pytest, websockets
    pytestmark = pytest.mark.asyncio
    URL, EVENTS = os.environ["API_URL"], os.environ["EVENTS"]
    async def test_httpx():
        async with httpx2.AsyncClient(timeout=5) as client:
            assert (await client.get(URL + "/orders")).json()["total"] == 2
    async def test_httpx_any():
        async with httpx2.AsyncClient(timeout=5) as client:
            assert (await client.get(URL + "/orders")).status_code < 600
    async def test_aiohttp():
        async with aiohttp.ClientSession() as client, client.get(URL + "/health") as answer:
            assert answer.status == 200
    async def test_socket():
        async with websockets.connect(EVENTS, open_timeout=5) as socket:
            assert await socket.recv()
    async def test_socket_is_rejected():
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect(EVENTS, open_timeout=5):
                pass
    async def test_socket_unavailable():
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with websockets.connect(EVENTS, open_timeout=5):
                pass
        assert caught.value.response.status_code == 503
"""

# p passed, f failed, e error, s skipped, x xfailed: refused, unavailable, static; and the finding.
EXPECTED = {
    "test_requests.py::test_order": ("fff", "red"),
    "test_requests.py::test_healthy": ("ffp", "partly-blind"),
    "test_requests.py::test_swallows": ("ppp", "blind"),
    "test_requests.py::test_is_down": ("ppf", "inverted"),
    "test_requests.py::test_overload": ("fpf", "inverted"),
    "test_requests.py::test_skips_when_refused": ("sff", "red"),
    "test_requests.py::test_known": ("xxx", "not-run"),
    "test_requests.py::test_later": ("sss", "not-run"),
    "test_requests.py::test_with_a_session": ("eep", "partly-blind"),
    "test_requests.py::test_many[1]": ("ffp", "partly-blind"),
    "test_requests.py::test_many[2]": ("ffp", "partly-blind"),
    "test_unittest.py::TestShop::test_answers": ("ffp", "partly-blind"),
    "test_unittest.py::TestShop::test_rejects": ("ppf", "inverted"),
    "test_unittest.py::TestShop::test_alone": ("ppp", "blind"),
    "test_async.py::test_httpx": ("fff", "red"),
    "test_async.py::test_httpx_any": ("fpp", "partly-blind"),
    "test_async.py::test_aiohttp": ("ffp", "partly-blind"),
    "test_async.py::test_socket": ("fff", "red"),
    "test_async.py::test_socket_is_rejected": ("fpp", "partly-blind"),
    "test_async.py::test_socket_unavailable": ("fpf", "inverted"),
}
LETTERS = {"passed": "p", "failed": "f", "error": "e", "skipped": "s", "xfailed": "x", "not-run": "-"}
ENVIRONMENT = {
    "API_URL": "https://api.example.invalid/v1",
    "SHOP": "",
    "EVENTS": "wss://api.example.invalid/events",
    "GREENPROOF_TRACEBACK": "1",
}
TARGETS = (
    "--target=api=https://api.example.invalid/v1",
    "--target=shop=http://shop.example.invalid",
    "--env=API_URL=api",
    "--env=EVENTS=api",
    "--env=SHOP=shop",
)


def write(place: Path, **suites: str) -> None:
    (place / "pytest.ini").write_text(
        "[pytest]\naddopts = -p no:anyio\nasyncio_default_fixture_loop_scope = function\n"
    )
    for name, text in suites.items():
        (place / f"test_{name}.py").write_text(textwrap.dedent(text))


def run(place: Path, *arguments: str, options: tuple[str, ...] = TARGETS) -> "subprocess.CompletedProcess[str]":
    pytest_command = (sys.executable, "-m", "pytest", "-q", *arguments)
    command = [sys.executable, "-m", "greenproof", "floor", *options, "--json", "floor.json", "--", *pytest_command]
    environment = {**os.environ, **ENVIRONMENT}
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240, env=environment, check=False)


def floor(place: Path, *arguments: str, options: tuple[str, ...] = TARGETS, code: int = 0) -> dict[str, Any]:
    """The checked JSON result (with `stdout` beside it)."""
    done = run(place, *arguments, options=options)
    assert done.returncode == code, done.stdout + done.stderr
    document: dict[str, Any] = json.loads((place / "floor.json").read_text())
    jsonschema.validate(document, schema())
    return {**document, "stdout": done.stdout}


def found(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        case["id"]: ("".join(LETTERS[outcome] for outcome in case["outcomes"].values()), case["finding"])
        for case in document["cases"]
    }


def test_three_kinds_of_suites_over_tls_and_plain(tmp_path: Path) -> None:
    write(tmp_path, requests=REQUESTS, unittest=UNITTEST, **{"async": ASYNC})
    document = floor(tmp_path, "-x")
    assert found(document) == EXPECTED
    letters = list(zip(*(outcomes for outcomes, _ in EXPECTED.values()), strict=True))
    for backend, column in zip(("refused", "unavailable", "static"), letters, strict=True):
        passed, decided = column.count("p"), sum(column.count(letter) for letter in "pfe")
        assert document["summary"]["backends"][backend] == {"passed": passed, "decided": decided}
        assert document["floor"][backend] == pytest.approx(passed / decided, abs=1e-6)
    assert document["floor"]["worst"] == document["floor"]["static"]
    assert [row["name"] for row in document["files"]] == ["test_async.py", "test_requests.py", "test_unittest.py"]
    assert document["unreached"] == [
        {"id": "test_unittest.py::TestShop::test_alone", "why": "it made no connection in its call"}
    ]
    assert document["notes"] == []
    assert document["stdout"].startswith("floor: ")
    assert "test_requests.py::test_is_down" in document["stdout"]


def test_the_same_under_xdist(tmp_path: Path) -> None:
    write(tmp_path, requests=REQUESTS)
    document = floor(tmp_path, "-n", "2", "-p", "xdist")
    assert found(document) == {case: what for case, what in EXPECTED.items() if "test_requests" in case}


def test_a_suite_that_hangs_is_cut_off_case_by_case(tmp_path: Path) -> None:
    write(
        tmp_path,
        hangs="""
    import os, pytest, time, urllib.request
    def up():
        while True:
            try:
                return urllib.request.urlopen(os.environ["API_URL"], timeout=1).read()[:0] or time.sleep(0.2)
            except Exception:
                time.sleep(0.2)
    def test_waits():
        while not up():
            pass
    @pytest.fixture(scope="session")
    def ready():
        while not up():
            pass
    def test_fixture_a(ready):
        pass
    def test_fixture_b(ready):
        pass
    def test_after():
        pass
    """,
    )
    document = floor(tmp_path, options=(*TARGETS, "--case-timeout", "1"))
    assert found(document) == {
        "test_hangs.py::test_waits": ("fff", "red"),
        "test_hangs.py::test_fixture_a": ("eee", "red"),
        "test_hangs.py::test_fixture_b": ("eee", "red"),
        "test_hangs.py::test_after": ("ppp", "blind"),
    }
    assert {case["id"][-10:]: len(case["cut_off"]) for case in document["cases"]}["test_waits"] == 3
    assert any("Cut off" in note for note in document["notes"])


def test_a_case_that_kills_its_process_costs_only_itself(tmp_path: Path) -> None:
    write(
        tmp_path,
        kills="""
    import os
    def test_before():
        pass
    def test_kills():
        os._exit(0)
    def test_after():
        pass
    """,
    )
    document = floor(tmp_path)
    assert [what for what, _ in found(document).values()] == ["ppp", "fff", "ppp"]
    assert any("started 2 times" in note for note in document["notes"])


def test_a_case_that_is_deaf_to_its_deadline_is_ended_from_outside(tmp_path: Path) -> None:
    write(
        tmp_path,
        native="""
    import signal, time
    def test_before():
        pass
    def test_deaf():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        time.sleep(600)
    def test_after():
        pass
    """,
    )
    options = (*TARGETS, "--case-timeout", "1", "--timeout", "120")
    document = floor(tmp_path, options=options)
    assert [what for what, _ in found(document).values()] == ["ppp", "fff", "ppp"]
    assert [len(case["cut_off"]) for case in document["cases"]] == [0, 3, 0]


def test_the_whole_run_is_bounded_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, slow="import time\ndef test_quick():\n    pass\ndef test_slow():\n    time.sleep(600)\n")
    document = floor(tmp_path, options=(*TARGETS, "--timeout", "6", "-q"))
    assert document["cases"][0]["finding"] in ("blind", "partly-blind")
    assert found(document)["test_slow.py::test_slow"] == ("---", "not-run")
    assert any("time of the run was over" in note for note in document["notes"])
    running = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not [line for line in running if any(str(tmp_path) in token for token in line)]


def test_every_case_is_counted_right(tmp_path: Path) -> None:
    head = "import os, requests, pytest\nmany = pytest.mark.parametrize('n', range(5))\n"
    bodies = {
        "real": ("assert get().json()['total'] == 1", "fff", "red"),
        "any": ("assert get().status_code", "fpp", "partly-blind"),
        "none": ("assert True", "ppp", "blind"),
        "down": ("assert get().status_code == 503", "fpf", "inverted"),
    }
    head += "def get():\n    return requests.get(os.environ['API_URL'], timeout=5)\n"
    tests = "".join(f"@many\ndef test_{name}(n):\n    {body[0]}\n" for name, body in bodies.items())
    write(tmp_path, **{f"part_{i}": head + tests for i in range(2)})
    document = floor(tmp_path)
    assert found(document) == {
        f"test_part_{i}.py::test_{name}[{n}]": what
        for i in range(2)
        for name, (_, *what_) in bodies.items()
        for what in [tuple(what_)]
        for n in range(5)
    }
    assert document["floor"] == {"refused": 0.25, "unavailable": 0.75, "static": 0.5, "worst": 0.75}


def test_nothing_is_left_running_after_ctrl_c(tmp_path: Path) -> None:
    write(tmp_path, slow="import time\ndef test_slow():\n    print('begun')\n    time.sleep(600)\n")
    pytest_command = (sys.executable, "-m", "pytest", str(tmp_path / "test_slow.py"))
    command = [sys.executable, "-m", "greenproof", "floor", *TARGETS, "--", *pytest_command]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **ENVIRONMENT},
    ) as process:
        assert process.stderr
        assert "refused: running" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(30) == 2
        finally:
            process.kill()
    running = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    assert not [line for line in running if any(str(tmp_path) in token for token in line)]


def test_targets_of_the_configuration_need_no_platform(tmp_path: Path) -> None:
    write(tmp_path, unittest=UNITTEST)
    (tmp_path / "greenproof.toml").write_text(
        textwrap.dedent(
            """
            schema = 1

            [project]
            name = "shop"

            [targets.shop]
            url = "http://shop.example.invalid"
            env = ["SHOP"]

            [[categories]]
            name = "answers"
            tests = ["*test_answers"]

            [[priorities]]
            name = "P1"
            tests = ["*test_rejects"]
            """
        )
    )
    document = floor(tmp_path, options=())
    assert found(document) == {case: what for case, what in EXPECTED.items() if "test_unittest" in case}
    assert [(row["name"], row["floor"]["worst"]) for row in document["categories"]] == [
        ("answers", 1.0),
        ("other", 1.0),
    ]
    assert [(row["name"], row["floor"]["static"]) for row in document["priorities"]] == [("P1", 0.0), ("other", 1.0)]


def test_an_address_in_the_command(tmp_path: Path) -> None:
    write(
        tmp_path,
        base="def test_base(pytestconfig):\n    assert pytestconfig.getoption('base').startswith('https://')\n",
    )
    (tmp_path / "conftest.py").write_text("def pytest_addoption(parser):\n    parser.addoption('--base')\n")
    assert found(floor(tmp_path, "--base", "{api}/v1"))["test_base.py::test_base"][0] == "ppp"


def test_addresses_that_are_written_into_the_tests(tmp_path: Path) -> None:
    write(
        tmp_path,
        written="""
    import http.server, socket, threading, urllib.request
    import pytest, requests, websockets
    def test_https():
        assert requests.get("https://shop.example.invalid/health", timeout=5).json()["status"] == "healthy"
    def test_http():
        assert urllib.request.urlopen("http://shop.example.invalid:8080/x", timeout=5).status == 200
    @pytest.mark.asyncio
    async def test_socket():
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect("wss://shop.example.invalid/events", open_timeout=5):
                pass
    def test_raw():
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", 1), timeout=5)
    def test_own_server():
        with http.server.HTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            assert requests.get(f"http://localhost:{server.server_port}/", timeout=5).status_code == 200
    """,
    )
    document = floor(tmp_path, options=("--target", "shop=https://shop.example.invalid"))
    assert [what for what, _ in found(document).values()] == ["ffp", "ffp", "fpp", "ppp", "ppp"]
    unreached = {entry["id"].partition("::")[2]: entry["why"] for entry in document["unreached"]}
    assert sorted(unreached) == ["test_own_server", "test_raw"]
    assert all("elsewhere" in why for why in unreached.values())


def test_a_local_address_that_is_written_into_the_tests(tmp_path: Path) -> None:
    write(
        tmp_path,
        local="""
    import requests
    def test_local():
        assert requests.get("http://localhost:8000/health", timeout=5).json()["status"] == "healthy"
    """,
    )
    document = floor(tmp_path, options=("--target", "shop=http://localhost:8000"))
    assert found(document) == {"test_local.py::test_local": ("ffp", "partly-blind")}
    assert any("localhost" in note for note in document["notes"])


def test_a_file_that_asks_its_backend_while_it_is_imported_costs_only_itself(tmp_path: Path) -> None:
    asks = """
    import os, requests
    ANSWER = requests.get(os.environ["API_URL"], timeout=5).json()
    def test_asked():
        assert ANSWER["status"] == "healthy"
    """
    write(tmp_path, asks=asks, alone="def test_alone():\n    pass\n")
    document = floor(tmp_path)
    assert found(document) == {
        "test_asks.py::test_asked": ("-fp", "partly-blind"),
        "test_alone.py::test_alone": ("ppp", "blind"),
    }
    assert {case["reason"] for case in document["cases"]} == {None, "its file could not be imported"}
    assert "refused: 1 file could not be collected: test_asks.py." in document["notes"]


def test_nothing_collected_is_no_measurement(tmp_path: Path) -> None:
    write(tmp_path)
    document = floor(tmp_path, code=5)
    assert document["floor"] == {"refused": None, "unavailable": None, "static": None, "worst": None}
    assert "nothing was measured" in document["stdout"]


def test_a_command_that_is_no_pytest_is_no_measurement(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "greenproof", "floor", "--target", "api=http://x.invalid", "-q", "--", "true"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert "no pytest process introduced itself" in done.stdout


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "no-target"),
        (("--target", "api"), "option-pair"),
        (("--target", "api=ftp://x"), "target-url"),
        (("--target", "api=http://x", "--env", "URL=shop"), "unknown-target"),
    ],
)
def test_usage(tmp_path: Path, options: tuple[str, ...], code: str) -> None:
    done = run(tmp_path, options=options)
    assert done.returncode == 4
    assert f"[{code}]" in done.stderr
    assert not (tmp_path / ".greenproof").exists()
