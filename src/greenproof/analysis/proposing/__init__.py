"""From what a repository says to a proposal for its greenproof.toml. What is uncertain is said to be."""

import re
from collections import Counter, defaultdict
from urllib.parse import urlsplit

from greenproof.model.repository import Container, Found, Proposal, ProposedTarget, Repository

GUESS = "http://localhost:8000"
MOST_TARGETS = 12
_TAIL = re.compile(r"_?(BASE_?)?(URL|URI|HOST|ADDRESS|ADDR|ENDPOINT|BASE|SERVER|ORIGIN)(_URL|_URI)?\Z")
_HEAD = re.compile(r"\A(TEST|E2E|APP)_(?=[A-Z])")
_STORES = ("postgres", "mysql", "mariadb", "redis", "mongo", "rabbit", "kafka", "clickhouse", "elastic", "minio")


def propose(found: Repository) -> Proposal:
    """The proposal; the same findings give the same."""
    targets = _targets(found)
    command, why = _command(found)
    held = {origin(t.url) for t in targets}
    missing = []
    if not found.tests:
        missing.append("tests (no test_*.py and no *_test.py)")
    if not any(t.variables for t in targets):
        missing.append("a variable in which the tests look for an address")
    if not found.environments:
        missing.append("a virtual environment with the dependencies of the tests")
    return Proposal(
        project=name_of(found.name, "project"),
        targets=targets,
        command=command,
        command_from=why,
        python=found.environments[0].value if found.environments else None,
        plumbing=found.health,
        containers=found.containers,
        written_in=tuple(_first_of_each([u for u in found.urls if origin(u.value) not in held])),
        missing=tuple(missing),
    )


def origin(url: str) -> str:
    """Scheme, host and port; `ws` counts as `http`."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}"
    except ValueError:
        return url


def name_of(text: str, otherwise: str) -> str:
    """A name that the configuration takes: lower-case letters, digits, `-` and `_`, at most 41."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:41].rstrip("-_")
    return plain or otherwise


def _targets(found: Repository) -> tuple[ProposedTarget, ...]:
    by_name: dict[str, list[Found]] = defaultdict(list)
    for variable in found.variables:
        stem = _TAIL.sub("", _HEAD.sub("", variable.value.upper()))
        name = name_of(stem, "app")
        by_name["target-" + name if name in _RESERVED else name].append(variable)
    if not by_name:
        return (_without_variable(found),)
    return tuple(_target(name, by_name[name], found) for name in list(by_name)[:MOST_TARGETS])


_RESERVED = frozenset({"secret", "python", "port", "greenproof", "env", "file", "host", "url"})


def _target(name: str, variables: list[Found], found: Repository) -> ProposedTarget:
    url = next((v.default for v in variables if v.default and "://" in v.default), None)
    sure = url is not None
    if url is None:
        port = _port_of(name, found.containers)
        url, sure = (f"http://localhost:{port}", True) if port else (GUESS, False)
    where = tuple(dict.fromkeys(v.where for v in variables))
    return ProposedTarget(name, _usable(url), sure, tuple(dict.fromkeys(v.value for v in variables)), where)


def _without_variable(found: Repository) -> ProposedTarget:
    if found.urls:
        # The one that is written most often; the first of several such.
        often = Counter(origin(url.value) for url in found.urls)
        chosen = max(found.urls, key=lambda url: often[origin(url.value)])
        return ProposedTarget("app", _usable(chosen.value), False, (), (chosen.where,))
    served = next((c for c in found.containers if c.ports and not _is_store(c)), None)
    if served is not None:
        return ProposedTarget(
            name_of(served.name, "app"), f"http://localhost:{served.ports[0]}", True, (), (served.where,)
        )
    return ProposedTarget("app", GUESS, False, (), ())


def _usable(url: str) -> str:
    """The address without what may be a secret, a query or a blank."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return GUESS
    if parts.scheme not in ("http", "https", "ws", "wss") or not host or re.search(r"[\s\"'\\{}<>]", url):
        return GUESS
    at = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{at}" + (f":{port}" if port else "") + parts.path.rstrip("/")


def _port_of(name: str, containers: tuple[Container, ...]) -> int | None:
    near = [c for c in containers if c.ports and (name_of(c.name, "app") == name or name in c.name.lower())]
    alone = [c for c in containers if c.ports and not _is_store(c)]
    chosen = near or (alone if len(alone) == 1 else [])
    return chosen[0].ports[0] if chosen else None


def _is_store(container: Container) -> bool:
    return any(word in container.name.lower() for word in _STORES)


def _command(found: Repository) -> tuple[tuple[str, ...], str]:
    folders = tuple(folder.value for folder in found.tests)
    if found.unittest_only:
        start = folders[0] if len(folders) == 1 and folders[0] != "." else "."
        options = ("discover", "-s", start) + (("-t", ".") if start != "." else ())
        return ("{python}", "-m", "unittest", *options), f"tests of unittest in {', '.join(folders)}"
    configured = next((c for c in found.pytest if c.default), None)
    if configured is not None and configured.default:
        return ("{python}", "-m", "pytest"), f"testpaths = {configured.default} in {configured.where}"
    wanted = [folder for folder in folders if "e2e" in folder or "integration" in folder] or list(folders)
    asked = () if wanted in ([], ["."]) else tuple(wanted[:5])
    return ("{python}", "-m", "pytest", *asked), f"tests in {', '.join(folders[:5]) or 'no folder yet'}"


def _first_of_each(urls: list[Found]) -> list[Found]:
    seen: dict[str, Found] = {}
    for url in urls:
        seen.setdefault(origin(url.value), url)
    return list(seen.values())[:MOST_TARGETS]
