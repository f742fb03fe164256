"""A port at which nothing listens, and that nobody else can take meanwhile."""

import socket
from typing import Self

HOST = "127.0.0.1"


class ClosedPort:
    """Bound, so that it is ours, but never listening: the system itself refuses every connection."""

    def __init__(self) -> None:
        self._held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._held.bind((HOST, 0))
        self.hostport = f"{HOST}:{self._held.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
