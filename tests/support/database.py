"""A real PostgreSQL for tests that need one of their own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from greenproof.adapters.platforms.local import LocalPlatform
from greenproof.adapters.platforms.local.layout import Layout
from greenproof.model.plan import Dependency, Environment, Plan


@contextmanager
def postgresql(root: Path) -> Iterator[str]:
    """The URL of a database, as long as it is wanted."""
    plan = Plan(root=root, environments=(Environment("test"),), dependencies=(Dependency("db", "postgres", "main"),))
    platform = LocalPlatform(plan, plan.environments[0])
    platform.up()
    try:
        (status,) = platform.status().dependencies
        place = urlsplit(str(status.url))
        password = platform.secrets()["dependency:db"]
        yield f"postgresql://{place.username}:{password}@{place.hostname}:{place.port}{place.path}"
    finally:
        layout = Layout.of(plan, plan.environments[0])
        identity = layout.environment_id()
        platform.down()
        shutil.rmtree(Path("/var/tmp/greenproof-servers") / identity, ignore_errors=True)
