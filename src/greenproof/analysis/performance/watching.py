"""What the relay has to keep of messages for the promises of a configuration."""

from collections.abc import Iterator, Sequence

from greenproof.model.performance import MESSAGE_MEASURES, Measure, PerformanceTarget, Watch


def watch_for(targets: Sequence[PerformanceTarget]) -> Watch | None:
    """None: no promise is about single messages, and the relay keeps nothing of them."""
    timed = [target for target in targets if target.measure in MESSAGE_MEASURES]
    if not timed:
        return None
    between = [t for t in timed if t.measure is not Measure.EVENT]
    return Watch(
        routes=tuple(dict.fromkeys(route for target in timed for route in target.routes)),
        names=tuple(dict.fromkeys(name for target in timed for name in _names(target))),
        links=tuple(dict.fromkeys(target.link for target in timed if target.link)),
        every_client=bool(between) or any(t.after is None and t.sent is None for t in timed),
        every_server=bool(between),
    )


def _names(target: PerformanceTarget) -> Iterator[tuple[str, str]]:
    for value in (target.sent, target.after, target.event):
        if value is not None:
            yield target.field, value
