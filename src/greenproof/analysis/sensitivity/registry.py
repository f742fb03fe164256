"""Every operator, and what the relay asks of them: to look at an answer, and to change one.

The relay gets this module by its name (`Sensing`), since hands do not know minds.
"""

import random

from greenproof.analysis.sensitivity import arrays, connection, events, headers, objects, replays, status, values
from greenproof.analysis.sensitivity.operator import REMOVED, Operator
from greenproof.analysis.sensitivity.shape import kind, read, rewrite, write
from greenproof.analysis.sensitivity.shape import shape as shape_of
from greenproof.model.sensitivity import Answer, Disturbance

FAMILIES = (status, headers, arrays, objects, values, connection, replays, events)
OPERATORS: tuple[Operator, ...] = tuple(operator for family in FAMILIES for operator in family.OPERATORS)
BY_NAME = {operator.name: operator for operator in OPERATORS}


def heads(answer: Answer) -> tuple[str, ...]:
    """Of the headers that operators change, those that an answer has."""
    return headers.has(answer)


def places(body: bytes) -> tuple[tuple[str, str], ...]:
    """The places of a JSON body and their kinds; empty if it is none."""
    try:
        return shape_of(read(body))
    except (ValueError, RecursionError):
        return ()


def changed(disturbance: Disturbance, answer: Answer) -> Answer | None:
    """The answer with the fault in it; None: nothing in this answer can be changed by it."""
    operator = BY_NAME[disturbance.operator]
    # A text as seed: the same dice for every hash seed.
    dice = random.Random(f"{disturbance.seed}:{operator.name}:{disturbance.route}:{disturbance.part}")  # noqa: S311 - chosen, not secret
    if operator.head is not None:
        made = operator.head(answer, dice)
    elif operator.value is not None and answer.body is not None:
        made = _body_changed(operator, disturbance.part, answer, dice)
    else:
        return None
    return None if made == answer else made


def _body_changed(operator: Operator, part: str, answer: Answer, dice: random.Random) -> Answer:
    body = answer.body or b""
    try:
        before = read(body)
        after = rewrite(before, part, lambda value: _fitting(operator, value, dice))
        # By their texts: true is 1 and 1 is 1.0 for Python, and not for a client.
        same = after is REMOVED or repr(after) == repr(before)
        return answer if same else Answer(answer.status, answer.headers, write(after, body))
    except (ValueError, RecursionError):
        return answer


def _fitting(operator: Operator, value: object, dice: random.Random) -> object:
    """Places of one name may hold values of several kinds."""
    return operator.value(value, dice) if operator.value and kind(value) in operator.kinds else value
