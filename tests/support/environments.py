"""What tests do to environments of the local platform: kill what keeps them, and ask their services all the time."""

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from greenproof.adapters.platforms.local import LocalPlatform, processes


def kill_supervisor(platform: LocalPlatform) -> None:
    """SIGKILL, and wait until it is gone: what it started dies with it."""
    pid = platform.status().supervisor
    assert pid is not None
    born = processes.birth(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: processes.birth(pid) != born)


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@dataclass
class Load:
    """Clients that keep their connections and ask without a pause, each request once more if it fails."""

    url: str
    clients: int = 4
    errors: list[str] = field(default_factory=list)
    """Seen with one retry."""
    retried: list[str] = field(default_factory=list)
    requests: int = 0
    revisions: list[str] = field(default_factory=list)
    """In the order in which they were first seen after another, by the first client."""

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(20)

    def _ask(self, number: int) -> None:
        host, _, port = self.url.removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        while not self._over.is_set():
            for last in (False, True):
                try:
                    connection.request("POST" if number % 2 else "GET", "/", body=b"x" * 2000 if number % 2 else None)
                    answer = connection.getresponse()
                    answer.read()
                    revision = answer.getheader("X-Greenproof-Revision") or ""
                    failed = None if answer.status == 200 else f"status {answer.status}"
                except (OSError, http.client.HTTPException) as error:
                    failed = repr(error)
                    connection.close()
                if failed is None:
                    break
                (self.errors if last else self.retried).append(failed)
            if failed is None and number == 0 and revision not in self.revisions[-1:]:
                self.revisions.append(revision)
            self.requests += 1
        connection.close()
