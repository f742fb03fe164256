"""The witness as a process: how it starts and ends, and what happens when somebody dies."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import requests

from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.model.errors import RelayError
from greenproof.model.facts import LostTarget


def wait_until(true, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(true())


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


def test_closing_leaves_nothing(tmp_path, service):
    with Witness.start([RelayTarget("api", f"http://127.0.0.1:{service.port}")], state=tmp_path) as witness:
        port = int(witness.address_of("api").rpartition(":")[2])
        assert requests.get(witness.address_of("api"), timeout=5).status_code == 200
        assert witness.ca_certificate.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert gone(witness.pid)
    assert refuses(port)


def test_a_lost_target_is_noticed_once_and_stops_the_suite(tmp_path, service):
    with socket.create_server(("127.0.0.1", 0)) as held:
        dead = held.getsockname()[1]
    from .conftest import Told

    targets = [
        RelayTarget("api", f"http://127.0.0.1:{service.port}", {"API": "{address}"}),
        RelayTarget("dead", f"http://127.0.0.1:{dead}", {"DEAD": "{address}"}),
    ]
    with Witness.start(targets, state=tmp_path, grace=0.5) as witness:
        witness.begin(None, None)
        told = Told(witness.control)
        assert told.setup("t::a") == {"n": 2}
        told.call("t::a")
        for _ in range(3):
            assert requests.get(told.welcome["addresses"]["DEAD"], timeout=5).status_code == 502
        assert requests.get(told.api, timeout=5).status_code == 200
        assert witness.stop_requested() is None
        assert wait_until(lambda: witness.stop_requested() is not None)
        told.teardown("t::a")
        assert told.setup("t::b")["stop"] == "target-lost: dead"
        told.hang_up()
        seen = witness.finish(exit_code=1, timed_out=False, duration_s=1)
        (lost,) = seen.lost_targets
        assert isinstance(lost, LostTarget)
        assert (lost.target, witness.stop_requested()) == ("dead", lost)
        assert [(x.target, x.status, x.synthetic) for x in seen.exchanges] == [("dead", None, True)] * 3 + [
            ("api", 200, False)
        ]
        # The next run starts without it.
        witness.begin(None, None)
        assert witness.stop_requested() is None
        again = Told(witness.control)
        assert again.setup("t::a") == {"n": 2}
        again.hang_up()


def test_a_target_that_comes_back_is_not_lost(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with Witness.start([RelayTarget("late", f"http://127.0.0.1:{port}")], state=tmp_path, grace=1.0) as witness:
        witness.begin(None, None)
        assert requests.get(witness.address_of("late"), timeout=5).status_code == 502
        with socket.create_server(("127.0.0.1", port)):
            seen = witness.finish(exit_code=0, timed_out=False, duration_s=0)
        assert seen.lost_targets == ()


def test_the_death_of_the_witness_is_noticed(tmp_path, service):
    witness = Witness.start([RelayTarget("api", f"http://127.0.0.1:{service.port}")], state=tmp_path)
    try:
        witness.begin(None, None)
        os.kill(witness.pid, signal.SIGKILL)
        seen = witness.finish(exit_code=1, timed_out=False, duration_s=2.5)
        assert seen.relay_lost
        assert (seen.exit_code, seen.duration_s) == (1, 2.5)
        with pytest.raises(RelayError):
            witness.begin(None, None)
    finally:
        witness.close()


CHILD = """
import sys, pathlib, time
from greenproof.adapters.relay import RelayTarget, Witness
w = Witness.start([RelayTarget("api", sys.argv[1])], state=pathlib.Path(sys.argv[2]))
print(w.pid, flush=True)
time.sleep(60)
"""


def test_the_death_of_the_parent_ends_the_witness(tmp_path, service):
    url = f"http://127.0.0.1:{service.port}"
    parent = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(tmp_path)],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    with parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert wait_until(lambda: gone(pid))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://", "http://x:99999", "127.0.0.1:80"])
def test_a_target_that_cannot_be_used(tmp_path, url):
    with pytest.raises(RelayError) as error:
        Witness.start([RelayTarget("api", url)], state=tmp_path)
    assert error.value.code == "relay-target"


def test_a_witness_that_cannot_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RelayError):
        Witness.start([], state=tmp_path / "file")


def test_an_error_of_the_listener_is_raised_at_the_end(witness):
    from .conftest import Told

    def fail(case) -> None:
        raise LookupError(case.id)

    witness.begin(None, None, fail)
    told = Told(witness.control)
    with told.case("t::a"):
        pass
    told.bye()
    with pytest.raises(LookupError):
        witness.finish(exit_code=0, timed_out=False, duration_s=0)


def test_past_the_limit_of_slots_processes_share_one(tmp_path, service):
    from .conftest import Told

    target = RelayTarget("api", f"http://127.0.0.1:{service.port}", {"API": "{address}"})
    with Witness.start([target], state=tmp_path) as witness:
        witness.begin(None, None)
        told = [Told(witness.control, worker=f"gw{number}") for number in range(257)]
        addresses = [held.api for held in told]
        assert len(set(addresses)) == 256
        assert addresses[-1] == witness.address_of("api")
        assert told[-1].setup("t::last") == {"n": 2}
        for held in told:
            held.socket.close()
            held.lines.close()
        seen = witness.finish(exit_code=0, timed_out=False, duration_s=1)
    assert len(seen.processes) == 257
    assert seen.hook_errors == ()
