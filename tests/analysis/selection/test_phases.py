"""Selection: every case once, the important first."""

from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.selection import select
from greenproof.model.plan import Feature, Priority

PRIORITIES = (Priority("P1", ("*login*",)), Priority("P2", ("*chat*",), gates=False))
FEATURES = (Feature("chat", 500.0, "enterprise", ("*chat_a*",)),)


def test_phases_follow_the_priorities_and_value_orders_within() -> None:
    phases = select(["t::chat_b", "t::other", "t::chat_a", "t::login"], PRIORITIES, FEATURES)
    assert [(p.name, p.cases, p.gates) for p in phases] == [
        ("P1", ("t::login",), True),
        ("P2", ("t::chat_a", "t::chat_b"), False),
        ("unclassified", ("t::other",), False),
    ]


@given(st.lists(st.sampled_from(["a::login", "b::chat_a", "c::chat", "d::x", "e::y"])), st.integers(0, 6))
def test_nothing_is_lost_or_doubled_and_the_limit_holds(cases: list[str], limit: int) -> None:
    selected = [case for phase in select(cases, PRIORITIES, FEATURES) for case in phase.cases]
    assert sorted(selected) == sorted(set(cases))
    limited = [case for phase in select(cases, PRIORITIES, FEATURES, limit) for case in phase.cases]
    assert limited == selected[:limit]
