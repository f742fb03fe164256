"""Dockerfiles, compose files and OpenAPI documents."""

import json
import re
from typing import Any

from greenproof.model.repository import Container, Found

_COMPOSE = re.compile(r"(docker-)?compose(\.[\w-]+)?\.ya?ml\Z")
_DOCKERFILE = re.compile(r"Dockerfile(\.[\w-]+)?\Z|[\w-]+\.[Dd]ockerfile\Z")
_OPENAPI = re.compile(r"(openapi|swagger)[\w.-]*\.(json|ya?ml)\Z")
_HEALTH = re.compile(r"/(healthz?|livez?|readyz?|ping|status|version|metrics)(/|\Z)")
MOST = 100


def of(name: str, where: str, text: str) -> list[Container]:
    """The services that a file describes; none if it is of another kind."""
    if _DOCKERFILE.match(name):
        return [_dockerfile(where, text)]
    if _COMPOSE.match(name):
        return _compose(where, _document(text))
    return []


def health_routes(name: str, where: str, text: str) -> list[Found]:
    """Routes of an OpenAPI document that only say how a service is."""
    if not _OPENAPI.match(name):
        return []
    document = json_document(text) if name.endswith(".json") else _document(text)
    paths = document.get("paths") if isinstance(document, dict) else None
    found = []
    for path, methods in paths.items() if isinstance(paths, dict) else ():
        if isinstance(path, str) and _HEALTH.search(path) and isinstance(methods, dict) and "get" in methods:
            found.append(Found(f"GET {path}", where))
    return found[:MOST]


def json_document(text: str) -> Any:
    """What a JSON text holds; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _document(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(re.findall(r"[&*]\w", text)) > MOST:
        # Aliases of aliases grow without end.
        return None
    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError, TypeError, KeyError):
        return None


def _dockerfile(where: str, text: str) -> Container:
    exposed = re.findall(r"^\s*EXPOSE\s+(.+)$", text, re.MULTILINE | re.IGNORECASE)
    ports = [int(word) for line in exposed for word in re.findall(r"\b\d{1,5}\b", line) if 0 < int(word) < 65536]
    command = re.findall(r"^\s*(?:CMD|ENTRYPOINT)\s+(.+)$", text, re.MULTILINE | re.IGNORECASE)
    health = re.findall(r"^\s*HEALTHCHECK\s+(.+)$", text, re.MULTILINE | re.IGNORECASE)
    folder = where.rpartition("/")[0].rpartition("/")[2]
    return Container(
        folder or "app", where, tuple(dict.fromkeys(ports)), command[-1].strip() if command else None, (),
        health[-1].strip() if health else None,
    )  # fmt: skip


def _compose(where: str, document: Any) -> list[Container]:
    services = document.get("services") if isinstance(document, dict) else None
    found = []
    for name, service in list(services.items())[:MOST] if isinstance(services, dict) else ():
        if not isinstance(service, dict):
            continue
        needs = service.get("depends_on") or ()
        command = service.get("command")
        check = service.get("healthcheck")
        found.append(
            Container(
                str(name), where, tuple(_published(service.get("ports"))),
                " ".join(map(str, command)) if isinstance(command, list) else str(command) if command else None,
                tuple(map(str, needs)) if isinstance(needs, list | dict) else (),
                str(check.get("test")) if isinstance(check, dict) else None,
            )
        )  # fmt: skip
    return found


def _published(ports: Any) -> list[int]:
    """The port on this machine of `8000:80`, `127.0.0.1:8000:80`, `8000` or `{published: 8000}`."""
    found = []
    for port in ports if isinstance(ports, list) else ():
        given = str(port.get("published", "")) if isinstance(port, dict) else str(port)
        pieces = given.partition("/")[0].split(":")
        number = pieces[-2] if len(pieces) > 1 else pieces[0]
        if number.isdigit() and 0 < int(number) < 65536:
            found.append(int(number))
    return found
