"""What two sides say of the same thing: nothing is reported of equal sides, and whatever differs is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.drift import (
    compare,
    covers,
    declared_and_deployed,
    deployed_and_tests,
    empty,
    exit_code,
    since_last_good,
)
from greenproof.model.drift import Drift, Kind, Origin, Pair, Role, Setting, Side, Snapshot, Source, State
from greenproof.model.exits import ExitCode
from greenproof.model.redaction import MASK

FILE = Source(Origin.FILE, "a.toml", 1)
SEEN = Source(Origin.OBSERVED, "a look")

SETTINGS = st.builds(
    Setting,
    st.sampled_from(["api", "web", "target api"]),
    st.sampled_from(["port", "env.A", "env.B_TIMEOUT", "url", "code a.py::x"]),
    st.sampled_from(list(Kind)),
    st.sampled_from(["1", "2", "60", "http://a.test", "x y", "digest 00", "http://localhost:1/a"]),
    st.builds(Source, st.sampled_from(list(Origin)), st.just("w"), st.integers(0, 3)),
    st.sampled_from(list(Role)),
)


def side(which: Side, *settings: Setting, **more: object) -> Snapshot:
    return Snapshot(which, settings=settings, **more)  # type: ignore[arg-type]


def told(pair: Pair) -> list[tuple[str, str, State, bool]]:
    return [(one.subject, one.name, one.state, one.matters) for one in pair.differences]


def setting(subject: str, name: str, kind: Kind, value: str, source: Source = FILE, **more: object) -> Setting:
    return Setting(subject, name, kind, value, source, **more)  # type: ignore[arg-type]


API = setting("target api", "url", Kind.URL, "http://10.1.2.3:8801", SEEN)
SECURE = setting("target api", "url", Kind.URL, "https://api.corp.dev/v1", SEEN)
NAMES = setting("target api", "certificate names", Kind.CERTIFICATE, "*.corp.dev, corp.dev", SEEN)
LIMIT = setting("api", "start_timeout", Kind.TIMEOUT, "30 s")
KEY = setting("api", "env.BYPASS_KEY", Kind.KEY, "digest aa")
PROTOCOL = setting("api", "code ws.py::SUBPROTOCOL", Kind.SUBPROTOCOL, "jwt")


def facing(tests: Setting, *deployed: Setting) -> list[tuple[State, Kind, bool]]:
    found = deployed_and_tests(side(Side.DEPLOYED, *deployed), side(Side.TESTS, tests))
    return [(one.state, one.kind, one.matters) for one in found.differences]


@given(st.lists(SETTINGS, unique_by=lambda one: one.key, max_size=8))
def test_equal_sides_do_not_differ(settings: list[Setting]) -> None:
    one = side(Side.DECLARED, *settings)
    assert since_last_good(one, one).differences == ()
    unseen = [s for s in settings if s.source.origin is not Origin.OBSERVED]
    assert declared_and_deployed(side(Side.DECLARED, *unseen), side(Side.DEPLOYED, *unseen)).differences == ()


@given(*(st.lists(SETTINGS, unique_by=lambda one: one.key, max_size=8) for _ in range(2)))
def test_whatever_changed_is_told_once_with_both_values_and_a_stable_id(
    before: list[Setting], now: list[Setting]
) -> None:
    first, second = side(Side.TESTS, *before), side(Side.TESTS, *now)
    found, back = since_last_good(first, second), since_last_good(second, first)
    ids = [one.id for one in found.differences]
    assert len(set(ids)) == len(ids)
    assert {one.id for one in back.differences} == set(ids)
    swapped = {State.MISSING: State.ONLY_HERE, State.ONLY_HERE: State.MISSING}
    assert [swapped.get(one.state, one.state) for one in back.differences] == [one.state for one in found.differences]
    by_key = {one.key: one for one in before}
    for one in found.differences:
        assert one.first == by_key.get((one.subject, one.name))
        assert (one.first is None) or (one.second is None) or one.first.value != one.second.value


@given(*(st.lists(SETTINGS, unique_by=lambda one: one.key, max_size=8) for _ in range(3)))
def test_any_three_sides_can_be_compared(one: list[Setting], two: list[Setting], three: list[Setting]) -> None:
    now = {Side.DECLARED: side(Side.DECLARED, *one), Side.DEPLOYED: side(Side.DEPLOYED, *two)}
    now[Side.TESTS] = side(Side.TESTS, *three)
    pairs = compare(now, now, None)
    assert [pair.counts for pair in pairs] == [True, True, False, False, False]
    assert exit_code(Drift("e", None, tuple(now.values()), (), pairs)) in (0, 1, 5, 6)
    assert pairs == compare(now, now, None)


def test_a_time_out_that_was_lowered_is_seen_since_the_last_good_state() -> None:
    before = setting("api", "env.DB_TIMEOUT", Kind.TIMEOUT, "60")
    found = since_last_good(side(Side.DEPLOYED, before), side(Side.DEPLOYED, replace(before, value="8")))
    assert told(found) == [("api", "env.DB_TIMEOUT", State.DIFFERS, True)]


def test_declared_and_deployed_tells_what_is_not_deployed_and_what_nobody_declared() -> None:
    port, extra = setting("api", "port", Kind.PORT, "80"), setting("api", "env.X", Kind.SETTING, "1")
    masked = setting("api", "env.K", Kind.KEY, MASK)
    found = declared_and_deployed(side(Side.DECLARED, port, masked), side(Side.DEPLOYED, extra, masked))
    assert told(found) == [
        ("api", "env.K", State.UNCOMPARED, True),
        ("api", "env.X", State.ONLY_HERE, True),
        ("api", "port", State.MISSING, True),
    ]


@pytest.mark.parametrize(
    ("seen", "state", "matters"),
    [
        (setting("api", "listening port", Kind.PORT, "80", SEEN), None, None),
        (setting("api", "listening port", Kind.PORT, "81", SEEN), State.DIFFERS, False),
        (setting("api", "listening port", Kind.PORT, "no answer at 80", SEEN), State.MISSING, True),
        (setting("api", "identity", Kind.REVISION, "api-1", SEEN), None, None),
        (setting("api", "identity", Kind.REVISION, "api-0", SEEN), State.DIFFERS, True),
        (setting("t", "certificate covers the host", Kind.CERTIFICATE, "yes", SEEN), None, None),
        (setting("t", "certificate covers the host", Kind.CERTIFICATE, "no: a.test", SEEN), State.DIFFERS, True),
        (setting("t", "certificate covers the host", Kind.CERTIFICATE, "no look: x", SEEN), State.UNCOMPARED, True),
        (setting("t", "certificate trusted", Kind.CERTIFICATE, "no: expired", SEEN), State.DIFFERS, True),
        (setting("t", "dns a.test", Kind.ADDRESSES, "no address: unknown", SEEN), State.DIFFERS, True),
        (setting("t", "dns a.test", Kind.ADDRESSES, "10.0.0.1", SEEN), None, None),
        (setting("t", "certificate issuer", Kind.CERTIFICATE, "CN=no", SEEN), None, None),
    ],
)
def test_what_was_seen_live_is_held_against_what_should_be(
    seen: Setting, state: State | None, matters: bool | None
) -> None:
    both = (setting("api", "port", Kind.PORT, "80"), setting("api", "revision", Kind.REVISION, "api-1"))
    found = declared_and_deployed(side(Side.DECLARED, *both), side(Side.DEPLOYED, *both, seen))
    assert [(one.state, one.matters) for one in found.differences] == ([(state, matters)] if state else [])


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://10.1.2.3:8801", ""), ("ws://10.1.2.3:8801/", ""), ("10.1.2.3:8801", ""), ("10.1.2.3", ""),
        ("http://old.corp.dev:8801", "host"), ("http://10.1.2.3:99", "port"), ("http://10.1.2.3:8801/api", "path"),
        ("https://10.1.2.3:8801", "scheme"), ("http://old.corp.dev", "host and port"),
    ],
)  # fmt: skip
def test_a_variable_of_a_target_that_points_elsewhere(url: str, parts: str) -> None:
    variable = setting("target api", "variable API_URL", Kind.URL, url)
    found = deployed_and_tests(side(Side.DEPLOYED, API), side(Side.TESTS, variable)).differences
    assert [one.matters for one in found] == ([True] if parts else [])
    assert all(f"another {parts};" in one.text for one in found)
    # What we hand over ourselves can't be wrong.
    assert not facing(replace(variable, given=True), API)


def test_a_certificate_that_is_not_for_the_name_that_the_tests_use() -> None:
    good = setting("target api", "variable API_URL", Kind.URL, "https://api.corp.dev/v1")
    assert facing(good, SECURE, NAMES) == []
    found = facing(replace(good, value="https://api.staging.corp.dev/v1"), SECURE, NAMES)
    assert found == [(State.DIFFERS, Kind.URL, True), (State.DIFFERS, Kind.URL, True)]


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        # The key of the tests.
        (setting("suite s", "variable BYPASS_KEY", Kind.KEY, "digest aa"), []),
        (setting("suite s", "variable OTHER_KEY", Kind.KEY, "digest aa"), []),
        (setting("suite s", "variable BYPASS_KEY", Kind.KEY, "digest bb"), [(State.DIFFERS, Kind.KEY, True)]),
        (setting("suite s", "code c.py::BYPASS_KEY", Kind.KEY, "digest bb"), [(State.DIFFERS, Kind.KEY, True)]),
        (setting("suite s", "code c.py::new_user.password", Kind.KEY, "digest bb"), []),
        (setting("suite s", "variable BYPASS_KEY", Kind.KEY, MASK), [(State.UNCOMPARED, Kind.KEY, True)]),
        # Given to the tests by the configuration, and no service has it.
        (setting("suite s", "variable E2E_KEY", Kind.KEY, "digest cc"), [(State.ONLY_HERE, Kind.KEY, True)]),
        (
            setting("suite s", "variable E2E_KEY", Kind.KEY, "digest cc", Source(Origin.VARIABLE, "E2E_KEY")),
            [(State.ONLY_HERE, Kind.KEY, False)],
        ),
        # Subprotocols.
        (setting("suite s", "code c.py::ws.subprotocols", Kind.SUBPROTOCOL, "jwt, jwt.{}"), []),
        (
            setting("suite s", "code c.py::ws.subprotocols", Kind.SUBPROTOCOL, "bearer"),
            [(State.DIFFERS, Kind.SUBPROTOCOL, True)],
        ),
        # Time-outs: which limit is meant is a guess, so it is a note.
        (setting("suite s", "code c.py::wait_until_ready.timeout", Kind.TIMEOUT, "5"), [(State.DIFFERS, Kind.TIMEOUT, False)]),
        (setting("suite s", "code c.py::wait_until_ready.timeout", Kind.TIMEOUT, "60"), []),
        (setting("suite s", "code c.py::client.timeout", Kind.TIMEOUT, "5"), []),
        # Addresses that no variable of a target holds.
        (setting("suite s", "code c.py::BASE_URL", Kind.URL, "http://10.1.2.3:8801/x"), []),
        (setting("suite s", "code c.py::BASE_URL", Kind.URL, "https://10.1.2.3:8801/x"), [(State.DIFFERS, Kind.URL, True)]),
        (setting("suite s", "code c.py::BASE_URL", Kind.URL, "http://10.1.2.3:99"), [(State.DIFFERS, Kind.URL, True)]),
        (setting("suite s", "code c.py::BASE_URL", Kind.URL, "https://old.corp.dev"), [(State.ONLY_HERE, Kind.URL, True)]),
        (
            setting("suite s", "mentioned old", Kind.URL, "https://old.corp.dev", role=Role.MENTIONED),
            [],
        ),
        (setting("suite s", "code c.py::url", Kind.URL, "https://example.org/x"), []),
        (setting("suite s", "code c.py::get()", Kind.URL, "http://localhost:9/x"), [(State.ONLY_HERE, Kind.URL, True)]),
        # By its name it means this one.
        (setting("suite s", "code c.py::BILLING_URL", Kind.URL, "https://old.corp.dev"), [(State.DIFFERS, Kind.URL, True)]),
        (setting("suite s", "code c.py::BILLING_PORT", Kind.PORT, "8080"), [(State.DIFFERS, Kind.PORT, True)]),
        (setting("suite s", "code c.py::BILLING_PORT", Kind.PORT, "8802"), []),
        (setting("suite s", "code c.py::PORT", Kind.PORT, "8080"), []),
        # The variable of the same name.
        (setting("suite s", "variable LOG_LEVEL", Kind.SETTING, "debug"), [(State.DIFFERS, Kind.SETTING, False)]),
        # A dead host name.
        (
            setting("suite s", "dns old.corp.dev", Kind.ADDRESSES, "no address: unknown", SEEN),
            [(State.DIFFERS, Kind.ADDRESSES, True)],
        ),
        (
            setting("suite s", "dns old.corp.dev", Kind.ADDRESSES, "no look: no answer", SEEN),
            [(State.UNCOMPARED, Kind.ADDRESSES, True)],
        ),
    ],
)  # fmt: skip
def test_what_the_tests_expect_beside_what_is_deployed(
    tests: Setting, expected: list[tuple[State, Kind, bool]]
) -> None:
    billing = setting("target billing", "url", Kind.URL, "http://10.1.2.3:8802", SEEN)
    level = setting("api", "env.LOG_LEVEL", Kind.SETTING, "info")
    assert facing(tests, API, billing, LIMIT, KEY, PROTOCOL, level) == expected


def test_no_deployed_subprotocol_and_no_deployed_key_are_no_verdict() -> None:
    offered = setting("suite s", "code c.py::subprotocols", Kind.SUBPROTOCOL, "jwt")
    assert facing(offered, API) == [(State.UNCOMPARED, Kind.SUBPROTOCOL, False)]
    key = setting("suite s", "variable E2E_KEY", Kind.KEY, "digest cc")
    assert facing(key, API) == [(State.ONLY_HERE, Kind.KEY, False)]


def test_a_promise_that_may_take_longer_than_the_tests_wait() -> None:
    promise = setting("promise Agent start", "limit", Kind.TIMEOUT, "30000 ms")
    waits = setting("suite s", "code test_agents.py::wait_for_agent.timeout", Kind.TIMEOUT, "10")
    assert facing(waits, API, promise) == [(State.DIFFERS, Kind.TIMEOUT, False)]


@pytest.mark.parametrize(
    ("names", "host", "covered"),
    [
        ({"a.test"}, "A.test.", True), ({"*.a.test"}, "x.a.test", True), ({"*.a.test"}, "x.y.a.test", False),
        ({"*.a.test"}, "a.test", False), ({"127.0.0.1"}, "127.0.0.1", True), ({"b.test"}, "a.test", False), (set(), "a", False),
    ],
)  # fmt: skip
def test_names_of_a_certificate(names: set[str], host: str, covered: bool) -> None:
    assert covers(frozenset(names), host) is covered


def drifted(*pairs: Pair, missing: tuple[str, ...] = ()) -> ExitCode:
    return exit_code(Drift("e", "s", (side(Side.DEPLOYED, missing=missing),), (), pairs))


def test_exit_codes() -> None:
    port = setting("api", "port", Kind.PORT, "80")
    good = declared_and_deployed(side(Side.DECLARED, port), side(Side.DEPLOYED, port))
    bad = declared_and_deployed(side(Side.DECLARED, port), side(Side.DEPLOYED, replace(port, value="81")))
    key = setting("api", "env.K", Kind.KEY, MASK)
    unknown = declared_and_deployed(side(Side.DECLARED, port, key), side(Side.DEPLOYED, port, key))
    nothing = declared_and_deployed(side(Side.DECLARED, port), empty(Side.DEPLOYED, "nothing is deployed"))
    assert drifted(good) is ExitCode.VERIFIED
    assert drifted(good, bad) is ExitCode.FAILED
    assert drifted(unknown) is ExitCode.INCONCLUSIVE
    assert drifted(good, missing=("live",)) is ExitCode.INCONCLUSIVE
    assert drifted(bad, missing=("live",)) is ExitCode.FAILED
    assert drifted(nothing) is ExitCode.NOTHING_VERIFIED
    assert drifted(good, nothing) is ExitCode.INCONCLUSIVE
    assert drifted() is ExitCode.NOTHING_VERIFIED
    changed = since_last_good(side(Side.TESTS, port), side(Side.TESTS, replace(port, value="81")))
    assert drifted(good, changed) is ExitCode.VERIFIED
    assert drifted(replace(changed, counts=True)) is ExitCode.FAILED


def test_a_port_that_was_declared_since_is_told_once() -> None:
    deployed = setting("api", "port", Kind.PORT, "80"), setting("api", "listening port", Kind.PORT, "80", SEEN)
    found = declared_and_deployed(
        side(Side.DECLARED, setting("api", "port", Kind.PORT, "81")), side(Side.DEPLOYED, *deployed)
    )
    assert told(found) == [("api", "port", State.DIFFERS, True)]
