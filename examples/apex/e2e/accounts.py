"""People who use Apex in a test: each test makes its own, so that tests can run side by side."""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.typing import Subprotocol

from e2e import addresses


@dataclass(frozen=True)
class Person:
    """Somebody who has registered and logged in."""

    id: str
    email: str
    password: str
    display_name: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    @property
    def subprotocols(self) -> list[Subprotocol]:
        """What a WebSocket of this person offers."""
        return [Subprotocol("jwt"), Subprotocol(f"jwt.{self.access_token}")]


def new_registration() -> dict[str, str]:
    """The body of a registration that nobody else makes."""
    mark = uuid.uuid4().hex
    return {
        "email": f"{mark}@example.org",
        "password": f"pass-{mark}",
        "display_name": f"Person {mark[:8]}",
    }


def new_person(client: httpx.Client) -> Person:
    """Register somebody and log in."""
    registration = new_registration()
    _plumbing(client.post(addresses.auth("/register"), json=registration))
    return log_in(client, registration)


def log_in(client: httpx.Client, registration: dict[str, str]) -> Person:
    """Log in somebody who has registered before."""
    credentials = {name: registration[name] for name in ("email", "password")}
    grant = _plumbing(client.post(addresses.auth("/login"), json=credentials))
    return Person(
        id=grant["user"]["id"],
        email=registration["email"],
        password=registration["password"],
        display_name=registration["display_name"],
        access_token=grant["access_token"],
        refresh_token=grant["refresh_token"],
    )


def _plumbing(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()
