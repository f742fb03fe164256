"""Dependencies: PostgreSQL and Redis, from the system's programs or from Python packages."""

from collections.abc import Mapping
from typing import Any

from greenproof.adapters.platforms.local.context import Context
from greenproof.adapters.platforms.local.dependencies.base import Server
from greenproof.adapters.platforms.local.dependencies.copies import Origin
from greenproof.adapters.platforms.local.dependencies.postgres import PostgresServer
from greenproof.adapters.platforms.local.dependencies.redis import RedisServer
from greenproof.model.errors import PlanError


def create_server(
    context: Context,
    name: str,
    kind: str,
    database: str | None,
    password: str,
    source: str,
    origin: Mapping[str, Any] | None = None,
) -> Server:
    """The server for a dependency of the plan; `source` is `auto`, `system` or `package`. `origin` names the fields of
    the `Origin` that it begins as a copy of.
    """
    begins = Origin(**origin) if origin else None
    if kind == "postgres":
        return PostgresServer(context, name, database or "app", password, source, begins)
    if kind == "redis":
        return RedisServer(context, name, password, source, begins)
    raise PlanError(
        f"the local platform cannot start a dependency of kind {kind!r}",
        code="unknown-dependency",
        where=f"dependencies.{name}.kind",
        expected="postgres or redis",
    )
