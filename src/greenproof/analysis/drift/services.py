"""The settings of a service: the same reading for what is declared and for what is deployed."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from greenproof.analysis.drift.values import Digest, key_of, may_be_secret, settings_of, shown
from greenproof.analysis.drift.written import WrittenValues
from greenproof.model.drift import Kind, Role, Setting, Source
from greenproof.model.plainness import plain, shown_command
from greenproof.model.plan import Service
from greenproof.model.redaction import Redactor

CODE = "code "
"""How names of values that stand in sources begin."""

_SECRET = re.compile(r"\{secret\.([A-Za-z0-9_.-]+)\}")
_PLAIN: Mapping[str, Kind] = {
    "command": Kind.SETTING,
    "migrate": Kind.SETTING,
    "migrate_undo": Kind.SETTING,
    "migration": Kind.SETTING,
    "needs": Kind.SETTING,
    "port": Kind.PORT,
    "start_timeout": Kind.TIMEOUT,
    "health": Kind.PATH,
    "ready": Kind.PATH,
}

_COMMANDS = frozenset({"command", "migrate", "migrate_undo"})

type Where = Callable[[str], Source]
"""The source of a setting, by its name."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What is known of a service on one side."""

    name: str
    fields: Mapping[str, object]
    """As in the configuration: `command`, `port` ..."""
    env: Mapping[str, str]
    secrets: Mapping[str, str | None] = field(default_factory=dict)
    """Name to digest, of the secrets that `env` uses; None: it can't be had."""
    revision: str | None = None
    code: WrittenValues = WrittenValues()


def facts_of(
    service: Service, secrets: Mapping[str, str], digest: Digest, revision: str | None, code: WrittenValues
) -> ServiceFacts:
    """What a plan declares."""
    used = sorted({name for value in service.env.values() for name in _SECRET.findall(value)})
    fields = {name: getattr(service, name) for name in _PLAIN}
    digests = {name: digest(secrets[name]) if name in secrets else None for name in used}
    return ServiceFacts(service.name, fields, service.env, digests, revision, code)


def facts_in(manifest: Mapping[str, object], code: WrittenValues) -> ServiceFacts | None:
    """What a manifest of a revision says; None if it is none."""
    launch, configuration = manifest.get("launch"), manifest.get("configuration")
    if not isinstance(launch, Mapping) or not isinstance(configuration, Mapping):
        return None
    env, secrets = launch.get("env"), configuration.get("secrets")
    return ServiceFacts(
        str(launch.get("service")),
        {name: launch.get(name) for name in _PLAIN},
        {str(k): str(v) for k, v in env.items()} if isinstance(env, Mapping) else {},
        {str(k): str(v) for k, v in secrets.items()} if isinstance(secrets, Mapping) else {},
        str(launch.get("revision")),
        code,
    )


def service_settings(facts: ServiceFacts, where: Where, digest: Digest, redactor: Redactor) -> Iterator[Setting]:
    """Every setting of a service."""
    for name, kind in _PLAIN.items():
        value = facts.fields.get(name)
        text = _text(value)
        if name in _COMMANDS and text is not None:
            text = shown_command([value] if isinstance(value, str) else text.split(), digest)
        if text is not None and kind is Kind.TIMEOUT:
            text += " s"
        if text is not None:
            yield Setting(facts.name, name, kind, shown(text, redactor), where(name))
    if facts.revision:
        yield Setting(facts.name, "revision", Kind.REVISION, facts.revision, where("revision"))
    named = set()
    for variable, value in sorted(facts.env.items()):
        name = f"env.{variable}"
        exact = _SECRET.fullmatch(value)
        if exact:
            named.add(exact[1])
            yield _secret(facts, name, exact[1], where(name))
        elif "{" in value:
            # Addresses stay symbolic, as in the manifest: a port that changes is no other configuration.
            known = "://" in value or plain(variable, value)
            text = shown(value, redactor) if known else key_of(value, digest)
            yield Setting(facts.name, name, Kind.SETTING, text, where(name))
        else:
            yield from settings_of(facts.name, name, value, where(name), digest, redactor)
    for secret in sorted(facts.secrets.keys() - named):
        yield _secret(facts, f"secret.{secret}", secret, where(f"secret.{secret}"))
    yield from code_settings(facts.name, facts.code, where, digest, redactor)


def code_settings(
    subject: str, code: WrittenValues, where: Where, digest: Digest, redactor: Redactor
) -> Iterator[Setting]:
    """Time-outs, pool sizes, ports, subprotocols, keys and addresses that stand in sources.

    Several values under one name are one setting: a key that stands twice in a table is seen.
    """
    groups: dict[tuple[str, Kind, Role], list[tuple[str, int]]] = defaultdict(list)
    for one in code.values:
        if one.role is not Role.MENTIONED:
            groups[one.name, one.kind, one.role].append((one.value, one.line))
    for (name, kind, role), found in groups.items():
        source = where(CODE + name)
        source = Source(source.origin, source.where, found[0][1])
        whole = f"{CODE}{name}" if role is Role.USED else f"{CODE}{name} (fallback)"
        if len(found) == 1 and kind is not Kind.KEY:
            yield from settings_of(subject, whole, found[0][0], source, digest, redactor, role, kind)
        else:
            values = [key_of(v, digest) if may_be_secret(kind, name, v) else shown(v, redactor) for v, _ in found]
            yield Setting(subject, whole, kind, ", ".join(values), source, role)


def in_order(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """Sorted; of several with one name the first."""
    found: dict[tuple[str, str], Setting] = {}
    for setting in settings:
        found.setdefault(setting.key, setting)
    return tuple(found[key] for key in sorted(found))


def _secret(facts: ServiceFacts, name: str, secret: str, source: Source) -> Setting:
    known = facts.secrets.get(secret)
    # Digests of manifests are made already.
    return Setting(facts.name, name, Kind.KEY, key_of("", lambda _: known), source)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return " ".join(str(part) for part in value) or None
    return f"{value:g}" if isinstance(value, float) else str(value)
