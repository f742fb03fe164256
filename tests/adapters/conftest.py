"""What tests of several hands need."""

from collections.abc import Iterator

import pytest
from database import postgresql


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of a real PostgreSQL."""
    with postgresql(tmp_path_factory.mktemp("postgresql")) as url:
        yield url
