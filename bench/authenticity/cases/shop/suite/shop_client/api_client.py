"""Transport of the generated client."""

from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


@dataclass
class Configuration:
    """Settings of the client."""

    host: str
    access_token: str | None = None
    timeout: float = 10.0


class ApiException(Exception):
    """An answer other than the documented success."""

    def __init__(self, status: int, reason: str, body: str) -> None:
        super().__init__(f"({status}) Reason: {reason}. Body: {body[:300]}")
        self.status, self.reason, self.body = status, reason, body


class ApiClient:
    """Sends requests and deserializes answers."""

    def __init__(self, configuration: Configuration, http_client: httpx.Client | None = None) -> None:
        self.configuration = configuration
        self.http = http_client or httpx.Client(base_url=configuration.host, timeout=configuration.timeout)
        self.last_response: httpx.Response | None = None

    def __enter__(self) -> "ApiClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call_api(
        self,
        method: str,
        path: str,
        response_type: type[Model],
        *,
        expected: int = 200,
        body: Any = None,
        header_params: dict[str, str] | None = None,
    ) -> Model:
        """One call."""
        headers = dict(header_params or {})
        if self.configuration.access_token:
            headers["Authorization"] = f"Bearer {self.configuration.access_token}"
        response = self.http.request(method, path, json=body, headers=headers)
        self.last_response = response
        if response.status_code != expected:
            raise ApiException(response.status_code, response.reason_phrase, response.text)
        return response_type.model_validate_json(response.content)
