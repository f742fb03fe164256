"""Which fixtures a case uses, and when each was set up."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

from pytest_greenproof.clock import now

Span = List[Any]


class Fixtures:
    """Keys, closures and spans."""

    def __init__(self) -> None:
        self._spans: List[Span] = []

    def key(self, definition: Any) -> str:
        """`baseid::name`."""
        return f"{definition.baseid}::{definition.argname}"

    def matters(self, definition: Any) -> bool:
        """Whether its set-up can talk to a service: not pytest's own, nor a parameter's value."""
        module = getattr(definition.func, "__module__", None) or ""
        return not module.startswith("_pytest.")

    def ended(self, key: str, case: str, start_ns: int) -> None:
        """Keep a span for the next message."""
        self._spans.append([key, case, start_ns, now()])

    def take_spans(self) -> List[Span]:
        """The spans since the last call."""
        spans, self._spans = self._spans, []
        return spans

    def used_by(self, item: Any) -> List[str]:
        """Keys of the fixtures that a case uses so far: named, needed, autouse, fetched."""
        keys: Dict[str, None] = {}
        information = getattr(item, "_fixtureinfo", None)
        definitions = getattr(information, "name2fixturedefs", {})
        for name in getattr(item, "fixturenames", ()):
            for definition in _chain(definitions.get(name)):
                if self.matters(definition):
                    keys[self.key(definition)] = None
        # Those that were fetched with getfixturevalue, also when an earlier case had them set up.
        for definition in _active(item):
            if self.matters(definition):
                keys[self.key(definition)] = None
        return list(keys)


def _chain(definitions: Any) -> Iterator[Any]:
    """The definition that counts, and those of the same name that it overrides and asks for."""
    for definition in reversed(definitions or ()):
        yield definition
        if definition.argname not in definition.argnames:
            return


def _active(item: Any) -> List[Any]:
    request = getattr(item, "_request", None)
    definitions = getattr(request, "_fixture_defs", None) or {}
    return [definition for definition in definitions.values() if hasattr(definition, "baseid")]
