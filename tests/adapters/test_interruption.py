"""What a signal may not cut in two, and who sees signals at all."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from greenproof.adapters import interruption


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Handlers as a command has them, for one test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for name, value in (("since", None), ("held", 0), ("waiting", False), ("told", False)):
        monkeypatch.setattr(interruption._State, name, value)
    interruption.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("installed")
def test_a_signal_takes_effect_after_what_is_held() -> None:
    done = []

    def work() -> None:
        with interruption.held():
            os.kill(os.getpid(), signal.SIGINT)
            with interruption.held():
                done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all of it"]


@pytest.mark.usefixtures("installed")
def test_what_another_thread_holds_neither_delays_nor_receives_a_signal() -> None:
    inside, over, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        with interruption.held():
            inside.set()
            over.wait(10)
        ended.append("in order")

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(10)

    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        over.wait(10)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    over.set()
    thread.join(10)
    assert ended == ["in order"]


SWALLOWED = """
import os, signal, time, weakref
from greenproof.adapters import interruption
interruption.install()
class Thing: pass
def callback(reference):
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(10**5): pass
thing = Thing()
reference = weakref.ref(thing, callback)
try:
    del thing
    time.sleep(20)
    print("lost")
except KeyboardInterrupt:
    print("heard")
"""


def test_an_interrupt_within_a_callback_of_the_interpreter_is_not_lost() -> None:
    """Python prints what such a callback raises, and goes on."""
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("heard\n", "")
