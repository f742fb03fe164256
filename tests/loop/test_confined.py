"""Clients that evade: in a network of their own every one of them is seen, and nobody else can be reached."""

import json
import shutil
import subprocess
import sys
import textwrap

import pytest

from greenproof.adapters.confinement import can_be_made

SUITE = """
    import json, os, socket, subprocess, sys, threading, time, urllib.request
    PORT = {port}
    BODY = b'{{"prices": [2, 3]}}'
    HEAD = b"POST /orders HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 18\\r\\nConnection: close\\r\\n\\r\\n"
    def total(answer): return json.loads(answer)["total"]
    def test_address_written_into_the_test():
        assert total(urllib.request.urlopen(f"http://localhost:{{PORT}}/orders", BODY, 5).read()) == 5
    def test_raw_socket():
        with socket.create_connection(("127.0.0.1", PORT), 5) as raw:
            raw.sendall(HEAD + BODY)
            answer = raw.makefile("rb").read()
        assert total(answer.partition(b"\\r\\n\\r\\n")[2]) == 5
    ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], sys.argv[2].encode(), 5).read().decode())"
    def test_child_without_our_variables():
        words = [sys.executable, "-c", ASK, f"http://127.0.0.1:{{PORT}}/orders", BODY.decode()]
        assert total(subprocess.run(words, env={{}}, capture_output=True, check=True).stdout) == 5
    def test_child_in_a_session_of_its_own():
        words = [sys.executable, "-c", ASK, f"http://127.0.0.1:{{PORT}}/orders", BODY.decode()]
        done = subprocess.run(words, env={{}}, capture_output=True, check=True, start_new_session=True)
        assert total(done.stdout) == 5
    # Its parent has ended: it descends from no process of the suite any more.
    def leave_daemon(place, first=":"):
        ask = f"{{sys.executable}} -c '{{ASK}}' http://127.0.0.1:{{PORT}}/orders '{{BODY.decode()}}'"
        words = f"({{first}}; {{ask}} > {{place}}.new; mv {{place}}.new {{place}}) & exit 0"
        subprocess.run(["sh", "-c", words], start_new_session=True, check=True, env={{"PATH": os.environ["PATH"]}})
    def read(place):
        deadline = time.monotonic() + 8
        while not os.path.exists(place):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with open(place) as file:
            return file.read()
    def test_daemon(tmp_path):
        leave_daemon(tmp_path / "answer")
        assert total(read(tmp_path / "answer")) == 5
    def test_leaves_a_daemon(tmp_path_factory):
        assert total(urllib.request.urlopen(f"http://localhost:{{PORT}}/orders", BODY, 5).read()) == 5
        place = tmp_path_factory.getbasetemp()
        leave_daemon(place / "late", f"while [ ! -e {{place}}/go ]; do sleep 0.01; done")
    def test_daemon_of_another_test(tmp_path_factory):
        place = tmp_path_factory.getbasetemp()
        (place / "go").touch()
        assert total(read(place / "late")) == 5
    def test_uvloop():
        import asyncio, uvloop
        async def ask():
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
            writer.write(HEAD + BODY)
            return (await reader.read()).partition(b"\\r\\n\\r\\n")[2]
        assert total(uvloop.run(ask())) == 5
    def test_thread():
        answers = []
        ask = lambda: answers.append(urllib.request.urlopen(f"http://127.0.0.1:{{PORT}}/orders", BODY, 5).read())
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        assert total(answers[0]) == 5
    def test_swallows():
        try: urllib.request.urlopen(f"http://localhost:{{PORT}}/orders", BODY, 5)
        except OSError: pass
    def test_somewhere_else():
        try: urllib.request.urlopen("http://127.0.0.1:{other}/", timeout=5)
        except OSError as problem: assert "refused" in str(problem)
        else: raise AssertionError("reached")
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory, shop_of_module):
    """Confined or not -> name of a test -> verdict and codes."""
    place = tmp_path_factory.mktemp("confined")
    with __import__("socket").create_server(("127.0.0.1", 0)) as other:
        suite = SUITE.format(port=shop_of_module.rpartition(":")[2], other=other.getsockname()[1])
        (place / "test_it.py").write_text(textwrap.dedent(suite))
        return {confined: _judged(place, shop_of_module, confined) for confined in (False, True)}


def _judged(place, shop, confined):
    command = [
        sys.executable, "-m", "greenproof", "prove", *(["--confine"] if confined else []), "--target", f"shop={shop}",
        "--expect", "shop=shop-1", "--json", "result.json", "--", sys.executable, "-m", "pytest", "-q",
        "-p", "no:cacheprovider",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=200, check=False)
    result = json.loads((place / "result.json").read_text())
    assert not result["findings"], done.stderr
    shutil.rmtree(place / ".greenproof")
    return {
        case["id"].partition("::")[2]: (case["verdict"], [reason["code"] for reason in case["reasons"]])
        for case in result["cases"]
    }


EVADING = (
    "address_written_into_the_test", "raw_socket", "child_without_our_variables", "child_in_a_session_of_its_own",
    "daemon", "uvloop", "thread",
)  # fmt: skip


@pytest.mark.parametrize("name", EVADING)
def test_what_cannot_be_seen_is_unproven(verdicts, name):
    if name != "thread" and can_be_made() is None:
        assert verdicts[False][f"test_{name}"] == ("unproven", ["unseen-contact"])


@pytest.mark.parametrize("name", EVADING)
def test_confined_it_is_seen_and_proven(verdicts, name):
    assert verdicts[True][f"test_{name}"] == ("proven", [])


def test_confined_a_hollow_one_is_hollow(verdicts):
    assert verdicts[False]["test_swallows"][0] == "unproven"
    assert verdicts[True]["test_swallows"][0] == "hollow"


def test_confined_nobody_else_can_be_reached(verdicts):
    # It is green, so its way to another server was refused.
    assert verdicts[True]["test_somewhere_else"] == ("unproven", ["unseen-contact"])


def test_confined_a_daemon_proves_nothing_for_a_later_test(verdicts):
    assert verdicts[True]["test_leaves_a_daemon"] == ("proven", [])
    assert verdicts[True]["test_daemon_of_another_test"] == ("unproven", ["ambiguous"])
