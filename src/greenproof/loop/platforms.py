"""Which platform an environment runs on."""

from collections.abc import Callable

from greenproof.adapters.platforms.base import Platform
from greenproof.model.errors import UsageError
from greenproof.model.plan import Environment, Plan


def platform_of(plan: Plan, environment: Environment, progress: Callable[[str], None] | None = None) -> Platform:
    """The platform of an environment; UsageError for one that is not known."""
    if environment.platform != "local":
        raise UsageError(
            f"the platform {environment.platform!r} is not supported yet",
            code="unknown-platform",
            where=f"environments.{environment.name}.platform",
            expected="local",
        )
    from greenproof.adapters.platforms.local import LocalPlatform

    return LocalPlatform(plan, environment, progress)
