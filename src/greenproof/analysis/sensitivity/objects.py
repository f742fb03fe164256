"""Objects with a property too many or too few."""

import random
from typing import Any

from greenproof.analysis.sensitivity.operator import REMOVED, Operator
from greenproof.analysis.sensitivity.values import KINDS
from greenproof.model.sensitivity import Means


def _added(value: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    number = dice.randrange(10**6)
    while f"unexpected{number}" in value:
        number += 1
    return {**value, f"unexpected{number}": number}


OPERATORS = (
    Operator(
        "property-added",
        Means.BODY,
        "an object with one more property",
        "OPA",
        kinds=frozenset({"object"}),
        value=_added,
    ),
    Operator(
        "property-removed",
        Means.BODY,
        "an object without this property",
        "OPR",
        kinds=KINDS - {"object"},
        root=False,
        of_property=True,
        of_field=True,
        value=lambda value, dice: REMOVED,
    ),
    Operator(
        "object-removed",
        Means.BODY,
        "an object without this property, which is an object itself",
        "OTPR",
        kinds=frozenset({"object"}),
        root=False,
        of_property=True,
        of_field=True,
        value=lambda value, dice: REMOVED,
    ),
)
