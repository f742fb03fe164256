"""Another status with the same headers and body: a service that says something else than it does."""

import random
from collections.abc import Callable
from dataclasses import replace

from greenproof.analysis.sensitivity.operator import Operator, other
from greenproof.model.sensitivity import Answer, Means

_SUCCESS = (200, 201, 202)
"""Not 204, which has no body: that would be two faults in one."""
_CLIENT_ERROR = (400, 401, 403, 404, 409)
_SERVER_ERROR = (500, 501, 502, 503, 504)


def _becomes(statuses: tuple[int, ...]) -> Callable[[Answer, random.Random], Answer]:
    return lambda answer, dice: replace(answer, status=other(statuses, answer.status, dice))


OPERATORS = (
    Operator("status-success", Means.HEAD, "another 2xx status", "R2XX", head=_becomes(_SUCCESS)),
    Operator("status-client-error", Means.HEAD, "another 4xx status", "R4XX", head=_becomes(_CLIENT_ERROR)),
    Operator("status-server-error", Means.HEAD, "another 5xx status", "R5XX", head=_becomes(_SERVER_ERROR)),
)
