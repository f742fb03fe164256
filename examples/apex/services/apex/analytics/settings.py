"""Where the events are: in ClickHouse where one is configured, else in PostgreSQL."""

import os
from dataclasses import dataclass

from apex.shared.settings import required


@dataclass(frozen=True)
class Settings:
    """The store's address, and the key that the backend shows."""

    key: str
    database_url: str
    clickhouse_url: str

    @classmethod
    def from_environment(cls) -> "Settings":
        clickhouse_url = os.environ.get("CLICKHOUSE_URL", "")
        return cls(
            key=required("ANALYTICS_KEY"),
            database_url="" if clickhouse_url else required("DATABASE_URL"),
            clickhouse_url=clickhouse_url,
        )
