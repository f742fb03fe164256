"""The rules. A new one is a file here with `KINDS`, its kinds of findings, and `find(comparison)`, which yields
them.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType

from greenproof.analysis.measure.kinds import FindingKind
from greenproof.analysis.measure.reaching import Comparison
from greenproof.model.measure import MeasureFinding

type Rule = Callable[[Comparison], Iterable[MeasureFinding]]


@cache
def _modules() -> tuple[ModuleType, ...]:
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


def rules() -> tuple[Rule, ...]:
    """Every rule, in the order of the names of their files."""
    return tuple(module.find for module in _modules())


@cache
def kinds() -> dict[str, FindingKind]:
    """Every kind of finding by its code; ValueError for a code that stands twice."""
    every: list[FindingKind] = [kind for module in _modules() for kind in module.KINDS]
    found = {kind.code: kind for kind in every}
    if len(found) != len(every):
        raise ValueError("a code of a finding stands twice")
    return found
