"""Durations between messages, against conversations whose times are known."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from healthy import CASE, EXCHANGE
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.performance.samples import samples_of
from greenproof.analysis.performance.watching import watch_for
from greenproof.model.facts import MessageSeen
from greenproof.model.performance import LeftOut, Measure, PerformanceTarget, Watch
from greenproof.model.routes import Route

PASSED = frozenset({CASE})
TARGET = PerformanceTarget("events", (Route.parse("WS /ws"),), 1.0, Measure.EVENT, event="end")


def client(ns: int, name: str = "ask", link: str | None = None) -> MessageSeen:
    return MessageSeen(ns, True, (("type", name),), (("id", link),) if link else ())


def server(ns: int, name: str, link: str | None = None) -> MessageSeen:
    return replace(client(ns, name, link), from_client=False)


def sampled(target: PerformanceTarget, *messages: MessageSeen, **changes: object) -> tuple[list[int], dict[str, int]]:
    conversation = replace(EXCHANGE, method="WS", status=101, messages=messages, **changes)  # type: ignore[arg-type]
    found = samples_of(target, conversation, PASSED)
    return found.ns, dict(found.left_out)


ONE = (server(0, "welcome"), client(10), server(14, "start"), server(20, "middle"), server(27, "end"), client(30))


@pytest.mark.parametrize(
    ("changes", "samples"),
    [
        ({"measure": Measure.REPLY, "event": None}, [4]),
        ({"measure": Measure.REPLY, "event": None, "sent": "other"}, []),
        ({"event": "start"}, [4]),
        ({"event": "end"}, [17]),
        ({"event": "end", "sent": "ask"}, [17]),
        ({"event": "end", "sent": "other"}, []),
        ({"event": "end", "after": "start"}, [13]),
        ({"event": "end", "field": "kind"}, []),
        ({"event": "never"}, []),
        ({"measure": Measure.PAUSE, "event": None}, [6, 7]),
        ({"measure": Measure.PAUSE, "event": None, "after": "middle"}, [7]),
        ({"measure": Measure.PAUSE, "event": "middle", "after": "start"}, [6]),
    ],
)
def test_messages_of_a_conversation(changes: dict[str, object], samples: list[int]) -> None:
    assert sampled(replace(TARGET, **changes), *ONE)[0] == samples


def test_what_waits_to_the_end_is_unanswered() -> None:
    assert sampled(TARGET, *ONE) == ([17], {LeftOut.UNANSWERED: 1})
    assert sampled(replace(TARGET, measure=Measure.REPLY, event=None), *ONE) == ([4], {LeftOut.UNANSWERED: 1})


def test_the_later_of_two_that_wait_is_never_taken_for_the_earlier() -> None:
    both = (client(0), client(90), server(100, "end"), server(110, "end"))
    assert sampled(TARGET, *both) == ([], {LeftOut.OVERLAPPING: 2})
    assert sampled(replace(TARGET, measure=Measure.REPLY, event=None), *both) == ([100], {LeftOut.OVERLAPPING: 1})
    # When none waits any more, it begins anew.
    assert sampled(TARGET, *both, client(200), server(203, "end")) == ([3], {LeftOut.OVERLAPPING: 2})
    assert sampled(TARGET, *both[:3]) == ([], {LeftOut.OVERLAPPING: 2})


def test_a_link_tells_them_apart() -> None:
    both = (client(0, link="a"), client(90, link="b"), server(100, "end", "b"), server(110, "end", "a"))
    linked = replace(TARGET, link="id")
    assert sampled(linked, *both) == ([10, 110], {})
    assert sampled(linked, client(0), server(5, "end")) == ([], {LeftOut.UNANSWERED: 1})
    assert sampled(linked, client(0, link="a"), server(5, "end", "b")) == ([], {LeftOut.UNANSWERED: 1})


def test_an_event_may_stop_one_clock_and_start_the_next() -> None:
    ticks = replace(TARGET, event="tick", after="tick")
    assert sampled(ticks, *(server(ns, "tick") for ns in (1, 4, 9))) == ([3, 5], {LeftOut.UNANSWERED: 1})


def test_a_message_of_the_client_is_never_the_server_s() -> None:
    assert sampled(TARGET, client(0), client(5, "end"))[0] == []


def test_a_handshake_is_timed_once_and_a_refused_one_is_told() -> None:
    shaken = replace(TARGET, measure=Measure.HANDSHAKE, event=None)
    assert sampled(shaken, start_ns=100, accepted_ns=130) == ([30], {})
    assert sampled(shaken) == ([], {})
    refused = replace(EXCHANGE, method="WS", status=403)
    assert samples_of(shaken, refused, PASSED).left_out == {LeftOut.UNANSWERED: 1}


def test_messages_that_were_not_kept_are_told() -> None:
    assert sampled(TARGET, not_kept=7) == ([], {LeftOut.NOT_KEPT: 7})


MESSAGES = st.lists(
    st.tuples(st.integers(0, 50), st.booleans(), st.sampled_from(["ask", "start", "end"]), st.sampled_from("ab"))
)
TARGETS = st.sampled_from(
    [
        TARGET,
        replace(TARGET, link="id"),
        replace(TARGET, sent="ask", link="id"),
        replace(TARGET, after="start"),
        replace(TARGET, event="end", after="end"),
        replace(TARGET, measure=Measure.REPLY, event=None),
        replace(TARGET, measure=Measure.REPLY, event=None, sent="ask"),
    ]
)


def conversation_of(steps: list[tuple[int, bool, str, str]]) -> list[MessageSeen]:
    now, messages = 0, []
    for wait, from_client, name, link in steps:
        now += wait
        messages.append(replace(client(now, name, link), from_client=from_client))
    return messages


@given(TARGETS, MESSAGES)
def test_every_clock_that_starts_is_a_sample_or_left_out(target: PerformanceTarget, steps: list[object]) -> None:
    messages = conversation_of(steps)  # type: ignore[arg-type]
    ns, left_out = sampled(target, *messages)
    name = target.after or target.sent
    starts = [m for m in messages if m.from_client is (target.after is None)]
    starts = [m for m in starts if name is None or m.names == (("type", name),)]
    assert len(ns) + sum(left_out.values()) == len(starts)


@given(TARGETS, MESSAGES)
def test_every_sample_lies_between_two_messages(target: PerformanceTarget, steps: list[object]) -> None:
    messages = conversation_of(steps)  # type: ignore[arg-type]
    distances = {b.ns - a.ns for n, a in enumerate(messages) for b in messages[n + 1 :]}
    assert set(sampled(target, *messages)[0]) <= distances


@given(MESSAGES)
def test_linked_conversations_do_not_disturb_each_other(steps: list[object]) -> None:
    messages = conversation_of(steps)  # type: ignore[arg-type]
    linked = replace(TARGET, link="id")
    parts = [sampled(linked, *(m for m in messages if m.links[0][1] == link)) for link in "ab"]
    ns, left_out = sampled(linked, *messages)
    assert Counter(ns) == Counter(parts[0][0]) + Counter(parts[1][0])
    assert left_out == dict(Counter(parts[0][1]) + Counter(parts[1][1]))


@given(MESSAGES, st.integers(1, 10**9))
def test_pauses_never_hold_a_message_of_the_client(steps: list[object], later: int) -> None:
    messages = conversation_of(steps)  # type: ignore[arg-type]
    pause = replace(TARGET, measure=Measure.PAUSE, event=None)
    neighbours = pairwise(messages)
    wanted = [b.ns - a.ns for a, b in neighbours if not a.from_client and not b.from_client]
    assert sampled(pause, *messages) == (wanted, {})


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [
        ((), None),
        ((replace(TARGET, measure=Measure.RESPONSE, event=None),), None),
        ((replace(TARGET, measure=Measure.HANDSHAKE, event=None),), None),
        ((TARGET,), Watch(TARGET.routes, (("type", "end"),), (), every_client=True)),
        ((replace(TARGET, sent="ask", link="id"),), Watch(TARGET.routes, (("type", "ask"), ("type", "end")), ("id",))),
        ((replace(TARGET, after="start"),), Watch(TARGET.routes, (("type", "start"), ("type", "end")))),
        ((replace(TARGET, measure=Measure.PAUSE, event=None),), Watch(TARGET.routes, (), (), True, True)),
    ],
)
def test_the_relay_keeps_what_is_needed_and_no_more(targets: tuple[PerformanceTarget, ...], wanted: object) -> None:
    assert watch_for(targets) == wanted


NAMED = st.sampled_from([replace(TARGET, sent="ask", link="id"), replace(TARGET, after="start"), TARGET])


@given(NAMED, MESSAGES)
def test_what_the_relay_forgets_makes_no_difference(target: PerformanceTarget, steps: list[object]) -> None:
    messages = conversation_of(steps)  # type: ignore[arg-type]
    watch = watch_for((target,))
    assert watch is not None
    kept = []
    for message in messages:
        names = tuple(name for name in message.names if name in watch.names)
        if names or (watch.every_client if message.from_client else watch.every_server):
            kept.append(replace(message, names=names))
    assert sampled(target, *kept) == sampled(target, *messages)
