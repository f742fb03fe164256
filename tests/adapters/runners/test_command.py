"""A real command, in a process group of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from greenproof.adapters.runners.command import MOST_TOLD, TestCommand, resolve
from greenproof.adapters.runners.leftovers import end_marked
from greenproof.model.errors import RunnerError


def command(code: str, place: Path, timeout: float = 30.0, **environment: str) -> TestCommand:
    return TestCommand(
        [sys.executable, "-c", code], directory=place, environment={**os.environ, **environment}, timeout=timeout
    )


def test_exit_code_output_and_folder(tmp_path: Path) -> None:
    lines: list[str] = []
    result = command("import os; print(os.getcwd()); raise SystemExit(7)", tmp_path).run(on_line=lines.append)
    assert (result.exit_code, result.timed_out, lines) == (7, False, [str(tmp_path)])
    assert result.tail == tuple(lines)


def test_a_command_that_hangs_is_cut_off_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time, signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(p.pid, flush=True); time.sleep(600)"
    )
    seen: list[str] = []
    result = command(code, tmp_path, timeout=1.0).run(on_line=seen.append)
    assert result.timed_out
    assert result.exit_code == -9
    assert not alive(int(seen[0]))


def test_it_stops_when_asked(tmp_path: Path) -> None:
    result = command("import time; time.sleep(600)", tmp_path).run(stop=lambda: True)
    assert (result.stopped, result.timed_out) == (True, False)


def test_a_hundred_megabytes_of_output_are_bounded(tmp_path: Path) -> None:
    result = command("import sys\nfor _ in range(100): sys.stdout.write('x' * 1_000_000)", tmp_path).run()
    assert result.exit_code == 0
    assert sum(map(len, result.tail)) <= 200 * 2000


def test_output_that_is_not_text_is_survived(tmp_path: Path) -> None:
    result = command(r"import sys; sys.stdout.buffer.write(b'\xff\xfe\x00ok\n')", tmp_path).run()
    assert result.tail[0].endswith("ok")


def test_a_process_is_found_and_ended_by_its_mark(tmp_path: Path) -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    environment = {**os.environ, "GREENPROOF_TEST_MARK": mark}
    with subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True) as daemon:
        # The mark is there once the program is.
        while Path(f"/proc/{daemon.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.001)
        assert end_marked("GREENPROOF_TEST_MARK", mark) == 1
        assert not alive(daemon.pid)
        assert end_marked("GREENPROOF_TEST_MARK", mark) == 0


def test_a_daemon_that_left_the_group_is_ended(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(p.pid)"
    )
    assert not alive(int(command(code, tmp_path).run().tail[0]))


def test_a_command_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunnerError) as caught:
        resolve(["no-such-command-at-all"], tmp_path)
    assert caught.value.code == "command-not-found"
    with pytest.raises(RunnerError) as caught:
        resolve([], tmp_path)
    assert caught.value.code == "command-missing"


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_command_that_kills_its_parent_does_not_reach_us(number: signal.Signals, tmp_path: Path) -> None:
    code = f"import os, time; print(os.getpid(), flush=True); os.kill(os.getppid(), {int(number)}); time.sleep(0.3)"
    result = command(code, tmp_path).run()
    assert result.exit_code == (-9 if number is signal.SIGKILL else 0)
    assert not alive(int(result.tail[0]))


def test_a_command_ends_by_the_signal_that_killed_it(tmp_path: Path) -> None:
    assert command("import os; os.abort()", tmp_path).run().exit_code == -signal.SIGABRT


def test_a_daemon_without_any_mark_is_ended(tmp_path: Path) -> None:
    code = (
        "import subprocess\n"
        "p = subprocess.Popen(['sleep', '600'], env={}, start_new_session=True, stdin=subprocess.DEVNULL,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(p.pid, flush=True)\n"
    )
    left = int(command(code, tmp_path).run().tail[0])
    assert not alive(left)
    hung = code + "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
    result = command(hung, tmp_path, timeout=1.0).run()
    assert result.timed_out
    assert not alive(int(result.tail[0]))


def test_what_is_told_is_bounded_and_the_cut_is_said(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import sys\nfor n in range(100_000): print('x' * 99)\nprint('the end')"
    result = command(code, tmp_path).run(on_line=lines.append)
    assert result.exit_code == 0
    told = sum(len(line) + 1 for line in lines)
    assert MOST_TOLD <= told < MOST_TOLD + 10_000
    assert [line for line in lines if line.startswith("... ")] == [
        f"... {100_000 * 100 + 8 - 10_486 * 100:,} more bytes of output are not shown; the last lines are:"
    ]
    assert lines[-1] == "the end"
