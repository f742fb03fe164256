"""A test command that does what no test command should: it is judged, and nothing of it stays behind."""

import contextlib
import json
import signal
import sys
import time
from pathlib import Path

import hostile_servers as servers
import psutil
import pytest
from hostile import assert_decent, assert_ledger, kinds
from hostile_servers import serving
from hostile_suite import prove, write_suite

FORK = """    for extra in ({}, {"env": {}}):
        p = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL, **extra)
        with open("left.txt", "a") as file: print(p.pid, file=file)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open("left.txt", "a") as file: print(os.getpid(), file=file)
            time.sleep(600)
        os._exit(0)"""
# What a second test does, the outcome that the run must give it (None: it passes), and whether CI tries it.
DEEDS: dict[str, tuple[str, str | None, bool]] = {
    "crash": ("    os.abort()", "killed", True),
    "leave": ("    os._exit(0)", "killed", False),
    "hang": ("    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    time.sleep(600)", "killed", False),
    "stop": ("    os.kill(os.getpid(), signal.SIGSTOP)", "killed", False),
    "fork": (FORK, None, True),
    "print": (
        "    for _ in range(100): os.write(1, (b'x' * 99 + b'\\n') * 10_000)\n    assert 0",
        "check-failed",
        True,
    ),
    "print one line": ("    for _ in range(100): os.write(1, b'y' * 1_000_000)\n    assert 0", "check-failed", False),
    "change folder": ("    import tempfile; os.chdir(tempfile.mkdtemp(dir='.'))", None, False),
    "folder gone": ("    os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')", None, False),
    "kill parent": ("    os.kill(os.getppid(), signal.SIGKILL); time.sleep(30)", "killed", True),
    "kill group": ("    os.killpg(0, signal.SIGKILL)", "killed", False),
    "interrupt parent": ("    os.kill(os.getppid(), signal.SIGINT)", None, False),
    "close everything": ("    os.closerange(0, 500)", "killed", False),
    "clear variables": ("    os.environ.clear()", None, False),
}


def living(file: Path) -> list[int]:
    """Which of the processes that a file names still run."""
    found = []
    for pid in map(int, file.read_text().split()) if file.exists() else ():
        with contextlib.suppress(psutil.Error):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


@pytest.mark.parametrize(
    "deed", [name if ci else pytest.param(name, marks=pytest.mark.hostile) for name, (_, _, ci) in DEEDS.items()]
)
def test_it_is_judged_and_nothing_stays(deed: str, tmp_path: Path) -> None:
    code, reason, _ = DEEDS[deed]
    write_suite(tmp_path, f"\ndef test_second():\n    assert b'41' in get('/orders/2')[1]\n{code}\n")
    limit = "15" if deed in ("hang", "stop") else "60"
    options = ("--no-faults", "--json", "result.json", "--timeout", limit, "-vv")
    command = ("--", sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider")
    with serving(servers.healthy) as port:
        outcome = prove(tmp_path, f"http://127.0.0.1:{port}", *options, command=command)
    # Without fault runs nothing can be proven.
    assert_decent(outcome, 5 if reason is None else 1, seconds=60)
    document = json.loads((tmp_path / "result.json").read_text())
    cases = {case["id"].rpartition("::")[2]: case for case in document["cases"]}
    assert cases["test_first"]["outcome"] == "passed"
    if reason is not None:
        assert [one["code"] for one in cases["test_second"]["reasons"]] == [reason]
    assert_ledger(tmp_path, "RunStarted", "CaseFinished", "VerdictReached", "RunJudged", "RunFinished")
    assert living(tmp_path / "left.txt") == []
    if deed.startswith("print"):
        assert len(outcome.err) < 1_300_000
        assert "more bytes of output are not shown" in outcome.err
        written = sum(path.stat().st_size for path in (tmp_path / ".greenproof").rglob("*") if path.is_file())
        assert written < 4_000_000


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (("--", "no-such-command"), 4, "[command-not-found]"),
        (("--", "./test_it.py"), 4, "[command-not-found]"),
        (("--", "."), 4, "[command-not-found]"),
        ((), 4, "[command-missing]"),
        (("--", "sh", "-c", "exit 0"), 5, "[no-witness]"),
        (("--", sys.executable, "-m", "pytest", "-q", "-k", "nothing_of_that_name"), 5, "not-run"),
        (("--", "./broken"), 5, "[no-witness]"),
    ],
    ids=["missing", "not executable", "a folder", "none", "no pytest", "collects nothing", "no interpreter"],
)
def test_one_that_runs_no_test(command: tuple[str, ...], code: int, text: str, tmp_path: Path) -> None:
    write_suite(tmp_path)
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with serving(servers.healthy) as port:
        outcome = prove(tmp_path, f"http://127.0.0.1:{port}", command=command)
    assert_decent(outcome, code, seconds=30)
    assert text in outcome.said, outcome.said


def test_our_own_death_ends_everything(tmp_path: Path) -> None:
    """Nobody can answer a SIGKILL; what was recorded before is there, and nothing goes on."""
    write_suite(tmp_path, "\ndef test_second():\n    open('begun', 'w').close()\n" + FORK + "\n    time.sleep(600)\n")

    def kill(process: "psutil.Popen") -> None:
        while not (tmp_path / "left.txt").exists() or len((tmp_path / "left.txt").read_text().split()) < 3:
            assert process.poll() is None
            time.sleep(0.005)
        # Cases are told some hundredths of a second after they have finished.
        while "CaseFinished" not in kinds(tmp_path):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)

    with serving(servers.healthy) as port:
        outcome = prove(tmp_path, f"http://127.0.0.1:{port}", during=kill)
    assert outcome.code == -signal.SIGKILL
    assert outcome.survivors == ()
    assert living(tmp_path / "left.txt") == []
    assert_ledger(tmp_path, "RunStarted", "CaseFinished")
