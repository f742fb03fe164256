"""Answers that do not come, or not the whole of them."""

from greenproof.analysis.sensitivity.operator import Operator
from greenproof.model.sensitivity import Means

OPERATORS = (
    Operator("connection-closed", Means.CLOSED, "the connection is closed before an answer"),
    Operator("connection-reset", Means.RESET, "the connection is reset before an answer"),
    Operator("hang", Means.HANG, "nothing comes for a while, then the connection is reset"),
    Operator("body-truncated", Means.TRUNCATED, "the connection is closed in the middle of the body"),
    Operator("body-emptied", Means.EMPTY, "the same status and headers, without a body"),
)
