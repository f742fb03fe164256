"""Connections, their source ports, child processes."""

from __future__ import annotations


def test_the_source_port_is_told_before_connecting(launch):
    run = launch(
        """
        import asyncio, os, socket, threading, urllib.request
        from urllib.parse import urlsplit
        from concurrent.futures import ThreadPoolExecutor
        BACKEND = os.environ["BACKEND"]
        RELAY = urlsplit(BACKEND).hostname, urlsplit(BACKEND).port

        def fetch():
            return urllib.request.urlopen(BACKEND + "/x", timeout=5).read()
        def test_urllib():
            assert fetch() == b"ok"
        def test_bound():
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                s.connect(RELAY)
                s.sendall(b"x")
                assert s.recv(10)
        def test_name():
            with socket.socket() as s:
                s.connect(("localhost", RELAY[1]))
        def test_nonblocking():
            async def go():
                reader, writer = await asyncio.open_connection(*RELAY)
                writer.write(b"x")
                assert await reader.read(4)
                writer.close()
            asyncio.run(go())
        def test_threads():
            threads = [threading.Thread(target=fetch) for _ in range(8)]
            [t.start() for t in threads]
            [t.join() for t in threads]
        """
    )
    assert run.status == 0, run.out
    assert run.arrivals
    assert all(told for _, told in run.arrivals)
    sources = run.of("source")
    assert not any(m["ambiguous"] for m in sources)
    assert [m["case"].split("_")[-1] for m in sources] == [
        "urllib",
        "bound",
        "name",
        "nonblocking",
    ] + ["threads"] * 8
    for name in ("urllib", "bound", "name"):
        shown = run.one("teardown", f"test_{name}")
        assert (shown["connections"], shown["foreign"], shown["children"]) == (1, 0, 0)


def test_foreign_connections_and_children(launch):
    run = launch(
        """
        import os, socket, subprocess, sys
        def test_foreign():
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()
        def test_child():
            subprocess.run([sys.executable, "-c", ""])
        def test_fork():
            pid = os.fork()
            if pid == 0:
                try:
                    socket.socket().connect_ex(("127.0.0.1", int(os.environ["BACKEND"].rsplit(":", 1)[1])))
                finally:
                    os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        """,
        "-W", "ignore",
    )  # fmt: skip
    assert run.status == 0, run.out
    foreign = run.one("teardown", "test_foreign")
    assert (foreign["connections"], foreign["foreign"]) == (1, 1)
    assert run.one("teardown", "test_child")["children"] >= 1
    fork = run.one("teardown", "test_fork")
    assert fork["children"] == 1
    # The child had no voice: its parent's connection is whole.
    assert fork["connections"] == 0
    assert run.one("bye")["exit_status"] == 0


def test_threads_belong_to_the_case_that_gave_them_work(launch):
    run = launch(
        """
        import asyncio, os, queue, threading, urllib.request
        from concurrent.futures import ThreadPoolExecutor
        BACKEND = os.environ["BACKEND"]
        POOL = ThreadPoolExecutor(1)
        LOOP = asyncio.new_event_loop()
        WORK, DONE = queue.Queue(), queue.Queue()

        def fetch(): return urllib.request.urlopen(BACKEND, timeout=5).read()
        async def fetch_async(): return fetch()
        def stray():
            while WORK.get():
                DONE.put(fetch())

        def test_first():
            POOL.submit(fetch).result()
            threading.Thread(target=LOOP.run_forever, daemon=True).start()
            threading.Thread(target=stray, daemon=True).start()
            WORK.put(1)
            DONE.get(timeout=5)
        def test_pool(): POOL.submit(fetch).result()
        def test_loop(): asyncio.run_coroutine_threadsafe(fetch_async(), LOOP).result(5)
        def test_stray():
            WORK.put(1)
            DONE.get(timeout=5)
        """
    )
    assert run.status == 0, run.out
    told = [(m["case"].split("_")[-1], m["ambiguous"]) for m in run.of("source")]
    assert told == [
        ("first", False),
        ("first", False),
        ("pool", False),
        ("loop", False),
        ("first", True),
    ]
