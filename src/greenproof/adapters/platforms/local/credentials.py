"""Secrets of an environment: generated once and kept, or taken from variables and files."""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from greenproof.adapters.platforms.local.layout import Layout, exclusive, read_json, write_json
from greenproof.model.errors import PlanError, PlatformError
from greenproof.model.plan import Plan, Secret

_KEY = "key of the digests"


class NotMade(Exception):
    """A value that is made when it is first needed is not there yet; `args[0]` names it."""


class Credentials:
    """The values of a plan's secrets and the passwords of its dependencies, in one environment.

    What has to be made is made when it is first asked for; unless `making` is false, then that raises NotMade.
    """

    def __init__(self, layout: Layout, plan: Plan, *, making: bool = True) -> None:
        self._making = making
        self._layout = layout
        self._root = plan.root
        self._plan = {secret.name: secret for secret in plan.secrets}

    def secret(self, name: str) -> str:
        """The value of a secret of the plan."""
        declared = self._plan.get(name)
        if declared is None:
            raise PlanError(
                f"no secret is called {name!r}",
                code="unknown-reference",
                where=f"{{secret.{name}}}",
                expected=f"one of {', '.join(sorted(self._plan)) or '(none is declared)'}",
            )
        if declared.env is not None:
            return _of_variable(declared, declared.env)
        if declared.file is not None:
            return _of_file(declared, self._root / declared.file)
        return self._kept(f"secret:{name}", declared.generate or 32)

    def password(self, dependency: str) -> str:
        """The password of a dependency: made once for each environment."""
        return self._kept(f"dependency:{dependency}", 24)

    def digest(self, value: str) -> str:
        """Names a value without giving it away: keyed, so that short secrets cannot be guessed."""
        return keyed_digest(self._kept(_KEY, 32), value)

    def declared(self) -> dict[str, str]:
        """The plan's own secrets that can be had now, by name: what services may be given. Makes none."""
        return {name: value for name, value in self.named().items() if name in self._plan}

    def values(self) -> list[str]:
        """All values that can be had now."""
        return list(self.named().values())

    def named(self) -> dict[str, str]:
        """All values that can be had now, by name; what is missing is passed over. Makes none."""
        kept = read_json(self._layout.credentials) or {}
        found = {str(name): str(value) for name, value in kept.items()}
        for name, declared in self._plan.items():
            if declared.generate is not None and f"secret:{name}" not in kept:
                continue
            with contextlib.suppress(PlatformError):
                found[name] = self.secret(name)
        return found

    def _kept(self, name: str, size: int) -> str:
        path = self._layout.credentials
        kept = read_json(path) or {}
        if name not in kept:
            if not self._making:
                raise NotMade(name.removeprefix("secret:"))
            with exclusive(path.with_suffix(".lock")):
                kept = read_json(path) or {}
                if name not in kept:
                    kept[name] = secrets.token_hex(size)
                    write_json(path, kept)
        return str(kept[name])


def keyed_digest(key: str, value: str) -> str:
    """The digest of a secret value under the key of an environment."""
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()[:32]


def digest_here(layout: Layout, value: str) -> str | None:
    """The digest of a secret value as manifests of this environment hold it; None if it has no key yet."""
    kept = read_json(layout.credentials)
    key = kept.get(_KEY) if isinstance(kept, dict) else None
    return keyed_digest(str(key), value) if key is not None else None


def _of_variable(secret: Secret, variable: str) -> str:
    value = os.environ.get(variable)
    if value:
        return value
    raise PlanError(
        f"the secret {secret.name!r} has no value: the variable {variable} is not set",
        code="secret-missing",
        where=f"secrets.{secret.name}",
        expected=f"a value in the variable {variable}",
        hint=f"export {variable}, or let it be made: generate = 32",
    )


def _of_file(secret: Secret, path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(
            f"the secret {secret.name!r} cannot be read: {error}",
            code="secret-missing",
            where=str(path),
            expected="a readable text file",
        ) from error
    if value:
        return value
    raise PlanError(
        f"the secret {secret.name!r} is empty",
        code="secret-missing",
        where=str(path),
        expected="a value",
    )
