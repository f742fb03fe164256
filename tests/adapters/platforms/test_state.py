"""What is remembered of releases: read back as it was written, and where the way back leads."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenproof.adapters.platforms.local.layout import Layout
from greenproof.adapters.platforms.local.schemas import SHOWN, Schemas, changes_between, digest_of
from greenproof.adapters.platforms.local.state import (
    GOOD_KEPT,
    KEYS_KEPT,
    Applied,
    Intent,
    Known,
    State,
    StateFile,
    blocking,
    read_state,
    to_be_undone,
)
from greenproof.model.facts import Release
from greenproof.model.releases import CutOff, KnownGood, SchemaChange

NAMES = st.sampled_from(["r-1", "r-2", "r-3", "r-4"])
KINDS = st.sampled_from(["compatible", "reversible", "irreversible"])
APPLIED = st.builds(
    Applied,
    number=st.integers(1, 50),
    release=NAMES,
    service=st.just("api"),
    revision=st.text(max_size=5),
    store=st.just("db"),
    before=st.text(max_size=3),
    after=st.text(max_size=3),
    kind=KINDS,
    undo=st.booleans(),
    partial=st.booleans(),
)
KNOWN = st.builds(
    Known,
    turn=st.integers(1, 99),
    applied=st.lists(st.integers(1, 50), max_size=5).map(tuple),
    schemas=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
CHANGE = SchemaChange("r-1", "api", "db", "irreversible", True, ("table a: added",))
STATES = st.builds(
    State,
    current=st.none() | NAMES,
    previous=st.none() | NAMES,
    went_back=st.booleans(),
    good=st.lists(st.builds(KnownGood, NAMES, st.text(max_size=5), st.just("")), max_size=3).map(tuple),
    known=st.dictionaries(NAMES, KNOWN),
    applied=st.lists(APPLIED, max_size=4, unique_by=lambda one: one.number).map(
        lambda found: tuple(sorted(found, key=lambda one: one.number))
    ),
    next_number=st.integers(51, 99),
    intent=st.none() | st.builds(Intent, effect=st.just("deploy"), release=NAMES, since=st.text(max_size=5)),
    cut_off=st.none() | st.just(CutOff("deploy", "r-1", "x", "begun", "undone", schema=(CHANGE,))),
    switches=st.integers(0, 9),
    fence=st.integers(0, 9),
)


@settings(max_examples=60, deadline=None)
@given(state=STATES)
def test_it_is_read_as_it_was_written(tmp_path_factory, state):
    layout = Layout("x", tmp_path_factory.mktemp("state"))
    layout.releases.mkdir()
    file = StateFile(layout)
    file.put(state)
    found = read_state(layout)
    assert found == state
    assert [known.turn for known in found.known.values()] == sorted(known.turn for known in state.known.values())


@given(state=STATES)
def test_a_way_back_leads_to_another_release_that_is_known(state):
    target = state.target
    assert target is None or (target != state.current and target in state.known)
    good = [one.release for one in state.good if one.release != state.current and one.release in state.known]
    if good:
        assert target == good[-1]


@given(state=STATES)
def test_what_is_needed_is_kept(state):
    needed = set(state.needed())
    assert {name for name in (state.current, state.target, state.previous) if name in state.known} <= needed
    assert {one.release for one in state.good if one.release in state.known} <= needed


@given(state=STATES)
def test_to_forget_what_all_were_live_with_changes_no_way_back(state):
    forgot = state.without_common()
    for name in state.known:
        assert forgot.since(name) == state.since(name)
        assert forgot.lacking(name) <= state.lacking(name)


@given(since=st.lists(APPLIED, max_size=5))
def test_what_is_undone_begins_at_the_top(since):
    undone = to_be_undone(since)
    assert list(reversed(undone)) == since[len(since) - len(undone) :]
    if not blocking(since):
        assert all(one.undo for one in undone)
        assert all(one.kind == "compatible" for one in since[: len(since) - len(undone)])


def test_the_newest_releases_are_kept_and_the_good_ones():
    known = {f"r-{number}": Known(number) for number in range(30)}
    good = tuple(KnownGood(f"r-{number}", "run", "") for number in (2, 4))
    needed = State(current="r-29", previous="r-7", good=good, known=known).needed()
    assert needed == ("r-2", "r-4", "r-7", *(f"r-{number}" for number in range(20, 30)))


def test_the_newest_keys_and_good_releases_are_kept():
    state = State()
    for number in range(KEYS_KEPT + 5):
        state = state.with_effect(f"key {number}", "deploy", Release(f"r-{number}", ()))
        state = state.with_good(KnownGood(f"r-{number}", "run", ""))
    assert len(state.effects) == KEYS_KEPT
    assert state.recorded("key 4", "deploy") is None
    assert state.recorded("key 5", "deploy") is not None
    assert state.recorded("key 5", "rollback") is None
    assert state.recorded("", "deploy") is None
    assert [one.release for one in state.good] == [f"r-{KEYS_KEPT + 5 - GOOD_KEPT + n}" for n in range(GOOD_KEPT)]
    again = state.with_effect("key 50", "deploy", Release("r-50", ()))
    assert len(again.effects) == KEYS_KEPT
    assert replace(state, current="r-50").holds("key 50", "deploy")
    assert not replace(state, current="r-51").holds("key 50", "deploy")


LINES = st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=8), st.text(max_size=4), max_size=6)


@given(first=LINES, second=LINES)
def test_a_schema_is_named_by_what_is_in_it(first, second):
    assert (digest_of(first) == digest_of(second)) == (first == second)
    assert digest_of(dict(reversed(first.items()))) == digest_of(first)
    assert bool(changes_between(first, second)) == (first != second) or any(n.startswith("table ") for n in first)


def test_changes_are_told_by_table_and_column_first():
    before = {"table public.a": "", "column public.a.x": "integer", "table public.b": "", "index public.i": "ON b"}
    after = {
        "table public.b": "unlogged",
        "column public.b.y": "text",
        "table public.c": "",
        "column public.c.z": "text",
        "constraint public.c.k": "CHECK",
    }
    assert changes_between(before, after) == (
        "column public.b.y: added, text",
        "table public.a: removed",
        "table public.b: -, now unlogged",
        "table public.c: added",
        "index public.i: removed",
    )
    many = {f"table public.t{number:03}": "" for number in range(50)}
    told = changes_between({}, many)
    assert len(told) == SHOWN
    assert told[-1] == f"and {50 - SHOWN + 1} more"


def test_a_schema_that_is_gone_is_not_made_up(tmp_path):
    schemas = Schemas(tmp_path)
    first, second = schemas.keep({"table a": ""}), schemas.keep({})
    assert schemas.changes(first, second) == ("table a: removed",)
    schemas.prune([second])
    assert schemas.load(first) is None
    assert schemas.changes(first, second) == ("what changed is not known",)
    assert schemas.changes(second, second) == ()


@pytest.mark.parametrize("kind", ["compatible", "reversible"])
def test_half_of_a_migration_blocks_whatever_it_was_declared(kind):
    half = Applied(1, "r-1", "api", "api-1", "db", "a", "b", kind, undo=True, partial=True)
    assert blocking([half]) == [half]
