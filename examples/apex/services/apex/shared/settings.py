"""All configuration comes from the environment, and a missing value is named at start-up."""

import os
from dataclasses import dataclass


class MissingSetting(RuntimeError):
    """A variable that the service can't do without is not set."""


def required(name: str) -> str:
    """The variable's value, or an error that names it."""
    value = os.environ.get(name, "")
    if not value:
        raise MissingSetting(f"the environment variable {name} is not set")
    return value


@dataclass(frozen=True)
class StoreSettings:
    """Where a service finds its stores, and the secret that signs access tokens."""

    database_url: str
    redis_url: str
    jwt_secret: str

    @classmethod
    def from_environment(cls) -> "StoreSettings":
        return cls(
            database_url=required("DATABASE_URL"),
            redis_url=required("REDIS_URL"),
            jwt_secret=required("JWT_SECRET"),
        )
