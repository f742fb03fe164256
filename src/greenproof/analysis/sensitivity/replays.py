"""True answers of the service, but of another moment or for somebody else."""

from greenproof.analysis.sensitivity.operator import Operator
from greenproof.model.sensitivity import Means

OPERATORS = (
    Operator("stale-answer", Means.STALE, "an earlier answer of the same route and method"),
    Operator("other-users-answer", Means.OTHER_USER, "an answer of the same route to another credential or case"),
)
