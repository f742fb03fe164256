"""Deploying, switching and rolling back, with real processes and clients that keep their connections."""

import hashlib
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType

import pytest

from greenproof.adapters.platforms.base import Platform, ServiceFailed
from greenproof.adapters.platforms.local import LocalPlatform
from greenproof.model.errors import PlatformError


def port_of(url):
    return int(url.rpartition(":")[2])


def test_is_a_platform(shop):
    assert isinstance(shop.platform(), Platform)


def test_everything_is_ready_by_identity(shop):
    release = shop.platform().deploy()
    readings = {reading.service: reading for reading in shop.platform().ready()}
    for revision in release.revisions:
        assert readings[revision.service].state == "ready"
        assert readings[revision.service].identity == revision.name


def test_deploying_the_same_again_changes_nothing(shop):
    platform = shop.platform()
    before, started = platform.deploy(), time.monotonic()
    assert platform.deploy() == before
    assert time.monotonic() - started < 2
    assert platform.status().current == before


def test_only_what_changed_is_started(shop):
    platform = shop.platform()
    before = {one.service: one.pid for one in platform.status().services}
    shop.edit("web", "only web")
    platform.deploy()
    after = {one.service: one.pid for one in platform.status().services}
    assert after["auth"] == before["auth"]
    assert after["web"] != before["web"]


def test_addresses_are_stable_and_rollback_is_quick(shop, ask):
    platform = shop.platform()
    url = platform.address("web")
    shop.edit("web", "first")
    first = platform.deploy()
    shop.edit("web", "second")
    shop.edit("auth", "second")
    second = platform.deploy()
    assert json.loads(ask(url)[2])["version"] == "second"
    started = time.monotonic()
    done = platform.rollback()
    assert (done.release.name, done.abandoned.name) == (first.name, second.name)
    assert (done.warm, done.known_good) == (True, False)
    # A nervous second request is a retry: it must not lead forward again, to the release that was left.
    again = platform.rollback()
    assert (again.release.name, again.abandoned) == (first.name, None)
    assert time.monotonic() - started < 1
    assert json.loads(ask(url)[2])["version"] == "first"
    assert platform.address("web") == url
    status = platform.status()
    assert (status.current.name, status.previous.name) == (first.name, second.name)


def test_switching_under_load_breaks_no_request_and_no_idle_connection(shop):
    platform = shop.platform()
    port = port_of(platform.address("web"))
    idle = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    idle.request("GET", "/")
    idle.getresponse().read()
    kept = idle.sock
    stop, errors, seen = threading.Event(), [], set()

    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        count = 0
        try:
            while not stop.is_set():
                if number % 2:
                    connection.request("GET", "/")
                else:
                    connection.request("POST", "/", body=b"x" * 5000)
                answer = connection.getresponse()
                answer.read()
                seen.add(answer.getheader("X-Greenproof-Revision"))
                if answer.status != 200:
                    errors.append(answer.status)
                count += 1
        except Exception as error:
            errors.append(repr(error))
        connection.close()
        return count

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, number) for number in range(4)]
        shop.edit("web", "under load")
        platform.deploy()
        for number in range(5):
            platform.rollback()
            shop.edit("web", f"under load, {number}")
            platform.deploy()
        stop.set()
        total = sum(one.result() for one in clients)
    assert errors == []
    assert total > 50
    assert 3 <= len(seen) <= 7
    idle.request("GET", "/")
    assert idle.getresponse().status == 200
    assert idle.sock is kept
    idle.close()


def test_a_request_under_way_ends_where_it_began(shop, ask):
    platform = shop.platform()
    url = platform.address("web")
    shop.edit("web", "before")
    platform.deploy()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, url, "/slow")
        time.sleep(0.2)  # the request has to be on its way; nothing tells when it arrived
        shop.edit("web", "after")
        platform.deploy()
        assert json.loads(slow.result()[2])["version"] == "before"
    assert json.loads(ask(url)[2])["version"] == "after"


def test_a_tunnel_stays_on_its_release(shop):
    platform = shop.platform()
    shop.edit("web", "tunnel one")
    platform.deploy()
    with socket.create_connection(("127.0.0.1", port_of(platform.address("web"))), timeout=10) as tunnel:
        tunnel.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        lines = tunnel.makefile("rb")
        assert lines.readline().startswith(b"HTTP/1.1 101")
        while lines.readline() != b"\r\n":
            pass
        assert lines.readline() == b"tunnel one\n"
        shop.edit("web", "tunnel two")
        platform.deploy()
        tunnel.sendall(b"still there?\n")
        assert lines.readline() == b"still there?\n"


def test_an_answer_arrives_as_it_is_written(shop):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(shop.platform().address("web")), timeout=10)
    started = time.monotonic()
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    first = answer.read(2)
    early = time.monotonic() - started
    rest = answer.read()
    connection.close()
    assert (first, rest) == (b"0\n", b"1\n2\n")
    assert early < time.monotonic() - started - 0.15


def test_bodies_and_host_pass_unchanged(shop):
    body = bytes(range(256)) * 4000
    port = port_of(shop.platform().address("auth"))
    for chunked in (False, True):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        payload = (body[at : at + 70001] for at in range(0, len(body), 70001)) if chunked else body
        connection.request("POST", "/", payload, {"Host": "shop.example"}, encode_chunked=chunked)
        document = json.loads(connection.getresponse().read())
        assert document["digest"] == hashlib.sha256(body).hexdigest()
        assert document["host"] == "shop.example"
        connection.close()


def test_a_failed_deploy_leaves_the_old_release_serving(shop, ask):
    platform = shop.platform()
    before = platform.deploy()
    pids = {one.pid for one in platform.status().services}
    shop.configure("web", env=MappingProxyType({"MODE": "exits"}))
    try:
        with pytest.raises(ServiceFailed) as failure:
            shop.platform().deploy()
    finally:
        shop.configure("web", env=MappingProxyType({"MODE": "good", "AUTH": "{auth.url}"}))
    assert failure.value.code == "service-exited"
    assert "exit code 3" in failure.value.message
    assert "boom: OAUTH_CLIENT_ID is missing" in failure.value.log
    status = platform.status()
    assert status.current == before
    assert {one.pid for one in status.services} == pids
    assert ask(platform.address("web"))[0] == 200


def test_a_failed_migration_stops_the_deploy(shop):
    before = shop.platform().status().current
    original = shop.plan
    shop.configure("auth", migrate=("{python}", "-c", "print('no such table: users'); raise SystemExit(4)"))
    try:
        with pytest.raises(ServiceFailed) as failure:
            shop.platform().deploy()
    finally:
        shop.plan = original
    assert failure.value.code == "migration-failed"
    assert "no such table: users" in failure.value.log
    assert shop.platform().status().current == before


def test_a_command_that_goes_away_takes_its_half_deploy_with_it(shop):
    class Gone(Exception):
        pass

    def leave(text):
        if text.startswith("start "):
            raise Gone

    before = shop.platform().status().current
    original = shop.plan
    shop.configure("web", env=MappingProxyType({"MODE": "silent"}), start_timeout=60.0)
    try:
        with pytest.raises(Gone):
            LocalPlatform(shop.plan, shop.plan.environments[0], leave).deploy()
    finally:
        shop.plan = original
    # The next command waits for the half deploy to be undone, and not for 60 seconds.
    started = time.monotonic()
    assert shop.platform().deploy().name == before.name
    assert time.monotonic() - started < 10


def test_sources_of_a_side_release_can_be_given(shop, ask, tmp_path):
    platform = shop.platform()
    for file in (shop.root / "web").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "version.txt").write_text("from elsewhere", encoding="utf-8")
    platform.deploy({"web": tmp_path})
    assert json.loads(ask(platform.address("web"))[2])["version"] == "from elsewhere"
    with pytest.raises(PlatformError, match="no service is called nobody"):
        platform.deploy({"nobody": tmp_path})


def test_secrets_are_in_no_log(shop):
    original = shop.plan
    shop.configure(
        "auth", env=MappingProxyType({"MODE": "good", "SHOWN": "the key is {secret.key} postgres://u:hunter22@h"})
    )
    try:
        shop.platform().deploy()
        text = "\n".join(shop.platform().logs("auth"))
    finally:
        shop.plan = original
    assert "the key is (redacted) postgres://u:(redacted)@h" in text
    value = json.loads(shop.layout.credentials.read_text())["secret:key"]
    assert value not in shop.platform().log_path("auth").read_text()


def test_needs_in_a_circle_are_refused(shop):
    plan = replace(shop.plan, services=tuple(replace(one, needs=("auth", "web")) for one in shop.plan.services))
    with pytest.raises(PlatformError) as failure:
        LocalPlatform(plan, plan.environments[0]).deploy()
    assert failure.value.code == "needs-cycle"
