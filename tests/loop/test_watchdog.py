"""The watchdog, in a process of its own: it interrupts the main thread."""

import subprocess
import sys
import textwrap

SCRIPT = """
import signal, sys, time
from greenproof.adapters import interruption
from greenproof.loop.proof_request import Listener
from greenproof.loop.watchdog import Watchdog
from greenproof.model.errors import GreenproofError

if sys.argv[4] == "background":
    # As a shell starts what it does not wait for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
interruption.install()
told = []
watchdog = Watchdog(float(sys.argv[1]), lambda *bite: told.append(bite), lambda: sys.argv[2])
listener = watchdog.hearing(Listener())

def this_function_hangs():
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if sys.argv[3] == "talks":
            listener.say("still here")
        if sys.argv[3] == "talks" and time.monotonic() > deadline - 17:
            return

try:
    with watchdog.watching("step deploy"):
        this_function_hangs()
    print("done")
except GreenproofError as error:
    print(error.code, error.message)
for step, silent, stacks in told:
    print(step, round(silent), "this_function_hangs" in stacks)
"""


def run(silence: str, who: str, how: str, where: str = "") -> list[str]:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), silence, who, how, where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_step_that_gives_no_sign_of_life_is_ended_with_where_it_stood() -> None:
    first, second = run("1", "", "silent")
    assert first == "step-stuck step deploy gave no sign of life for 1 s, and was ended"
    assert second in ("step deploy 1 True", "step deploy 2 True")


def test_signs_of_life_keep_it_away() -> None:
    assert run("2", "", "talks") == ["done"]


def test_a_person_who_asked_to_stop_is_heard_in_the_middle_of_a_step() -> None:
    assert run("60", "ann", "silent") == ["loop-stopped stopped by ann"]


def test_a_loop_in_the_background_hears_it_too() -> None:
    """There SIGINT is ignored."""
    assert run("60", "ann", "silent", "background") == ["loop-stopped stopped by ann"]
