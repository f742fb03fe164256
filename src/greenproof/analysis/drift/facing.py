"""Deployed and tests: the two sides name things differently, so values are brought together by what they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from greenproof.analysis.drift.pairs import (
    CERTIFICATE,
    DEPLOYED_TESTS,
    NO,
    RESOLVES,
    deployed_address,
    identifier,
)
from greenproof.analysis.drift.suites import VARIABLE
from greenproof.analysis.drift.values import Address, address_of, hidden, listed, same, seconds_of, words
from greenproof.model.drift import Difference, Kind, Origin, Pair, Role, Setting, Snapshot, State

NAMES = CERTIFICATE + "names"

_GENERIC = frozenset({
    "url", "uri", "host", "base", "api", "test", "tests", "e2e", "key", "token", "secret", "password", "env", "code",
    "variable", "py", "timeout", "time", "out", "second", "default", "max", "limit", "client", "conftest", "target",
    "suite", "http", "https", "get", "post", "service", "address", "server", "port", "self", "wait", "promise", "s",
    "ms",
})  # fmt: skip
_STARTING = frozenset({"start", "startup", "started", "ready", "readiness", "boot", "healthy", "up"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Something deployed that can be talked to."""

    setting: Setting
    address: Address

    @property
    def name(self) -> frozenset[str]:
        """The words by which tests may call it."""
        return words(self.setting.subject) - _GENERIC


def deployed_and_tests(deployed: Snapshot, tests: Snapshot) -> Pair:
    """Where the tests look for something else than what is deployed."""
    if deployed.absent or tests.absent:
        return Pair(DEPLOYED_TESTS, "deployed", "tests", absent=deployed.absent or tests.absent)
    facing = _Facing(deployed, tests)
    found = sorted(facing.differences(), key=lambda one: (one.subject, one.name, one.text))
    return Pair(DEPLOYED_TESTS, "deployed", "tests", tuple(found), len(tests.settings))


class _Facing:
    """One comparison."""

    def __init__(self, deployed: Snapshot, tests: Snapshot) -> None:
        self._deployed, self._tests = deployed.settings, tests.settings
        self._places = [
            _Place(setting, address)
            for setting in deployed.settings
            if deployed_address(setting) and (address := address_of(setting.value))
        ]
        self._targets = {one.setting.subject: one for one in self._places if one.setting.subject.startswith("target ")}

    def differences(self) -> Iterator[Difference]:
        """Everything that was found."""
        for setting in self._tests:
            variable = setting.name.removeprefix(VARIABLE)
            twin = self._twin(variable) if variable != setting.name else None
            if setting.subject in self._targets:
                yield from self._of_target(setting, self._targets[setting.subject])
            elif setting.kind is Kind.KEY:
                yield from self._key(setting)
            elif setting.source.origin is Origin.OBSERVED:
                yield from _unresolved(setting)
            elif setting.kind in {Kind.URL, Kind.HOST}:
                yield from self._address(setting, twin)
            elif setting.kind is Kind.SUBPROTOCOL:
                yield from self._subprotocol(setting)
            elif setting.kind is Kind.PORT:
                yield from self._port(setting, twin)
            elif setting.kind is Kind.TIMEOUT and setting.role is not Role.MENTIONED:
                yield from self._timeout(setting)
            elif twin is not None and not same(setting.kind, setting.name, twin.value, setting.value):
                text = "the service has another value in the variable of the same name"
                yield _difference(State.DIFFERS, setting, twin, text, matters=False)

    def _twin(self, variable: str) -> Setting | None:
        """What a service has in the variable of this name; where several have one, the first with a plain value."""
        return next((one for one in self._deployed if one.name == f"env.{variable}"), None)

    def _of_target(self, setting: Setting, place: _Place) -> Iterator[Difference]:
        """A variable from which the tests take the address of a target."""
        if setting.given:
            return
        address = address_of(setting.value)
        if address is None:
            text = "the variable of the target holds no address"
            yield _difference(State.UNCOMPARED, setting, place.setting, text)
            return
        parts = _parts_apart(address, place.address)
        if parts:
            text = f"the tests look for the target at another {' and '.join(parts)}"
            kept = set(parts) <= {"host", "port"}
            said = "; Greenproof puts its own host and port there" if kept else "; Greenproof keeps scheme and path"
            yield _difference(State.DIFFERS, setting, place.setting, text + said)
        yield from self._certificate(setting, address, place.setting.subject)

    def _certificate(self, setting: Setting, address: Address, subject: str) -> Iterator[Difference]:
        """The name that the tests use, beside the names of the certificate that the target showed."""
        shown = next((one for one in self._deployed if one.key == (subject, NAMES)), None)
        if shown is None or address.secure is not True or covers(listed(shown.value), address.host):
            return
        text = "the certificate of the target is not valid for the host that the tests use"
        yield _difference(State.DIFFERS, setting, shown, text, suffix=" certificate")

    def _address(self, setting: Setting, twin: Setting | None) -> Iterator[Difference]:
        """An address that belongs to no variable of a target."""
        address = address_of(setting.value)
        if address is None or (setting.kind is Kind.HOST and address.port is None and address.local):
            return
        alike = [one for one in self._places if one.address.place == address.place]
        if alike:
            if all(_other_scheme(address, one.address) for one in alike):
                yield _difference(State.DIFFERS, setting, alike[0].setting, "another scheme for the same host and port")
            return
        if twin is not None and twin.kind is setting.kind:
            if not same(setting.kind, setting.name, twin.value, setting.value):
                text = "the service has another address in the variable of the same name"
                yield _difference(State.DIFFERS, setting, twin, text, matters=setting.role is Role.USED)
            return
        yield from self._elsewhere(setting, address)

    def _elsewhere(self, setting: Setting, address: Address) -> Iterator[Difference]:
        meant = self._meant(setting)
        used = setting.role is Role.USED
        if address.reserved or (address.local and address.port is None) or not self._places:
            return
        if address.local and not any(one.address.local for one in self._places):
            text = "the tests talk to this machine, and nothing that is deployed is there"
            yield _difference(State.ONLY_HERE, setting, None, text, matters=used)
        elif any(one.address.host == address.host for one in self._places) and not address.local:
            near = next(one for one in self._places if one.address.host == address.host)
            yield _difference(State.DIFFERS, setting, near.setting, "another port on the same host", matters=used)
        elif meant is not None:
            parts = " and ".join(_parts_apart(address, meant.address)[:2])
            text = f"by its name it means this, which is deployed at another {parts}"
            yield _difference(State.DIFFERS, setting, meant.setting, text, matters=used)
        elif used:
            # On this machine tests have servers of their own, too: which is meant can't be known.
            text = "nothing that is deployed is at this address"
            yield _difference(State.ONLY_HERE, setting, None, text, matters=not address.local)

    def _meant(self, setting: Setting) -> _Place | None:
        """The deployed thing whose name the setting bears, if it is one alone."""
        called = words(setting.name.rpartition("::")[2]) - _GENERIC
        found = [one for one in self._places if one.name and one.name <= called]
        places = {one.address.place for one in found}
        return found[0] if len(places) == 1 else None

    def _key(self, setting: Setting) -> Iterator[Difference]:
        name = setting.name.removeprefix(VARIABLE).rpartition("::")[2].rpartition(".")[2]
        keys = [one for one in self._deployed if one.kind is Kind.KEY]
        alike = [one for one in keys if one.name.removeprefix("env.").lower() == name.lower()]
        if hidden(setting.value):
            if alike or (keys and setting.name.startswith(VARIABLE)):
                text = "no key for digests is there yet, so it can't be told whether it is the deployed one"
                yield _difference(State.UNCOMPARED, setting, (alike or keys)[0], text, matters=bool(alike))
        elif any(one.value == setting.value for one in keys):
            return
        elif any(hidden(one.value) for one in alike):
            yield _difference(State.UNCOMPARED, setting, alike[0], "the deployed key can't be had here")
        elif alike:
            yield _difference(State.DIFFERS, setting, alike[0], "the key of the tests is not the deployed key")
        elif not setting.name.startswith(VARIABLE):
            # What else tests write down as a key or password is theirs, until a service has one of this name.
            return
        elif keys:
            given = setting.source.origin is Origin.FILE and setting.name.startswith(VARIABLE)
            text = "the tests hold a key that is not among those of any deployed service"
            yield _difference(State.ONLY_HERE, setting, _near(setting, keys), text, matters=given)
        else:
            text = "the tests hold a key, and no deployed service has any"
            yield _difference(State.ONLY_HERE, setting, None, text, matters=False)

    def _subprotocol(self, setting: Setting) -> Iterator[Difference]:
        offered = listed(setting.value)
        known = [one for one in self._deployed if one.kind is Kind.SUBPROTOCOL]
        if not known:
            text = "nothing in what is deployed says which subprotocols it takes"
            yield _difference(State.UNCOMPARED, setting, None, text, matters=False)
        elif not any(offered & listed(one.value) for one in known):
            text = "the tests offer none of the subprotocols that are deployed"
            yield _difference(State.DIFFERS, setting, known[0], text)

    def _port(self, setting: Setting, twin: Setting | None) -> Iterator[Difference]:
        ports = {str(one.address.port) for one in self._places}
        if setting.value in ports or not ports:
            return
        meant = self._meant(setting)
        other = twin or (meant.setting if meant else None)
        if other is None or same(setting.kind, setting.name, other.value, setting.value):
            return
        yield _difference(State.DIFFERS, setting, other, "by its name it means this, which is at another port")

    def _timeout(self, setting: Setting) -> Iterator[Difference]:
        """Shorter than what a service may take by its own word. Which limit is meant is a guess by name: a hint."""
        seconds = seconds_of(setting.name, setting.value)
        if not seconds:
            return
        called = words(setting.name) - _GENERIC
        for limit in self._deployed:
            allowed = seconds_of(limit.name, limit.value) if limit.kind is Kind.TIMEOUT else None
            if allowed is not None and seconds < allowed and _concerns(called, limit):
                text = f"the tests wait {seconds:g} s for what may take {allowed:g} s by its own limit (by their names)"
                yield _difference(State.DIFFERS, setting, limit, text, matters=False, suffix=f" {limit.subject}")


def _concerns(called: frozenset[str], limit: Setting) -> bool:
    """Whether a time-out of the tests is about this limit, as far as names tell."""
    if limit.name.startswith("code "):
        return False
    if limit.name == "start_timeout":
        return bool(called & _STARTING)
    name = limit.subject if limit.subject.startswith("promise ") else limit.name
    return bool(called & (words(name) - _GENERIC))


def _near(setting: Setting, keys: Sequence[Setting]) -> Setting | None:
    """The deployed key whose name has most words in common."""
    called = words(setting.name) - _GENERIC
    best = max(keys, key=lambda one: len(called & words(one.name)), default=None)
    return best if best is not None and called & words(best.name) else None


def _unresolved(setting: Setting) -> Iterator[Difference]:
    if setting.name.startswith(RESOLVES) and setting.value.startswith(NO):
        unknown = setting.value.startswith(f"{NO} look")
        text = "the tests talk to a name that does not resolve"
        yield _difference(State.UNCOMPARED if unknown else State.DIFFERS, setting, None, text)


def _parts_apart(one: Address, other: Address) -> list[str]:
    found = []
    if one.place[0] != other.place[0]:
        found.append("host")
    if one.port != other.port and (one.port is not None or one.secure is not None):
        found.append("port")
    if _other_scheme(one, other):
        found.append("scheme")
    if one.path.rstrip("/") != other.path.rstrip("/"):
        found.append("path")
    return found


def _other_scheme(one: Address, other: Address) -> bool:
    return one.secure is not None and other.secure is not None and one.secure != other.secure


def covers(names: frozenset[str], host: str) -> bool:
    """Whether one of these names of a certificate is for a host (RFC 6125: a star stands for one whole label)."""
    host = host.lower().rstrip(".")
    for name in (one.lower().rstrip(".") for one in names):
        if name == host:
            return True
        if name.startswith("*.") and host.partition(".")[2] == name[2:] and host.partition(".")[0]:
            return True
    return False


def _difference(
    state: State,
    setting: Setting,
    deployed: Setting | None,
    text: str,
    *,
    matters: bool = True,
    suffix: str = "",
) -> Difference:
    matters = matters and setting.role is not Role.MENTIONED
    id_ = identifier(DEPLOYED_TESTS, setting.subject, setting.name + suffix)
    return Difference(id_, state, setting.kind, setting.subject, setting.name, matters, text, deployed, setting)
