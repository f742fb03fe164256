"""The side of the tests: what their process gets, and what stands in their sources."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from greenproof.analysis.drift.services import code_settings, in_order
from greenproof.analysis.drift.values import Digest, address_of, settings_of, shown
from greenproof.analysis.drift.written import WrittenValues
from greenproof.model.drift import Kind, Origin, Role, Setting, Side, Snapshot, Source
from greenproof.model.redaction import Redactor

VARIABLE = "variable "
"""How names of values begin that stand in a variable of the test process."""

_EVERYWHERE = frozenset({
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "TERM",
    "HOSTNAME", "SHLVL", "_", "PYTHONPATH", "VIRTUAL_ENV", "DISPLAY", "EDITOR", "PAGER", "MAIL",
})  # fmt: skip
"""What every process has: it says nothing of the tests."""


@dataclass(frozen=True, slots=True)
class TargetVariables:
    """A target as the tests get it."""

    name: str
    variables: tuple[str, ...]
    """In which its address stands, the one of our own first."""
    url: str | None
    """None: it is not deployed."""


@dataclass(frozen=True, slots=True)
class SuiteFacts:
    """What is known of a suite and its process."""

    name: str
    env: Mapping[str, str]
    """Of the configuration, filled; references without a value are left as they are."""
    process: Mapping[str, str]
    """The whole environment that the process gets, but for what Greenproof adds."""
    targets: tuple[TargetVariables, ...]
    code: WrittenValues
    secret: frozenset[str] = frozenset()
    """Variables of `env` that hold a secret of the configuration."""
    timeout: float | None = None
    config: str = "greenproof.toml"
    folder: str = ""
    """Of the sources, below that of the configuration: ends with `/` or is empty."""
    lines: Mapping[str, int] | None = None
    """The lines of `env` in the configuration."""


def suite_snapshot(facts: SuiteFacts, digest: Digest, redactor: Redactor) -> Snapshot:
    """All settings of the tests."""
    missing = [f"{facts.folder}{one}: it can't be read as Python" for one in facts.code.unread]
    if facts.code.cut:
        missing.append("there are more values in the sources of the tests than are read")
    found = (
        *_of_targets(facts, redactor),
        *_of_env(facts, digest, redactor),
        *_of_process(facts, digest, redactor),
        *_of_code(facts, digest, redactor),
    )
    return Snapshot(Side.TESTS, f"suite {facts.name}", settings=in_order(found), missing=tuple(missing))


def _subject(facts: SuiteFacts) -> str:
    return f"suite {facts.name}"


def _line(facts: SuiteFacts, name: str) -> Source:
    return Source(Origin.FILE, facts.config, (facts.lines or {}).get(name, 0))


def _of_targets(facts: SuiteFacts, redactor: Redactor) -> Iterator[Setting]:
    """The variables of targets: with a value of their own, it is looked at whether that is the target's."""
    for target in facts.targets:
        own = target.variables[0]
        for variable in target.variables:
            present = facts.process.get(variable) if variable != own else None
            value = present or target.url
            if value is None:
                continue
            source = Source(Origin.VARIABLE, variable)
            if present and facts.env.get(variable) == present:
                source = _line(facts, variable)
            given = present is None
            name = f"{VARIABLE}{variable}"
            yield Setting(f"target {target.name}", name, Kind.URL, shown(value, redactor), source, given=given)


def _taken(facts: SuiteFacts) -> frozenset[str]:
    return frozenset(variable for target in facts.targets for variable in target.variables)


def _of_env(facts: SuiteFacts, digest: Digest, redactor: Redactor) -> Iterator[Setting]:
    for variable, value in sorted(facts.env.items()):
        if variable not in _taken(facts):
            name, source = f"{VARIABLE}{variable}", _line(facts, variable)
            kind = Kind.KEY if variable in facts.secret else None
            yield from settings_of(_subject(facts), name, value, source, digest, redactor, kind=kind)
    if facts.timeout is not None:
        limit = f"{facts.timeout:g} s"
        yield Setting(_subject(facts), "timeout", Kind.TIMEOUT, limit, _line(facts, "timeout"), Role.MENTIONED)


def _of_process(facts: SuiteFacts, digest: Digest, redactor: Redactor) -> Iterator[Setting]:
    """Variables of the environment that the sources name; of others nothing is kept."""
    named = (facts.code.words | facts.code.variables.keys()) - _EVERYWHERE - facts.env.keys() - _taken(facts)
    for variable in sorted(named & facts.process.keys()):
        source = Source(Origin.VARIABLE, variable)
        value = facts.process[variable]
        yield from settings_of(_subject(facts), f"{VARIABLE}{variable}", value, source, digest, redactor)


def _of_code(facts: SuiteFacts, digest: Digest, redactor: Redactor) -> Iterator[Setting]:
    used = [one for one in facts.code.values if one.role is Role.USED]
    fallbacks = [
        one
        for one in facts.code.values
        # Where the variable is set, its fallback is never looked at.
        if one.role is Role.FALLBACK and not facts.process.get(one.variable) and one.variable not in _taken(facts)
    ]
    mentioned = _mentioned(facts.code)

    def where(name: str) -> Source:
        path = name.split(" ", 1)[1].partition("::")[0]
        return Source(Origin.FILE, facts.folder + path)

    for role, values in ((Role.USED, used), (Role.FALLBACK, fallbacks)):
        code = WrittenValues(tuple(replace(one, role=Role.USED) for one in values))
        for setting in code_settings(_subject(facts), code, where, digest, redactor):
            yield replace(setting, role=role)
    for name, kind, text, path, line in mentioned:
        source = Source(Origin.FILE, facts.folder + path, line)
        yield Setting(_subject(facts), name, kind, shown(text, redactor), source, Role.MENTIONED)


def _mentioned(code: WrittenValues) -> Iterable[tuple[str, Kind, str, str, int]]:
    """Each host and port that stands somewhere, once."""
    seen = set()
    for one in code.values:
        address = address_of(one.value) if one.role is Role.MENTIONED else None
        if address is not None and (address.place not in seen):
            seen.add(address.place)
            host = f"{address.host}:{address.port}" if address.port else address.host
            yield f"mentioned {host}", Kind.URL, one.value, one.path, one.line


def hosts_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Names of hosts that the tests talk to, sorted: those of this machine and addresses are left out."""
    found = set()
    for setting in snapshot.settings:
        address = address_of(setting.value) if setting.kind in {Kind.URL, Kind.HOST} else None
        if address is not None and setting.role is not Role.MENTIONED and not (address.local or address.reserved):
            found.add(address.host)
    return tuple(sorted(found))
