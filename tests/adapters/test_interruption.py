"""What a signal may not cut in two, and who sees signals at all."""

import os
import signal
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
