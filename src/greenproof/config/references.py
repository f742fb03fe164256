"""References: names in one table that must stand in another, and names that must stand only once."""

import re
from collections.abc import Collection, Iterator

from greenproof.config.lines import Path
from greenproof.config.mistakes import Mistake, did_you_mean, one_of
from greenproof.config.raw import Raw, Tables, texts

# As the platforms read them; other braces stay as they are.
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]+)(?:\.([A-Za-z0-9_.-]+))?\}")

_FIELDS = {
    "postgres": ("url", "host", "port", "user", "password", "database"),
    "redis": ("url", "host", "port", "password"),
}
_SERVICE_FIELDS = ("url", "host", "port")


def check(raw: Raw) -> Iterator[Mistake]:
    """Every mistake that concerns more than one table."""
    yield from _shared_names(raw)
    yield from _repeated_names(raw)
    yield from _ports(raw)
    yield from _variables(raw)
    yield from _needs(raw)
    yield from _circles(raw.tables("services"))
    yield from _targets(raw)
    yield from _placeholders(raw)


def _shared_names(raw: Raw) -> Iterator[Mistake]:
    dependencies = raw.tables("dependencies")
    for name in raw.tables("services"):
        if name in dependencies:
            yield Mistake(
                ("services", name),
                "config-shared-name",
                f"{name!r} is also the name of a dependency",
                "a name of its own",
                "rename one of them",
            )


def _repeated_names(raw: Raw) -> Iterator[Mistake]:
    for section in ("features", "priorities", "categories", "performance"):
        seen: set[str] = set()
        for path, row in raw.rows(section):
            name = row.get("name")
            if isinstance(name, str):
                if name in seen:
                    said = f"{name!r} stands here twice"
                    yield Mistake((*path, "name"), "config-repeated", said, f"each of the {section} once")
                seen.add(name)


def _ports(raw: Raw) -> Iterator[Mistake]:
    seen: dict[int, str] = {}
    for name, service in raw.tables("services").items():
        port = service.get("port")
        if type(port) is not int:
            continue
        if port in seen:
            said = f"{port} is also the port of {seen[port]!r}"
            yield Mistake(("services", name, "port"), "config-shared-port", said, "a port of its own")
        seen.setdefault(port, name)


def _variables(raw: Raw) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for name, target in raw.tables("targets").items():
        for at, variable in texts(target, "env"):
            if variable in seen:
                said = f"{variable} already holds the address of {seen[variable]!r}"
                path: Path = ("targets", name, *at)
                yield Mistake(path, "config-shared-variable", said, "a variable of its own for each target")
            seen.setdefault(variable, name)


def _needs(raw: Raw) -> Iterator[Mistake]:
    known = raw.names("services") | raw.names("dependencies")
    for name, service in raw.tables("services").items():
        seen: set[str] = set()
        for at, need in texts(service, "needs"):
            path: Path = ("services", name, *at)
            if need not in known:
                yield _no_such(path, need, known, "service or dependency")
            if need in seen:
                yield Mistake(path, "config-repeated", f"{need!r} stands here twice", "each need once")
            seen.add(need)


def _no_such(path: Path, name: str, known: Collection[str], noun: str) -> Mistake:
    expected = one_of(known) if known else f"a {noun} of this file; there is none yet"
    return Mistake(
        path, "config-unknown-reference", f"there is no {noun} {name!r}", expected, did_you_mean(name, known)
    )


def _circles(services: Tables) -> Iterator[Mistake]:
    """Each circle of needs once, at the need that closes it."""
    needs = {name: dict(_needed(service, services)) for name, service in services.items()}
    done: set[str] = set()
    for start in needs:
        # A stack of its own: a chain of needs may be longer than Python's.
        trail: list[str] = []
        waiting: list[tuple[str, bool]] = [(start, False)]
        while waiting:
            name, left = waiting.pop()
            if left:
                done.add(trail.pop())
                continue
            if name in done:
                continue
            trail.append(name)
            waiting.append((name, True))
            for need, at in needs[name].items():
                if need in trail:
                    circle = " -> ".join([*trail[trail.index(need) :], need])
                    yield Mistake(
                        ("services", name, *at),
                        "config-circle",
                        f"services need each other in a circle: {circle}",
                        "an order in which they can be started",
                    )
                else:
                    waiting.append((need, False))


def _needed(service: dict[str, object], services: Tables) -> Iterator[tuple[str, Path]]:
    return ((need, at) for at, need in texts(service, "needs") if need in services)


def _targets(raw: Raw) -> Iterator[Mistake]:
    services = raw.names("services")
    for name, target in raw.tables("targets").items():
        for at, service in texts(target, "service"):
            if service not in services:
                yield _no_such(("targets", name, *at), service, services, "service")


def _placeholders(raw: Raw) -> Iterator[Mistake]:
    fields = _known_fields(raw)
    for name, service in raw.tables("services").items():
        for key in ("command", "migrate", "migrate_undo", "env"):
            for at, text in texts(service, key):
                yield from _in_text(("services", name, *at), text, fields, {"python", "PORT"})
    targets = _spellings(raw.names("targets"))
    for name, suite in raw.tables("suites").items():
        for at, text in texts(suite, "env"):
            yield from _in_text(("suites", name, *at), text, fields, {"python"} | targets)
        if targets:
            for at, text in texts(suite, "command"):
                yield from _in_text(("suites", name, *at), text, fields, {"python"} | targets)


def _spellings(targets: set[str]) -> set[str]:
    return targets | {name.upper().replace("-", "_") for name in targets}


def _known_fields(raw: Raw) -> dict[str, Collection[str]]:
    fields: dict[str, Collection[str]] = {"secret": raw.names("secrets")}
    for name, dependency in raw.tables("dependencies").items():
        fields[name] = _FIELDS.get(str(dependency.get("kind")), _FIELDS["postgres"])
    for name in raw.names("services"):
        fields[name] = _SERVICE_FIELDS
    return fields


def _in_text(path: Path, text: str, fields: dict[str, Collection[str]], bare: Collection[str]) -> Iterator[Mistake]:
    for match in _PLACEHOLDER.finditer(text):
        name, attribute = match.groups()
        if attribute is None:
            yield from _bare(path, match[0], name, bare)
        elif name not in fields:
            yield _no_such(path, name, fields.keys() - {"secret"}, "service or dependency")
        elif attribute not in fields[name]:
            yield _no_field(path, match[0], name, attribute, fields[name])
        elif name == "secret" and path[2] in {"command", "migrate", "migrate_undo"}:
            said = f"{match[0]} in a command could be read by everyone in the list of processes"
            yield Mistake(path, "config-secret-in-command", said, "secrets in env only")


def _bare(path: Path, shown: str, name: str, known: Collection[str]) -> Iterator[Mistake]:
    if name not in known:
        expected = ", ".join(f"{{{one}}}" for one in sorted(known)) + " or {NAME.url}"
        yield Mistake(path, "config-placeholder", f"{shown} stands for nothing", expected, did_you_mean(name, known))


def _no_field(path: Path, shown: str, name: str, attribute: str, known: Collection[str]) -> Mistake:
    if name == "secret":
        return _no_such(path, attribute, known, "secret")
    expected = ", ".join(f"{{{name}.{one}}}" for one in known)
    return Mistake(path, "config-placeholder", f"{shown} stands for nothing", expected, did_you_mean(attribute, known))
