"""Where a test turned red in its own function, and whether it is past some lines of it."""

import sys

import pytest

PLACES = """
    import asyncio, contextlib
    import kit

    def test_own():
        assert kit.one() == 2

    def test_helper():
        x = 1
        kit.check(
            x)

    def test_deep():
        kit.outer()

    @contextlib.contextmanager
    def opened():
        assert kit.one() == 2
        yield

    def test_context():
        with opened():
            pass

    def test_nested():
        async def main():
            await asyncio.sleep(0)
            kit.check(1)
        asyncio.run(main())

    def decorated(test):
        def run():
            test()
        run.__name__ = test.__name__
        return run

    @decorated
    def test_decorated():
        kit.check(1)

    def test_group():
        def inside():
            kit.check(1)
        try:
            inside()
        except AssertionError as error:
            problem = type("Group", (Exception,), {"exceptions": (error,)})()
        raise problem

    def test_library():
        {}["x"]
"""
KIT = """
    def one(): return 1
    def check(x): assert x == 2
    def outer(): check(1)
"""


def test_the_place_of_a_failure(launch):
    run = launch({"test_it.py": PLACES, "kit.py": KIT})
    found = {m["case"].split("::")[-1]: m["failure"] for m in run.of("end")}
    places = {name: (failure.get("line"), failure.get("helper")) for name, failure in found.items()}
    assert places == {
        "test_own": (6, None),
        "test_helper": (10, "check"),
        "test_deep": (14, "outer"),
        "test_context": (22, "opened"),
        "test_nested": (28, "check"),
        "test_decorated": (39, "check"),
        "test_group": (43, "check"),
        "test_library": (51, None),
    }


STEPS = """
    import asyncio, contextlib

    @contextlib.asynccontextmanager
    async def opened(note):
        await asyncio.sleep(0)
        note.append("opened")
        yield note
        await asyncio.sleep(0)

    def said(text):
        return text

    def test_context():
        async def main():
            note = []
            async with opened(
                note
            ) as talk:
                said("in")
            said("out")
        asyncio.run(main())

    def test_loop():
        for number in range(2):
            said(number)
            number += 1

    def test_never():
        if said(""):
            said("never")
"""


@pytest.mark.parametrize(
    ("case", "past", "expected"),
    [
        ("test_context", [[17, 19]], [True, False, True]),
        ("test_context", [[17, 19], [21, 21]], [True, False]),
        ("test_loop", [[26, 26]], [True, False, True]),
        ("test_never", [[31, 31]], []),
        ("test_loop", [], []),
        ("test_loop", ["x", [1]], []),
    ],
)
def test_it_tells_when_it_is_past_some_lines(launch, server, case, past, expected):
    server.answer = lambda message: {"past": past} if message["m"] == "call" else {}
    run = launch(STEPS, "-k", case)
    told = [message["on"] for message in run.of("past")]
    # Before Python 3.10, no line is told on the way out of `with`.
    length = 1 if "context" in case and sys.version_info < (3, 10) else len(expected)
    assert told[:length] == expected[:length]
    assert bool(told) is bool(expected)
    assert run.reports(case)[1][1] == "passed"


def test_coverage_and_debuggers_go_on(launch, server):
    server.answer = lambda message: {"past": [[7, 7]]} if message["m"] == "call" else {}
    text = """
    import sys
    def test_traced():
        seen = []
        sys.settrace(lambda frame, event, argument: seen.append(frame.f_code.co_name))
        def inner(): pass
        inner()
        sys.settrace(None)
        assert seen == ["inner"]
    """
    run = launch(text)
    assert run.reports("test_traced")[1][1] == "passed"
