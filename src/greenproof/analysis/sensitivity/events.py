"""Events: messages of a WebSocket from the service, and server-sent events."""

from greenproof.analysis.sensitivity.operator import Operator
from greenproof.model.sensitivity import Means

OPERATORS = (
    Operator("event-changed", Means.EVENT_CHANGED, "events with other values"),
    Operator("event-doubled", Means.EVENT_DOUBLED, "each event twice"),
    Operator("events-reordered", Means.EVENT_REORDERED, "two events in each other's place"),
    Operator("events-late", Means.EVENT_LATE, "events come late"),
)
