"""The options that say what a side release consists of, and the request that they make."""

import functools
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from greenproof.cli.completing import assigned
from greenproof.loop.requests import pairs
from greenproof.model.errors import UsageError
from greenproof.model.sides import SideRequest

_RELEASE = re.compile(r"r-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Mixing:
    """What the command line says of a mix."""

    parts: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    base: str | None = None
    data: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether any was given."""
        return bool(self.parts or self.settings or self.unset or self.base or self.data)

    def request(self, name: str, owner: str = "") -> SideRequest:
        """The request for it. Raises UsageError."""
        parts = pairs("--with", self.parts)
        folders = {service: Path(value) for service, value in parts.items() if _is_folder(value)}
        revisions = {service: value for service, value in parts.items() if service not in folders}
        return SideRequest(name, self.base, revisions, folders, self._configuration(), self.data or "copied", owner)

    @property
    def told(self) -> str:
        """In words, without a value of a variable."""
        named = [*self.parts, *(text.partition("=")[0] for text in self.settings), *(f"no {one}" for one in self.unset)]
        return ", ".join([*([f"the rest of {self.base}"] if self.base else []), *named]) or "the current release again"

    def _configuration(self) -> Mapping[str, Mapping[str, str | None]]:
        found: dict[str, dict[str, str | None]] = {}
        for key, value in _settings(self.settings).items():
            service, variable = _key("--set", key)
            found.setdefault(service, {})[variable] = value
        for key in self.unset:
            service, variable = _key("--unset", key)
            if variable in found.get(service, {}):
                raise UsageError(
                    f"{key} is named twice", code="option-twice", where="--set, --unset", expected="each name once"
                )
            found.setdefault(service, {})[variable] = None
        return found


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    """A variable may be empty, so this is not quite what `pairs` reads."""
    empty = [text.removesuffix("=") for text in given if text.endswith("=") and text.count("=") == 1]
    found = pairs("--set", [text for text in given if text.removesuffix("=") not in empty])
    if twice := sorted({*(one for one in empty if empty.count(one) > 1), *(found.keys() & set(empty))}):
        raise UsageError(
            f"--set names {twice[0]!r} twice", code="option-twice", where="--set", expected="each name once"
        )
    return {**found, **dict.fromkeys(empty, "")}


def _key(option: str, key: str) -> tuple[str, str]:
    service, dot, variable = key.partition(".")
    if not (service and dot and variable):
        raise UsageError(
            f"{option} {key!r} names no variable of a service",
            code="option-pair",
            where=option,
            expected="SERVICE.VARIABLE=VALUE" if option == "--set" else "SERVICE.VARIABLE",
        )
    return service, variable


def _is_folder(value: str) -> bool:
    """Whether a part is a folder; else it is the name of a revision or of a release."""
    return not _RELEASE.fullmatch(value) and (os.sep in value or value in (".", "..") or Path(value).is_dir())


def mixing_options[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Give a command the options of a mix, as one value `mixing`."""

    @click.option(
        "--with",
        "parts",
        multiple=True,
        metavar="SERVICE=WHAT",
        shell_complete=assigned("services"),
        help="A service of the side release: a revision, the release that it is taken from, or a folder.",
    )
    @click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="SERVICE.VARIABLE=VALUE",
        help="A variable of a service of the side release.",
    )
    @click.option(
        "--unset",
        multiple=True,
        metavar="SERVICE.VARIABLE",
        help="A variable that a service of the side release does not get.",
    )
    @click.option("--base", metavar="RELEASE", help="The release that the rest is taken from; else the current one.")
    @click.option(
        "--data",
        type=click.Choice(["copied", "empty"]),
        help="Whether its stores begin as copies of the environment's (as they do without this), or empty.",
    )
    @functools.wraps(command)
    def told(
        *arguments: Any,
        parts: tuple[str, ...],
        settings: tuple[str, ...],
        unset: tuple[str, ...],
        base: str | None,
        data: str | None,
        **options: Any,
    ) -> R:
        mixing = Mixing(parts, settings, unset, base, data)
        return command(*arguments, **options, mixing=mixing)  # type: ignore[arg-type]

    return told  # type: ignore[return-value]
