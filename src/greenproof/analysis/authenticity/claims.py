"""Which routes a case claims to exercise, and which of its exchanges lie on them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from greenproof.model.facts import Exchange
from greenproof.model.plan import Claim
from greenproof.model.routes import Route

_IDENTIFIER = re.compile(
    r"^(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{12,}|(?=[a-f]*\d)[0-9a-f]{8,}|(?=.*\d)[A-Za-z0-9_-]{16,})$",
)


@lru_cache(maxsize=8192)
def _glob(pattern: str) -> re.Pattern[str]:
    # A '[' is a parameter in a node id far more often than a character class.
    return re.compile(translate(pattern.replace("[", "[[]")))


def matches_any(case: str, patterns: Iterable[str]) -> bool:
    """Whether a node id is named by one of the globs; a glob also names the parametrised cases of a test.

    Ids begin where the runner was started, and globs often where the tests are: a glob may leave out leading folders.

    >>> matches_any("suite/api/test_a.py::test_b[1]", ["test_a.py::test_b"])
    True
    """
    names = _names(case)
    return any(_glob(p).match(name) for p in patterns for name in names)


@lru_cache(maxsize=8192)
def _names(case: str) -> tuple[str, ...]:
    """The id with and without its parameters, and each of them without its leading folders."""
    folders = [place for place, letter in enumerate(case.partition("::")[0]) if letter == "/"]
    whole = [case[place:] for place in (0, *(place + 1 for place in folders))]
    return tuple(dict.fromkeys(form for name in whole for form in (name, name.split("[", 1)[0])))


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a plan, asked case by case."""

    claims: tuple[Claim, ...]
    plumbing: tuple[Route, ...]

    def of(self, case: str) -> tuple[Route, ...]:
        """The routes that a case claims; empty: every route that is not plumbing."""
        routes = [r for claim in self.claims if matches_any(case, claim.tests) for r in claim.routes]
        return tuple(dict.fromkeys(routes))

    def is_plumbing(self, exchange: Exchange) -> bool:
        """Whether an exchange is on a route that proves nothing: health, version, metrics, log-in."""
        return any(r.matches(exchange.target, exchange.method, exchange.path) for r in self.plumbing)

    def covers(self, routes: Sequence[Route], exchange: Exchange) -> bool:
        """Whether an exchange is on a claimed route (without a claim: on any that is not plumbing)."""
        if routes:
            return any(r.matches(exchange.target, exchange.method, exchange.path) for r in routes)
        return not self.is_plumbing(exchange)


def route_of(exchange: Exchange, routes: Sequence[Route]) -> Route:
    """The claimed route that an exchange is on, else a template made from its path."""
    for route in routes:
        if route.matches(exchange.target, exchange.method, exchange.path):
            return route
    return Route(exchange.method, generalise(exchange.path), exchange.target)


def generalise(path: str) -> str:
    """A path with the segments that look like identifiers replaced by `{id}`.

    >>> generalise("/threads/42/messages")
    '/threads/{id}/messages'
    """
    return "/".join("{id}" if _IDENTIFIER.match(part) else part for part in path.split("/"))
