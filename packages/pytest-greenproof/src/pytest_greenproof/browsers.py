"""Pages of browsers that Playwright drives: one that a test leaves open goes on to send, for nobody.

Only Playwright's public objects are asked, and only what they know without asking the browser."""

from __future__ import annotations

import functools
from typing import Any, Set
from weakref import WeakSet

MODULES = ("playwright.sync_api", "playwright.async_api")


class Browsers:
    """All browsers and contexts that the suite has in its hands."""

    def __init__(self) -> None:
        self._held: WeakSet[Any] = WeakSet()

    def watch(self, module: Any) -> None:
        """Remember what this module makes."""
        for name in ("Browser", "BrowserContext"):
            made = getattr(module, name, None)
            if isinstance(made, type):
                self._remember(made)

    def pages(self) -> Set[Any]:
        """The pages that are open now."""
        found: Set[Any] = set()
        for held in list(self._held):
            try:
                # A context that was launched on its own has no browser that anybody holds.
                contexts = held.contexts if hasattr(held, "contexts") else [held]
                for context in contexts:
                    found.update(page for page in context.pages if is_open(page))
            except Exception:
                # Playwright was stopped, or is another one than we know.
                continue
        return found

    def _remember(self, made: Any) -> None:
        begin = made.__init__

        @functools.wraps(begin)
        def remembered(one: Any, *args: Any, **kwargs: Any) -> None:
            begin(one, *args, **kwargs)
            self._held.add(one)

        made.__init__ = remembered


def is_open(page: Any) -> bool:
    """Whether the page is there, and its browser is."""
    try:
        browser = page.context.browser
        return not page.is_closed() and (browser is None or bool(browser.is_connected()))
    except Exception:
        return False
