"""Two sides that have the same settings under the same names: declared and deployed, last good and now."""

import hashlib
from collections.abc import Iterator, Mapping

from greenproof.analysis.drift.values import address_of, hidden, same
from greenproof.model.drift import Difference, Kind, Origin, Pair, Setting, Side, Snapshot, State

DECLARED_DEPLOYED = "declared-deployed"
DEPLOYED_TESTS = "deployed-tests"
LAST_GOOD = "last-good-"

LISTENING = "listening port"
IDENTITY = "identity"
RESOLVES = "dns "
CERTIFICATE = "certificate "
COVERS = CERTIFICATE + "covers the host"
TRUSTED = CERTIFICATE + "trusted"
NO = "no"
"""How a value begins that says that something does not hold; the reason follows."""


def declared_and_deployed(declared: Snapshot, deployed: Snapshot) -> Pair:
    """What is declared and not deployed yet, what is deployed and not declared, and what live parts deny."""
    if deployed.absent or declared.absent:
        return Pair(DECLARED_DEPLOYED, "declared", "deployed", absent=deployed.absent or declared.absent)
    first, second = _by_key(declared), _by_key(_without_observed(deployed))
    found = [
        _told(DECLARED_DEPLOYED, key, first.get(key), second.get(key), "not deployed yet", "deployed, but not declared")
        for key in sorted(first.keys() | second.keys())
        if _apart(first.get(key), second.get(key)) and not key[0].startswith("store ")
    ]
    found += _observed(declared, deployed)
    shared = len(first.keys() & second.keys())
    return Pair(DECLARED_DEPLOYED, "declared", "deployed", tuple(found), shared)


def since_last_good(before: Snapshot, now: Snapshot) -> Pair:
    """What changed on one side since the last good state."""
    name = LAST_GOOD + now.side.value
    labels = f"last good: {before.name}" if before.name else "last good", "now"
    if before.absent or now.absent:
        return Pair(name, *labels, absent=before.absent or now.absent, counts=False)
    first, second = _by_key(before), _by_key(now)
    found = (
        _told(name, key, first.get(key), second.get(key), "gone since", "new since", matters=True)
        for key in sorted(first.keys() | second.keys())
        if _apart(first.get(key), second.get(key)) and _was_looked_at(before, now, first.get(key), second.get(key))
    )
    return Pair(name, *labels, tuple(found), len(first.keys() & second.keys()), counts=False)


def identifier(pair: str, subject: str, name: str) -> str:
    """Stable as long as the same setting of the same pair is meant."""
    return hashlib.sha256("\0".join((pair, subject, name)).encode("utf-8", "backslashreplace")).hexdigest()[:10]


def _by_key(snapshot: Snapshot) -> Mapping[tuple[str, str], Setting]:
    return {setting.key: setting for setting in snapshot.settings}


def _without_observed(snapshot: Snapshot) -> Snapshot:
    kept = tuple(one for one in snapshot.settings if one.source.origin is not Origin.OBSERVED)
    return Snapshot(snapshot.side, snapshot.name, snapshot.at, kept)


def _apart(first: Setting | None, second: Setting | None) -> bool:
    if first is None or second is None:
        return True
    if hidden(first.value) or hidden(second.value):
        return True
    return not same(first.kind, first.name, first.value, second.value)


def _was_looked_at(before: Snapshot, now: Snapshot, first: Setting | None, second: Setting | None) -> bool:
    """What was only not observed on one side is no change."""
    if first is not None and second is not None:
        return True
    one, other = (first, now) if first is not None else (second, before)
    return not (
        one is not None
        and one.source.origin is Origin.OBSERVED
        and not any(setting.source.origin is Origin.OBSERVED for setting in other.settings)
    )


def _told(
    pair: str,
    key: tuple[str, str],
    first: Setting | None,
    second: Setting | None,
    missing: str,
    only: str,
    *,
    matters: bool = True,
) -> Difference:
    known = first or second
    assert known is not None
    if first is None or second is None:
        state = State.MISSING if second is None else State.ONLY_HERE
        text = missing if second is None else only
    elif hidden(first.value) or hidden(second.value):
        state, text = State.UNCOMPARED, "one of the two keys can't be had here, so they can't be told apart"
    else:
        state, text = State.DIFFERS, _how(first, second)
    return Difference(identifier(pair, *key), state, known.kind, *key, matters, text, first, second)


def _how(first: Setting, second: Setting) -> str:
    if first.kind is Kind.KEY:
        return "another key"
    if first.kind is Kind.REVISION:
        return "another revision"
    return f"another {first.kind.value}" if first.kind is not Kind.SETTING else "another value"


def _observed(declared: Snapshot, deployed: Snapshot) -> Iterator[Difference]:
    """What was seen of the live parts, beside what should be so."""
    wanted, manifests = _by_key(declared), _by_key(deployed)
    for seen in deployed.settings:
        if seen.source.origin is not Origin.OBSERVED:
            continue
        if seen.name == LISTENING:
            # A port that was declared since is told already; this is about the one that was deployed.
            port = manifests.get((seen.subject, "port")) or wanted.get((seen.subject, "port"))
            yield from _listening(port, seen)
        elif seen.name == IDENTITY:
            expected = manifests.get((seen.subject, "revision"))
            if expected is None or expected.value != seen.value:
                text = "what answers is not the revision that is deployed"
                yield _seen(expected, seen, State.DIFFERS, text)
        elif seen.value.startswith(NO) and (seen.name in {COVERS, TRUSTED} or seen.name.startswith(RESOLVES)):
            address = wanted.get((seen.subject, "url")) or manifests.get((seen.subject, "url"))
            known = State.UNCOMPARED if seen.value.startswith(f"{NO} look") else State.DIFFERS
            yield _seen(address, seen, known, _LIVE.get(seen.name, "the name of the target does not resolve"))


_LIVE = {
    COVERS: "the certificate is not valid for the host of the target",
    TRUSTED: "the certificate is not trusted here",
}


def _listening(port: Setting | None, seen: Setting) -> Iterator[Difference]:
    if seen.value.startswith(NO):
        yield _seen(port, seen, State.MISSING, "nothing listens at the public address")
    elif port is not None and port.value != seen.value:
        yield _seen(port, seen, State.DIFFERS, "another port than the preferred one: it was taken", matters=False)


def _seen(first: Setting | None, seen: Setting, state: State, text: str, *, matters: bool = True) -> Difference:
    id_ = identifier(DECLARED_DEPLOYED, seen.subject, seen.name)
    return Difference(id_, state, seen.kind, seen.subject, seen.name, matters, text, first, seen)


def deployed_address(setting: Setting) -> bool:
    """Whether this says where something deployed can be reached."""
    return setting.name == "url" and setting.kind is Kind.URL and address_of(setting.value) is not None


def empty(side: Side, why: str) -> Snapshot:
    """There is nothing on this side."""
    return Snapshot(side, absent=why)
