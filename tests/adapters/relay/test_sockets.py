"""Whose socket is it?"""

import os
import socket
import subprocess
import sys

import pytest

from greenproof.adapters.relay import sockets

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells")


@pytest.fixture
def ends():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0],
    ):
        yield client.getsockname(), server.getsockname()


def test_both_ways_to_ask_agree(ends):
    inode = sockets._inode_by_table(*ends)
    assert inode is not None
    assert sockets._inode_by_netlink(*ends) in (inode, None)


def test_a_socket_that_does_not_exist(ends):
    peer, _ = ends
    nowhere = ("127.0.0.1", 1)
    assert sockets._inode_by_table(peer, nowhere) is None
    assert sockets._inode_by_netlink(peer, nowhere) is None
    assert sockets.owner_of(peer, nowhere, [os.getpid()]) is None


def test_the_nearest_registered_process_wins(ends):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert sockets.owner_of(*ends, [os.getpid(), child.pid]) == os.getpid()
        assert sockets.owner_of(*ends, [os.getppid(), os.getpid()]) == os.getpid()
        assert sockets.owner_of(*ends, [os.getppid()]) == os.getppid()
        assert sockets.owner_of(*ends, [child.pid]) is None
    finally:
        child.communicate(b"\n", timeout=10)


def test_psutil_agrees(ends):
    assert sockets._holder_by_psutil(*ends, [os.getpid()]) == os.getpid()


def test_a_process_that_is_gone(ends):
    assert sockets.owner_of(*ends, [2**22 - 1]) is None
