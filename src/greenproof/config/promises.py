"""Rules about promises about time: which keys belong to which measure, and which routes it can be taken on."""

from collections.abc import Iterator

from greenproof.config.mistakes import Mistake
from greenproof.config.raw import Raw, texts
from greenproof.model.performance import SOCKET_MEASURES, Measure
from greenproof.model.routes import Route

_BELONGS = {
    "event": ("event", "pause"),
    "after": ("event", "pause"),
    "sent": ("event", "reply"),
    "field": ("event", "reply", "pause"),
    "link": ("event",),
}
_KNOWN = frozenset(measure.value for measure in Measure)


def check(raw: Raw) -> Iterator[Mistake]:
    """Every mistake inside a promise that its shape alone doesn't show."""
    for path, row in raw.rows("performance"):
        measure = row.get("measure", "response")
        if measure not in _KNOWN:
            # The shape says so already.
            continue
        for key, measures in _BELONGS.items():
            if key in row and measure not in measures:
                wanted = " or ".join(f"measure = '{name}'" for name in measures)
                yield Mistake((*path, key), "config-choice", f"{key} needs {wanted}", wanted)
        if measure == "event" and "event" not in row:
            yield Mistake(path, "config-choice", "no event is named", "event = 'the name of a message'")
        if "sent" in row and "after" in row:
            said = "sent and after exclude each other: the clock starts at a message of the client or of the server"
            yield Mistake((*path, "sent"), "config-choice", said, "sent or after")
        on_sockets = measure in SOCKET_MEASURES
        for at, text in texts(row, "routes"):
            if _method(text) not in (None, "*") and (_method(text) == "WS") is not on_sockets:
                kind = "a WebSocket: 'WS /path'" if on_sockets else "requests: 'METHOD /path', not 'WS /path'"
                said = f"{measure!r} can't be measured on {text!r}"
                yield Mistake((*path, *at), "config-choice", said, kind)


def _method(text: str) -> str | None:
    try:
        return Route.parse(text).method
    except ValueError:
        return None
