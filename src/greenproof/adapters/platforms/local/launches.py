"""Launches: what the supervisor needs to know to start a service, and how placeholders are filled."""

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from greenproof.adapters.platforms.local.layout import Layout
from greenproof.model.errors import PlanError, PlatformError
from greenproof.model.facts import Revision
from greenproof.model.plan import IdentitySource, Plan, Service

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]+)(?:\.([A-Za-z0-9_.-]+))?\}")
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
)
"""All that a service gets from the environment of the caller; the rest is the plan's."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A service, ready to be started; it stands in the manifest of its revision as it is here.

    Addresses and secrets are still symbolic. So any revision can be started again, and none holds a secret.
    """

    service: str
    revision: str
    digest: str
    folder: str
    command: tuple[str, ...]
    migrate: tuple[str, ...] | None
    python: str
    env: Mapping[str, str]
    needs: tuple[str, ...]
    ready: str
    start_timeout: float
    port: int | None
    identity: Mapping[str, str | None]
    migrate_undo: tuple[str, ...] | None = None
    migration: str | None = None
    """`compatible`, `reversible`, `irreversible`; None: not declared."""
    health: str = "/health"

    @classmethod
    def load(cls, value: Mapping[str, Any]) -> "Launch":
        """From JSON."""
        fields = dict(value)
        for name in ("command", "needs", "migrate", "migrate_undo"):
            fields[name] = tuple(fields[name]) if fields[name] is not None else None
        return cls(**fields)

    @property
    def migration_kind(self) -> str:
        """How a change of the schema by its migration can be gone back over."""
        return self.migration or ("reversible" if self.migrate_undo else "irreversible")

    def dump(self) -> dict[str, Any]:
        """To JSON."""
        return asdict(self)

    def identity_source(self) -> IdentitySource:
        """Where the service says who it is."""
        return IdentitySource(**self.identity)


def prepare_launch(
    layout: Layout,
    plan: Plan,
    service: Service,
    revision: Revision,
    environment: Mapping[str, str],
) -> Launch:
    """Everything that is known before the supervisor is asked. Raises PlanError."""
    known = {dependency.name for dependency in plan.dependencies} | {other.name for other in plan.services}
    check_references(service.env, known, f"services.{service.name}.env")
    for argument in (*service.command, *(service.migrate or ()), *(service.migrate_undo or ())):
        _refuse_secret(service, argument)
    identity = service.identity
    return Launch(
        service=service.name,
        revision=revision.name,
        digest=revision.digest,
        folder=str(layout.revisions / revision.name),
        command=service.command,
        migrate=service.migrate,
        python=find_python(service, environment),
        env=dict(service.env),
        needs=service.needs,
        ready=service.ready,
        start_timeout=service.start_timeout,
        port=service.port,
        identity={
            "header": identity.header,
            "path": identity.path,
            "field": identity.field,
            "log_field": identity.log_field,
        },
        migrate_undo=service.migrate_undo,
        migration=service.migration,
        health=service.health,
    )


def check_references(env: Mapping[str, str], known: set[str], where: str) -> None:
    """Raises PlanError for a placeholder that names neither a secret nor one of the `known`."""
    for value in env.values():
        for match in PLACEHOLDER.finditer(value):
            if match[2] and match[1] not in known | {"secret"}:
                raise unknown_reference(match[0], where, sorted(known))


def fill(text: str, port: int, python: str, lookup: Callable[[str, str], str | None]) -> str:
    """Fill the placeholders of an argument or a value."""

    def one(match: re.Match[str]) -> str:
        name, attribute = match.groups()
        if attribute is None:
            return {"PORT": str(port), "python": python}.get(name, match[0])
        found = lookup(name, attribute)
        if found is None:
            raise unknown_reference(match[0], "a service's environment or command", [])
        return found

    return PLACEHOLDER.sub(one, text)


def unknown_reference(text: str, where: str, known: list[str]) -> PlatformError:
    """A placeholder that stands for nothing."""
    return PlanError(
        f"{text} stands for nothing that is known",
        code="unknown-reference",
        where=where,
        expected="{NAME.url} with NAME one of " + ", ".join(known) if known else "url, host, port ...",
    )


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What services get of the caller's environment."""
    return {name: environment[name] for name in INHERITED if name in environment}


def find_python(service: Service, environment: Mapping[str, str]) -> str:
    """The interpreter that `{python}` stands for."""
    if service.python is not None:
        path = service.python / "bin" / "python"
        if path.exists():
            return str(path)
        raise PlanError(
            f"{service.name} has no Python: its virtual environment is not there",
            code="python-missing",
            where=str(path),
            expected="a virtual environment with bin/python",
            hint=f"create it: python3 -m venv {str(service.python)!r}, then install what it needs",
        )
    found = shutil.which("python3", path=environment.get("PATH"))
    if found is None:
        raise PlanError(
            "python3 is not on PATH",
            code="python-missing",
            where=f"services.{service.name}",
            expected="python3 on PATH, or services.NAME.python",
        )
    return found


def order_of_start(services: tuple[Service, ...], dependencies: set[str]) -> list[list[str]]:
    """Names of services in levels: those of one level need only services of earlier ones."""
    return levels_of({service.name: service.needs for service in services}, dependencies)


def levels_of(needs: Mapping[str, Sequence[str]], dependencies: set[str]) -> list[list[str]]:
    """The same from what each service needs, by name."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for service, needed in needs.items():
        for need in needed:
            if need not in needs.keys() | dependencies:
                raise PlanError(
                    f"{service} needs {need!r}, which is neither a service nor a dependency",
                    code="unknown-need",
                    where=f"services.{service}.needs",
                    expected=f"one of {', '.join(sorted(needs.keys() | dependencies))}",
                )
        sorter.add(service, *(need for need in needed if need in needs))
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise PlanError(
            f"services need each other in a circle: {circle}",
            code="needs-cycle",
            where="services.*.needs",
            expected="an order in which they can be started",
        ) from error
    levels = []
    while sorter.is_active():
        level = sorted(sorter.get_ready())
        sorter.done(*level)
        levels.append(level)
    return levels


def _refuse_secret(service: Service, argument: str) -> None:
    if "{secret." in argument:
        raise PlanError(
            "a secret in a command could be read by everyone in the list of processes",
            code="secret-in-command",
            where=f"services.{service.name}.command",
            expected="secrets in services.NAME.env only",
        )


def executable(command: tuple[str, ...], folder: Path, path: str | None) -> bool:
    """Whether the first word of a command can be started from a folder."""
    if "/" in command[0]:
        return (folder / command[0]).exists()
    return shutil.which(command[0], path=path) is not None
