"""A network of the tests' own: made with and without root, left without a trace."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from greenproof.adapters.confinement import Network, can_be_made
from greenproof.adapters.confinement.network import Place, listening
from greenproof.adapters.runners.command import TestCommand
from greenproof.model.errors import UsageError

pytestmark = pytest.mark.skipif(can_be_made() is not None, reason=f"no namespaces here: {can_be_made()}")
URLS = (
    "http://127.0.0.1:18080",
    "https://staging.example.test/api",
    "http://other.example.test",
    "http://192.0.2.7:81",
)
users = pytest.mark.parametrize("users", [None, True], ids=["as we are", "as a user"])


def inside(network, code):
    """What a command prints that runs in the network."""
    command = TestCommand(
        [sys.executable, "-c", code],
        directory=Path.cwd(),
        environment=dict(os.environ),
        timeout=20,
        network=network.pid,
    )
    result = command.run()
    assert result.exit_code == 0, result.tail
    return "\n".join(result.tail)


@users
def test_a_socket_made_inside_hears_who_is_inside(users):
    with Network.start(URLS, users=users) as network, listening(network.ask_at, "127.0.0.1", 18080) as server:
        server.listen()
        said = inside(network, "import socket; socket.create_connection(('127.0.0.1', 18080), 5); print('met')")
        assert said == "met"
        met, _ = server.accept()
        met.close()
        # From here nobody listens there.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", 18080), 5)


@users
def test_nothing_else_is_there(users):
    with Network.start(URLS, users=users) as network, socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        code = f"""
import socket
for place in (("127.0.0.1", {port}), ("192.0.2.1", 80)):
    try: socket.create_connection(place, 2)
    except OSError as problem: print(type(problem).__name__)
"""
        assert inside(network, code).splitlines() == ["ConnectionRefusedError", "OSError"]


@users
def test_every_url_has_a_place_of_its_own(users):
    with Network.start(URLS, users=users) as network:
        assert network.places == {
            URLS[0]: Place("127.0.0.1", 18080),
            URLS[1]: Place("127.77.0.1", 443),
            URLS[2]: Place("127.77.0.2", 80),
            URLS[3]: Place("192.0.2.7", 81),
        }
        names = "import socket; print(*(socket.gethostbyname(n + '.example.test') for n in ('staging', 'other')))"
        assert inside(network, names) == "127.77.0.1 127.77.0.2"
        for place in network.places.values():
            with listening(network.ask_at, place.host, place.port) as server:
                server.listen()
                inside(network, f"import socket; socket.create_connection(('{place.host}', {place.port}), 5)")
    assert "example.test" not in Path("/etc/hosts").read_text()


def test_a_port_that_is_taken_is_refused():
    with Network.start(()) as network, listening(network.ask_at, "127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            listening(network.ask_at, "127.0.0.1", first.getsockname()[1])


def test_nothing_of_it_stays():
    with Network.start(URLS) as network:
        keeper, place = psutil.Process(network.pid), Path(network.ask_at)
        assert place.is_socket()
    assert not keeper.is_running()
    assert not place.parent.exists()


def test_it_ends_with_us():
    code = (
        "import os, time\n"
        "from greenproof.adapters.confinement import Network\n"
        "network = Network.start(())\n"
        "print(network.pid, network.ask_at, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid, place = process.stdout.readline().split()
        keeper = psutil.Process(int(pid))
        process.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        keeper.wait(10)
    assert not Path(place).parent.exists()


def test_a_refusal_says_why(monkeypatch):
    monkeypatch.setattr("greenproof.adapters.confinement.network._KEEPER", "/nowhere.py")
    with pytest.raises(UsageError) as refused:
        Network.start(())
    assert refused.value.code == "confine-refused"


LIMITED = """
import os, sys
uid, gid = os.geteuid(), os.getegid()
os.unshare(os.CLONE_NEWUSER)
open("/proc/self/setgroups", "w").write("deny")
open("/proc/self/uid_map", "w").write(f"0 {uid} 1")
open("/proc/self/gid_map", "w").write(f"0 {gid} 1")
open(f"/proc/sys/user/max_{sys.argv[1]}_namespaces", "w").write("0")
from greenproof.adapters.confinement import Network
from greenproof.model.errors import UsageError
try:
    Network.start((), users=sys.argv[1] == "user")
except UsageError as refused:
    print(refused.code, refused.message, refused.hint, sep="\\n")
"""


@pytest.mark.parametrize("kind", ["user", "net"])
def test_a_limit_of_the_kernel_is_named(kind):
    """Limits can be set for a namespace of users: here for one of the test's own."""
    done = subprocess.run([sys.executable, "-c", LIMITED, kind], capture_output=True, text=True, timeout=60, check=True)
    code, message, hint = done.stdout.splitlines()
    assert code == "confine-refused"
    assert message.endswith(f"the kernel's limit of namespaces is reached: user.max_{kind}_namespaces = 0")
    assert "space left" not in message
    assert "sysctl" in hint
