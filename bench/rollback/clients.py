"""Clients that keep their connections and ask a page all the time, while something is done to what serves it."""

import threading
from typing import Any, Self

CLIENTS = 4


class Clients:
    """Ask a page all the time; count what fails, and what fails again when it is asked once more."""

    def __init__(self, url: str, tries: int = 2) -> None:
        self.tries = tries
        self.url, self.requests, self.retried, self.errors = url, 0, 0, 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self) -> None:
        import requests

        with requests.Session() as session:
            while not self._over.is_set():
                self.requests += 1
                if not self._works(session):
                    self.retried += self.tries > 1
                    self.errors += self.tries == 1 or not self._works(session)

    def _works(self, session: Any) -> bool:
        try:
            return bool(session.get(self.url, timeout=10).status_code == 200)
        except OSError:
            return False
