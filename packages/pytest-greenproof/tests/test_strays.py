"""What outlives its case is told before the next one, until it has ended."""

import textwrap

import pytest

HEADER = """
import asyncio, concurrent.futures, os, subprocess, sys, threading, time
import multiprocessing.pool
import pytest
GO = threading.Event()
HELD = []
"""
CHILD = "subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)"


def strays(launch, body, *arguments):
    """Case -> what its set-up said, and what its call said (None: nothing)."""
    run = launch(HEADER + textwrap.dedent(body), *arguments)
    assert run.status == 0, run.out
    short = lambda names: None if names is None else [name.split("::")[-1] for name in names]  # noqa: E731
    calls = {m["case"]: m.get("strays") for m in run.of("call")}
    return {m["case"].split("::")[-1]: (short(m.get("strays")), short(calls[m["case"]])) for m in run.of("setup")}


def test_a_thread_is_told_until_it_has_ended(launch):
    told = strays(
        launch,
        """
        def test_leaves():
            HELD.append(threading.Thread(target=GO.wait, daemon=True))
            HELD[0].start()
        def test_meets(): GO.set(); HELD[0].join()
        def test_later(): pass
        """,
    )
    assert told["test_leaves"] == (None, None)
    assert told["test_meets"] == (["test_leaves"], ["test_leaves"])
    assert told["test_later"] == (None, None)


def test_a_thread_that_a_stray_starts_comes_from_the_same_case(launch):
    told = strays(
        launch,
        """
        def second(): HELD.append(threading.Thread(target=time.sleep, args=(30,), daemon=True)); HELD[-1].start()
        def first(): GO.wait(); second()
        def test_leaves(): HELD.append(threading.Thread(target=first, daemon=True)); HELD[0].start()
        def test_meets(): GO.set(); HELD[0].join()
        def test_later(): pass
        """,
    )
    assert told["test_later"] == (["test_leaves"], ["test_leaves"])


def test_the_end_of_a_stray_in_the_set_up_is_told_at_the_call(launch):
    told = strays(
        launch,
        """
        @pytest.fixture
        def ends(): GO.set(); HELD[0].join()
        def test_leaves(): HELD.append(threading.Thread(target=GO.wait, daemon=True)); HELD[0].start()
        def test_meets(ends): pass
        """,
    )
    assert told["test_meets"] == (["test_leaves"], [])


@pytest.mark.parametrize(
    "leaves",
    [
        "POOL.submit(GO.wait)",
        "[POOL.submit(GO.wait) for _ in range(9)][:4] and GO2.set()",
        CHILD,
        "LOOP.run_until_complete(start())",
        "CONTEXT.Process(target=time.sleep, args=(3,), daemon=True).start()",
    ],
    ids=["item", "waiting items", "child", "task", "multiprocessing"],
)
def test_other_work_that_is_left(launch, leaves):
    told = strays(
        launch,
        f"""
        POOL, LOOP, GO2 = concurrent.futures.ThreadPoolExecutor(2), asyncio.new_event_loop(), threading.Event()
        CONTEXT = multiprocessing.get_context("spawn")
        async def start():
            HELD.append(asyncio.ensure_future(asyncio.sleep(30)))
            await asyncio.sleep(0)
        def test_leaves(): HELD.append({leaves})
        def test_meets():
            GO.set()
            LOOP.close()
            for held in HELD:
                if isinstance(held, subprocess.Popen): held.communicate(b"x")
        """,
    )
    if "LOOP" in leaves:
        import sys

        expected = None if sys.version_info >= (3, 14) else ["test_leaves"]
    else:
        expected = ["test_leaves"]
    assert told["test_meets"][0] == expected


def test_what_is_no_stray(launch):
    told = strays(
        launch,
        f"""
        POOL, LOOP = concurrent.futures.ThreadPoolExecutor(2), asyncio.new_event_loop()
        @pytest.fixture(scope="session")
        def server():
            thread = threading.Thread(target=handlers, daemon=True)
            thread.start()
            child = {CHILD}
            yield thread
            GO.set()
            child.communicate(b"x")
        def handlers():
            while not GO.wait(0.01):
                if ASKED:
                    ASKED.pop()
                    threading.Thread(target=GO.wait, daemon=True).start()
                    HANDLED.set()
        ASKED, HANDLED = [], threading.Event()
        def test_a_pool_that_idles(): POOL.submit(time.time).result()
        def test_a_fixture_and_its_handlers(server): ASKED.append(1); assert HANDLED.wait(5)
        def test_a_fixture_inside_the_call(request): request.getfixturevalue("late")
        @pytest.fixture(scope="session")
        def late():
            child = {CHILD}
            threading.Thread(target=GO.wait, daemon=True).start()
            yield
            child.communicate(b"x")
        def test_what_was_waited_for():
            subprocess.run([sys.executable, "-c", "0"])
            thread = threading.Thread(target=time.time); thread.start(); thread.join()
            with multiprocessing.pool.ThreadPool(2) as pool: pool.map(len, ["a"])
        def test_what_ends_at_once(): threading.Thread(target=time.sleep, args=(0.01,)).start()
        def test_a_loop_of_its_own():
            async def ends(): await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.001))
            asyncio.run(ends())
            LOOP.run_until_complete(LOOP.run_in_executor(None, time.time))
        def test_last(): pass
        """,
    )
    assert all(found == (None, None) for found in told.values()), told
