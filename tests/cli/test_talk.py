"""Talk goes to stderr: a live line on a terminal, plain lines elsewhere; the result alone goes to stdout."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from terminal import Shown, on_terminal

from greenproof.cli.talk import Level, Talk
from greenproof.model.facts import CaseRecord, Outcome

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"total": 41}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

SUITE = """
import json, os, urllib.request
import pytest

def order():
    with urllib.request.urlopen(os.environ["SHOP"] + "/orders/1", timeout=10) as answer:
        return json.load(answer)

@pytest.mark.parametrize("number", range(11))
def test_total(number):
    print("\\x1b[2J begun")
    assert order()["total"] == 41

def test_wrong():
    assert order()["total"] == 42

def test_nothing():
    pass
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


def command(shop: str, *options: str, suite: str = "test_it.py") -> list[str]:
    tests = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:asyncio", suite)
    return [sys.executable, "-m", "greenproof", "prove", "--target", f"shop={shop}", "--env", "SHOP=shop",
            *options, "--", *tests]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("talk")
    (folder / "test_it.py").write_text(SUITE)
    (folder / "test_none.py").write_text("import no_such_module\n")
    (folder / "test_slow.py").write_text("import time\ndef test_slow():\n    time.sleep(600)\n")
    return folder


def piped(arguments: list[str], cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}} | variables
    return subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def plain(text: str) -> bool:
    return all(character == "\n" or character.isprintable() for character in text)


def test_a_pipe_gets_plain_lines(shop: str, place: Path, snapshot: SnapshotAssertion) -> None:
    done = piped(command(shop), place, COLUMNS="80")
    assert done.returncode == 1
    assert plain(done.stderr)
    assert plain(done.stdout)
    assert without_ids(done.stderr) == snapshot(name="talk")
    assert done.stdout == snapshot(name="result")


def without_ids(text: str) -> str:
    """The id of the run and the head of the ledger are new each time."""
    return re.sub(r"[0-9a-f]{64}", "HEAD", re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{6}", "RUN", text))


def test_quiet_says_nothing_but_the_result(shop: str, place: Path) -> None:
    done = piped(command(shop, "-q", "--no-faults"), place)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("verified: ")


def test_very_verbose_shows_output_relay_and_evidence(shop: str, place: Path) -> None:
    done = piped(command(shop, "-vv", "--no-faults"), place, COLUMNS="120")
    assert plain(done.stderr)
    assert "| ?[2J begun" in done.stderr
    assert "relay: shop is http://127.0.0.1:" in done.stderr
    assert re.search(r"^ +1 passed +\d+\.\d\d s  test_it.py::test_total\[0\]$", done.stderr, re.MULTILINE)
    assert re.search(r"^run: exit status 1, \d+\.\d s, test processes: 1, exchanges: 12$", done.stderr, re.MULTILINE)
    assert re.search(r"^evidence kept: exchanges of the plain run: ev-[0-9a-f]{64}$", done.stderr, re.MULTILINE)


def test_a_run_without_a_case_tells_why(shop: str, place: Path) -> None:
    done = piped(command(shop, suite="test_none.py"), place)
    assert done.returncode == 5
    assert "no case was reported; the last lines that the command printed:" in done.stderr
    assert "No module named 'no_such_module'" in done.stderr


@pytest.fixture(scope="module")
def seen(shop: str, place: Path) -> Shown:
    return on_terminal(command(shop), cwd=place)


def test_a_terminal_gets_one_live_line(seen: Shown) -> None:
    assert seen.code == 1
    assert seen.screen.count("\x1b[?25l") == seen.screen.count("\x1b[?25h") >= 1
    assert seen.screen.rindex("\x1b[?25h") > seen.screen.rindex("\x1b[?25l")
    assert seen.colours
    live = [line for line in seen.lines if re.search(r"\d:\d\d:\d\d", line)]
    assert max(map(len, live)) <= 80
    drawn = [line for line in live if "fault run 1 of 2" in line and "/11" in line]
    assert drawn, seen.lines
    assert any("12 passed, 1 failed" in line for line in seen.lines)
    # The line is taken away in the end: what stays are the words that a pipe would get, too.
    assert "fault run 2 of 2: 11 of 11 cases, 11 turned red, 0 stayed green" in seen.lines


def test_the_result_goes_to_stdout_alone(seen: Shown) -> None:
    assert plain(seen.out)
    assert seen.out.startswith("verified: 11 of 13 cases are proven")
    assert not any(line.startswith("verified:") for line in seen.lines)


def test_ctrl_c_gives_the_cursor_back(shop: str, place: Path) -> None:
    shown = on_terminal(command(shop, suite="test_slow.py"), cwd=place, interrupt_at="plain run ")
    assert shown.code == 2
    assert shown.screen.rindex("\x1b[?25h") > shown.screen.rindex("\x1b[?25l")
    assert "interrupted [interrupted]" in shown.screen


TALKS = textwrap.dedent("""
    import sys
    from greenproof.cli.talk import Level, Talk
    from greenproof.model.facts import CaseRecord, Outcome
    with Talk.open(Level.NORMAL) as talk:
        talk.doing("a \\x1b[31mplain run" + " of many words" * int(sys.argv[1]), 3)
        for name in ("a", "\\x1b[2Jb", "[bold]c"):
            talk.case(CaseRecord(name, Outcome.FAILED))
        talk.say("said \\x1b]0;title\\x07")
    """)


def talks(words: int = 0) -> list[str]:
    return [sys.executable, "-c", TALKS, str(words)]


def test_no_name_can_drive_the_terminal() -> None:
    shown = on_terminal(talks(), environment={"NO_COLOR": "1"})
    assert shown.code == 0
    assert "\x1b[2J" not in shown.screen
    assert "\x1b]0" not in shown.screen
    assert "\x07" not in shown.screen
    assert "  failed     ?[2Jb" in shown.lines
    assert "  failed     [bold]c" in shown.lines
    assert "said ?]0;title?" in shown.lines


def test_no_color_means_no_colour() -> None:
    assert on_terminal(talks()).colours
    shown = on_terminal(talks(), environment={"NO_COLOR": "1", "FORCE_COLOR": "1"})
    assert "\x1b[?25l" in shown.screen
    assert shown.colours == []


@pytest.mark.parametrize("terminal", ["dumb", ""])
def test_a_dull_terminal_gets_plain_lines(terminal: str) -> None:
    shown = on_terminal(talks(), environment={"TERM": terminal})
    assert "\x1b" not in shown.screen
    assert "a ?[31mplain run: 3 of 3 cases, 3 failed" in shown.lines


@pytest.mark.parametrize("columns", [40, 60])
def test_a_narrow_terminal_is_not_flooded(columns: int) -> None:
    shown = on_terminal(talks(words=20), columns=columns, environment={"NO_COLOR": "1"})
    live = [line for line in shown.lines if "a ?[31m" in line and "so far" not in line and "3 of 3" not in line]
    assert len(live) > 3
    assert max(map(len, live)) <= columns
    # However long the text is, it leaves room for the counts.
    assert any(re.search(r"\b3/3 3 f", line) for line in live), live


def test_a_pipe_is_not_coloured_unless_that_is_forced(tmp_path: Path) -> None:
    wrong = [sys.executable, "-m", "greenproof", "nonsense"]
    assert "\x1b" not in piped(wrong, tmp_path).stderr
    forced = piped(wrong, tmp_path, FORCE_COLOR="1").stderr
    assert forced.startswith("\x1b[31m")
    assert "\x1b[?25l" not in piped(talks(), tmp_path, FORCE_COLOR="1").stderr
    assert "\x1b" not in piped(wrong, tmp_path, FORCE_COLOR="1", NO_COLOR="1").stderr


def test_a_stream_that_knows_few_characters_is_no_defect(tmp_path: Path) -> None:
    (tmp_path / "greenproof.toml").write_text('schema = 1\n[project]\nname = "a→"\n', "utf-8")
    done = piped([sys.executable, "-m", "greenproof", "status"], tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 4
    assert "a\\u2192" in done.stderr


def told(capsys: pytest.CaptureFixture[str], level: Level, count: int, *, fault: bool = False) -> list[str]:
    with Talk(level) as talk:
        talk.doing("run", fault=fault)
        for number in range(count):
            talk.case(CaseRecord(f"case {number}", Outcome.PASSED if number % 100 else Outcome.FAILED))
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_ten_thousand_cases_are_told_in_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, Level.NORMAL, 10_000)
    assert len(lines) < 70
    assert lines[0] == "  failed     case 0"
    assert "run: 10 cases so far, 9 passed, 1 failed" in lines
    assert "  further reds are only counted (-v shows them)" in lines
    assert lines[-1] == "run: 10000 cases, 9900 passed, 100 failed"


def test_verbose_tells_each_case_and_quiet_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(told(capsys, Level.VERBOSE, 300)) == 301
    assert told(capsys, Level.QUIET, 300) == []


def test_reds_of_a_fault_run_are_no_failures(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, Level.NORMAL, 3, fault=True) == ["run: 3 cases, 1 turned red, 2 stayed green"]
