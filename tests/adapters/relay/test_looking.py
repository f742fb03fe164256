"""What is remembered of undisturbed answers, and which of them is given again."""

from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.looking import LARGEST_KEPT, MOST_BYTES, Kept, Memory, Seen
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Answer

ROUTE = Route("GET", "/me/{id}", "api")


def kept(body: bytes, path: str = "/me/1", case: str = "a", user: str = "") -> Kept:
    return Kept(Wire("api", "GET", path), case, user, Answer(200, (), body))


def memory(*answers: Kept) -> Memory:
    held = Memory()
    for answer in answers:
        held.keep(answer)
    return held


def body(answer: Answer | None) -> bytes | None:
    return None if answer is None else answer.body


def test_an_earlier_answer_is_of_the_same_path_first_then_of_the_same_case():
    held = memory(kept(b"far", "/me/2", "b"), kept(b"own", "/me/2"), kept(b"near", case="b"), kept(b"now"))
    wire = Wire("api", "GET", "/me/1")
    assert body(held.stale(ROUTE, wire, "a", b"now")) == b"near"
    assert body(held.stale(ROUTE, Wire("api", "GET", "/me/3"), "a", b"now")) == b"own"
    assert held.stale(Route("GET", "/other", "api"), wire, "a", b"now") is None
    assert memory(kept(b"now")).stale(ROUTE, wire, "a", b"now") is None


def test_another_user_is_known_by_the_credential_else_by_the_case():
    held = memory(kept(b"ann", user="A"), kept(b"bob", user="B"), kept(b"cy", case="c", user="C"))
    assert body(held.foreign(ROUTE, "a", "A", b"now")) == b"bob"
    # A fresh token: what the same case was answered may be its own.
    assert body(held.foreign(ROUTE, "a", "fresh", b"now")) == b"cy"
    assert memory(kept(b"mine")).foreign(ROUTE, "a", "", b"now") is None


def test_what_is_kept_is_bounded():
    held = memory(kept(b"x" * (LARGEST_KEPT + 1)), kept(b""))
    assert held.stale(ROUTE, Wire("api", "GET", "/me/1"), "a", b"now") is None
    for _ in range(MOST_BYTES // LARGEST_KEPT + 50):
        held.keep(kept(b"y" * LARGEST_KEPT))
    assert sum(len(one.answer.body or b"") for one in held._kept) <= MOST_BYTES


def test_messages_in_a_row_are_counted_until_the_client_speaks():
    seen = Seen()
    for from_client in (False, False, True, False, False, False, True):
        seen.message("x", from_client)
    assert [(one.events, one.burst) for one in seen.answers.values()] == [(5, 3)]
