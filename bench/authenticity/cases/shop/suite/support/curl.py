"""The shop through curl."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from .config import BASE_URL


@dataclass
class CurlAnswer:
    """What curl saw."""

    status: int
    text: str

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


def curl(*args: str, token: str | None = None, data: Any = None, method: str | None = None) -> CurlAnswer:
    """Run curl; the last argument is the path."""
    *options, path = args
    command = ["curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}", *options]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    if method:
        command += ["-X", method]
    if data is not None:
        command += ["-H", "Content-Type: application/json", "--data", json.dumps(data)]
    done = subprocess.run([*command, BASE_URL + path], capture_output=True, text=True, check=True)
    text, _, status = done.stdout.rpartition("\n")
    return CurlAnswer(int(status), text)
