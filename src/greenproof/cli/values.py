"""Values of options that click alone takes for good: numbers that are none, and globs that can match nothing."""

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A number in a range: neither `nan`, which is in every range, nor `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a message."""
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return float(super().convert(value, param, ctx))


class CaseGlob(click.ParamType[str]):
    """A glob for ids of cases. In ids a '[' opens the parameters, and stands for itself."""

    name = "glob"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The glob, or why no id can match it."""
        glob = str(value)
        if why := _matches_nothing(glob):
            self.fail(f"{glob!r} can match no case: {why}.", param, ctx)
        return glob


def _matches_nothing(glob: str) -> str | None:
    if not glob.strip():
        return "it is empty"
    if glob.startswith("/"):
        return "ids begin with a folder or file of the suite, not with '/'"
    if any(ord(character) < 32 for character in glob):
        return "it holds a control character"
    if "[" in glob and glob[-1] not in "]*?":
        return "parameters that open with '[' end with ']'"
    return None
