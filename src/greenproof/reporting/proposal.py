"""A proposal as a commented greenproof.toml, as lines, and as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from greenproof.model.repository import Container, Proposal, ProposedTarget
from greenproof.model.text import printable

SCHEMA = "greenproof.proposal/1"


def proposal_toml(proposal: Proposal) -> str:
    """The whole file. What comes from somewhere says from where; what is a guess says so."""
    parts = [_head(proposal), *(_target(target) for target in proposal.targets), _suite(proposal)]
    parts += [_routes(proposal), _written_in(proposal), _services(proposal.containers)]
    return "\n".join("\n".join(part) for part in parts if part) + "\n"


def proposal_lines(proposal: Proposal) -> Iterator[str]:
    """What was found and where, and what was not."""
    for target in proposal.targets:
        said = target.url if target.sure else f"{target.url} (a guess)"
        variables = f", in {', '.join(target.variables)}" if target.variables else ""
        yield printable(f"target {target.name}: {said}{variables}" + _at(target.where))
    yield printable(f"suite: {' '.join(proposal.command)} ({proposal.command_from})")
    if proposal.python:
        yield printable(f"environment of the tests: {proposal.python}")
    for route in proposal.plumbing:
        yield printable(f"proves nothing about a feature: {route.value} ({route.where})")
    for url in proposal.written_in:
        yield printable(f"written into the tests: {url.value} ({url.where})")
    for container in proposal.containers:
        yield printable(f"service {container.name}: {container.where}")
    for thing in proposal.missing:
        yield f"not found: {thing}"


def proposal_document(proposal: Proposal) -> dict[str, Any]:
    """Plain JSON values."""
    return {"schema": SCHEMA, **asdict(proposal), "file": proposal_toml(proposal)}


def _at(where: Sequence[str]) -> str:
    return f" ({', '.join(where[:3])}{' ...' if len(where) > 3 else ''})" if where else ""


def _text(value: str) -> str:
    """A TOML string: that of JSON, but for one character that TOML escapes as well."""
    return json.dumps(printable(value), ensure_ascii=False).replace("\x7f", "\\u007F")


def _said(value: str) -> str:
    """Text from the repository inside a comment: one line, no control character."""
    return printable(value).replace("\n", " ")[:200]


def _head(proposal: Proposal) -> list[str]:
    return [
        "# Made by `greenproof init` from what stands in this repository. Each line says where it comes from.",
        "# What is a guess says so: correct it, then delete this line.",
        "schema = 1",
        "",
        "[project]",
        f"name = {_text(proposal.project)}",
        "",
        '# "production" would refuse everything that disturbs it.',
        "[environments.staging]",
        'kind = "staging"',
        "",
    ]


def _target(target: ProposedTarget) -> list[str]:
    lines = [
        f"# From {_said(', '.join(target.where[:5]))}." if target.where else "# A guess: no test says where it looks."
    ]
    lines.append(f"[targets.{target.name}]")
    guess = "" if target.sure else "    # a guess: correct it"
    lines.append(f"url = {_text(target.url)}{guess}")
    if target.variables:
        lines.append(f"env = [{', '.join(_text(v) for v in target.variables)}]    # in which the tests look for it")
    else:
        lines.append('# env = ["API_URL"]    # the variable in which the tests look for it; there is none yet')
    return [*lines, ""]


def _suite(proposal: Proposal) -> list[str]:
    lines = [f"# From {_said(proposal.command_from)}.", "[suites.e2e]", 'kind = "e2e"    # "offline" needs no backend']
    lines.append(f"command = [{', '.join(_text(word) for word in proposal.command)}]")
    if proposal.python:
        lines.append(f"python = {_text(proposal.python)}    # the virtual environment that {{python}} comes from")
    else:
        lines.append('# python = ".venv"    # no virtual environment was found; python3 of PATH is taken')
    return [*lines, ""]


def _routes(proposal: Proposal) -> list[str]:
    if not proposal.plumbing:
        return []
    usual = ["GET /health", "GET /health/**", "GET /ready", "GET /version", "GET /metrics", "POST /login"]
    routes = list(dict.fromkeys([*(found.value for found in proposal.plumbing), *usual]))
    where = ", ".join(dict.fromkeys(found.where for found in proposal.plumbing))
    lines = [f"# Routes that prove nothing about a feature; from {_said(where)}, and the usual ones.", "[routes]"]
    return [*lines, "plumbing = [", *(f"    {_text(route)}," for route in routes), "]", ""]


def _written_in(proposal: Proposal) -> list[str]:
    if not proposal.written_in:
        return []
    lines = ["# Addresses that are written into the tests. Better is a variable: then the relay can stand before them."]
    lines += [f"#   {_said(found.value)}    {_said(found.where)}" for found in proposal.written_in]
    return [*lines, ""]


def _services(containers: Sequence[Container]) -> list[str]:
    if not containers:
        return []
    lines = ["# Services that stand here. Greenproof can run them as processes of this machine, once it is told how:"]
    for container in containers:
        lines.append(f"# [services.{_said(container.name)}]    # {_said(container.where)}")
        lines.append('# source = "."')
        lines.append(f"# command = [...]    # {_said(container.command)}" if container.command else "# command = [...]")
        if container.ports:
            lines.append(f"# port = {container.ports[0]}")
        if container.needs:
            lines.append(f"# needs = [{', '.join(_text(need) for need in container.needs)}]")
        if container.health:
            lines.append(f'# health = "/health"    # {_said(container.health)}')
    return [*lines, ""]
