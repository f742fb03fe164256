"""Lists with an element too many, one too few, in another order, or with none."""

import copy
import random
from typing import Any

from greenproof.analysis.sensitivity.operator import Operator
from greenproof.model.sensitivity import Means

_SOME = frozenset({"array-one", "array"})


def _added(array: list[Any], dice: random.Random) -> list[Any]:
    # Of the same kind as its neighbours: an element of another kind would be another fault.
    return [*array, copy.deepcopy(dice.choice(array)) if array else 0]


def _removed(array: list[Any], dice: random.Random) -> list[Any]:
    gone = dice.randrange(len(array)) if array else 0
    return array[:gone] + array[gone + 1 :]


def _swapped(array: list[Any], dice: random.Random) -> list[Any]:
    """One element goes to another place, where that can be seen."""
    pairs = [(i, j) for i in range(len(array)) for j in range(i) if repr(array[i]) != repr(array[j])][:1000]
    if not pairs:
        return array
    one, two = dice.choice(pairs)
    changed = list(array)
    changed[one], changed[two] = array[two], array[one]
    return changed


OPERATORS = (
    Operator(
        "element-added",
        Means.BODY,
        "an array with an element twice, or with 0 if it was empty",
        "AEA",
        kinds=_SOME | {"array-empty"},
        of_field=True,
        value=_added,
    ),
    Operator(
        "element-removed",
        Means.BODY,
        "an array without one of its elements",
        "AER",
        kinds=_SOME,
        of_field=True,
        value=_removed,
    ),
    Operator(
        "elements-swapped",
        Means.BODY,
        "an array with two elements in each other's place",
        "AEE",
        kinds=frozenset({"array"}),
        of_field=True,
        value=_swapped,
    ),
    Operator(
        "array-emptied", Means.BODY, "an array without elements", "EAS", kinds=_SOME, of_field=True,
        value=lambda array, dice: [],
    ),
)  # fmt: skip
