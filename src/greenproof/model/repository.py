"""What was found in a repository that has no greenproof.toml yet. Every finding says where it stands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that stands somewhere."""

    value: str
    where: str
    """`path:line`, relative to the repository."""
    default: str | None = None
    """Of a variable: the value that it falls back to."""


@dataclass(frozen=True, slots=True)
class Container:
    """A service of a compose file, or a Dockerfile."""

    name: str
    where: str
    ports: tuple[int, ...] = ()
    """On this machine for compose, inside for a Dockerfile."""
    command: str | None = None
    needs: tuple[str, ...] = ()
    health: str | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """Everything that was found; empty where nothing was."""

    name: str
    pytest: tuple[Found, ...] = ()
    """Files that configure pytest; `default` holds `testpaths`."""
    tests: tuple[Found, ...] = ()
    """Folders with tests."""
    unittest_only: bool = False
    """Tests were found, and none of them needs pytest."""
    variables: tuple[Found, ...] = ()
    """Variables that hold addresses."""
    urls: tuple[Found, ...] = ()
    """Addresses written into the tests."""
    containers: tuple[Container, ...] = ()
    health: tuple[Found, ...] = ()
    """Routes of an OpenAPI document that say how a service is: `GET /health`."""
    environments: tuple[Found, ...] = ()
    """Virtual environments."""
    cut: bool = False
    """There were more files than are looked at."""


@dataclass(frozen=True, slots=True)
class ProposedTarget:
    """An address that the tests talk to."""

    name: str
    url: str
    sure: bool
    """The address stands somewhere; else it is a guess."""
    variables: tuple[str, ...]
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the file will say."""

    project: str
    targets: tuple[ProposedTarget, ...]
    command: tuple[str, ...]
    command_from: str
    python: str | None
    plumbing: tuple[Found, ...]
    containers: tuple[Container, ...]
    written_in: tuple[Found, ...]
    """Addresses in the tests that no variable holds."""
    missing: tuple[str, ...]
    """What was looked for and not found."""
