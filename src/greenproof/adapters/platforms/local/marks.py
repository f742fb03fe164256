"""With which migrations a release was live: marked when traffic moves, and asked for on the way back."""

from collections.abc import Mapping
from dataclasses import replace

from greenproof.adapters.platforms.local.state import Known, State


def advanced(state: State, name: str, schemas: Mapping[str, str], first: int, *, back: bool) -> State:
    """The state with this release as the current one.

    `schemas` are those that were read last, if any were; `first` is the number from which on migrations ran for this
    very deploy or rollback; `back` says that it is a rollback.
    """
    moved = state.current != name
    before = state.known.get(state.current or "")
    known = {other: one for other, one in state.known.items() if other != name}
    turn = 1 + max((one.turn for one in state.known.values()), default=0)
    fresh = state.known.get(name)
    if fresh is not None and not moved and not _ran(state, first):
        seen = fresh.schemas
    else:
        seen = schemas or (before.schemas if before else {})
    known[name] = Known(turn, marks(state, name, first, back=back), seen)
    state = replace(
        state,
        current=name,
        previous=state.current if moved else state.previous,
        went_back=back if moved else state.went_back,
        good=tuple(one for one in state.good if not (back and moved and one.release == state.current)),
        known=known,
        switches=state.switches + moved,
        cut_off=None,
    )
    return replace(state, known={other: known[other] for other in state.needed()}).without_common()


def marks(state: State, name: str, first: int, *, back: bool) -> tuple[int, ...]:
    """Numbers of the migrations that belong to this release from now on.

    What came after a release that was live all the time does not become a part of it because it is started again: that
    would hide it, and a later rollback would go over it. Half a migration belongs only to releases that came upon it.
    """
    fresh = state.known.get(name)
    if fresh is None or (back and state.current != name):
        # Or whatever was in the way is taken back, and what is left does not matter to it.
        return tuple(one.number for one in state.applied)
    moved = state.current != name
    return tuple(
        one.number
        for one in state.applied
        if one.number in fresh.applied or one.number >= first or (moved and not one.partial)
    )


def half_done(state: State, release: str) -> set[str]:
    """Services whose migration with this release was cut off or failed in the middle."""
    return {one.service for one in state.applied if one.partial and one.release == release}


def _ran(state: State, first: int) -> bool:
    return any(one.number >= first for one in state.applied)
