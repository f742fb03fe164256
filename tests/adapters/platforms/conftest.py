"""Real environments for the tests of the local platform, and the proof that nothing is left of them."""

import http.client
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from greenproof.adapters.platforms.local import LocalPlatform, processes, registry
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.model.plan import Dependency, Environment, Plan, Secret, Service

SERVICE = Path(__file__).with_name("tiny_service.py")


@dataclass
class Workshop:
    """A project folder with services made of one tiny program."""

    root: Path
    plan: Plan
    progress: list[str]

    @property
    def layout(self) -> Layout:
        return Layout.of(self.plan, self.plan.environments[0])

    def platform(self, servers: str = "auto") -> LocalPlatform:
        return LocalPlatform(self.plan, self.plan.environments[0], self.progress.append, servers=servers)

    def configure(self, service: str, **changes: object) -> None:
        services = tuple(
            replace(one, **changes) if one.name == service else one  # type: ignore[arg-type]
            for one in self.plan.services
        )
        self.plan = replace(self.plan, services=services)

    def edit(self, service: str, text: str) -> None:
        """Make a new revision."""
        (self.root / service / "version.txt").write_text(text, encoding="utf-8")

    def close(self) -> None:
        if not self.layout.identity.exists():
            return
        identity = self.layout.environment_id()
        self.platform().down()
        assert registry.leftovers(self.layout) == {}
        assert processes.marked(processes.MARKER, identity) == set()
        shutil.rmtree(Path("/var/tmp/greenproof-servers") / identity, ignore_errors=True)


def make_workshop(root: Path, services: tuple[str, ...], dependencies: tuple[Dependency, ...] = ()) -> Workshop:
    made = []
    for name in services:
        source = root / name
        source.mkdir(parents=True)
        shutil.copy(SERVICE, source / "app.py")
        (source / "version.txt").write_text("1", encoding="utf-8")
        made.append(
            Service(
                name=name,
                source=source,
                command=("{python}", "app.py"),
                start_timeout=15.0,
                env=MappingProxyType({"MODE": "good"}),
            )
        )
    plan = Plan(
        root=root,
        environments=(Environment("test"),),
        secrets=(Secret("key", generate=16),),
        dependencies=dependencies,
        services=tuple(made),
    )
    return Workshop(root, plan, [])


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Workshop]]:
    """Makes workshops; at the end nothing of any of them may run."""
    made: list[Workshop] = []

    def make(*services: str, dependencies: tuple[Dependency, ...] = (), folder: str = "a project") -> Workshop:
        workshop = make_workshop(tmp_path_factory.mktemp("platform") / folder, services, dependencies)
        made.append(workshop)
        return workshop

    yield make
    for workshop in made:
        workshop.close()


@pytest.fixture(scope="session")
def shop(ground: Callable[..., Workshop]) -> Workshop:
    """One environment with two services and no dependency, shared by tests that leave it serving."""
    workshop = ground("auth", "web")
    workshop.configure("web", needs=("auth",), env=MappingProxyType({"MODE": "good", "AUTH": "{auth.url}"}))
    workshop.platform().deploy()
    return workshop


def get(url: str, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """One request over its own connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.fixture
def ask() -> Callable[..., tuple[int, dict[str, str], bytes]]:
    return get
