"""The other services, as the page uses them: addresses from the environment, one client."""

from dataclasses import dataclass
from typing import Any

import httpx

from apex.shared.errors import ApiError
from apex.shared.settings import required
from apex.shared.tracing import traceparent


@dataclass(frozen=True)
class Addresses:
    """The public addresses of the services, our own among them."""

    auth: str
    backend: str
    frontend: str

    @classmethod
    def from_environment(cls) -> "Addresses":
        names = ("AUTH_URL", "BACKEND_URL", "FRONTEND_URL")
        return cls(*(required(name).rstrip("/") for name in names))


class Platform:
    """Calls auth and backend for a visitor; their errors become errors of the page."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._client = httpx.AsyncClient(timeout=10)

    @property
    def backend_socket(self) -> str:
        """The address of the backend's WebSocket."""
        return self._addresses.backend.replace("http", "ws", 1) + "/ws"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def auth(self, method: str, path: str, token: str = "", body: Any = None) -> Any:
        """The JSON answer of the auth service."""
        return await self._call(method, self._addresses.auth + path, token, body)

    async def backend(self, method: str, path: str, token: str = "", body: Any = None) -> Any:
        """The JSON answer of the backend."""
        return await self._call(method, self._addresses.backend + path, token, body)

    async def ping_auth(self) -> None:
        (await self._client.get(self._addresses.auth + "/health")).raise_for_status()

    async def ping_backend(self) -> None:
        (await self._client.get(self._addresses.backend + "/health")).raise_for_status()

    async def _call(self, method: str, url: str, token: str, body: Any) -> Any:
        try:
            answer = await self._client.request(method, url, headers=_headers(token), json=body)
        except httpx.TransportError as failure:
            raise _unreachable() from failure
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _error(answer)


def _headers(token: str) -> dict[str, str]:
    headers = {"traceparent": traceparent()}
    return {**headers, "Authorization": f"Bearer {token}"} if token else headers


def _unreachable() -> ApiError:
    return ApiError(502, "upstream_unreachable", "a service did not answer")


def _error(answer: httpx.Response) -> ApiError:
    try:
        error = answer.json()["error"]
        return ApiError(answer.status_code, str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return ApiError(502, "upstream_failed", f"a service answered {answer.status_code}")
