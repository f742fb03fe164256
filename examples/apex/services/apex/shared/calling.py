"""Calls from service to service: the trace goes along, and a failure is an error of ours."""

from typing import Any

import httpx

from apex.shared.errors import ApiError
from apex.shared.tracing import traceparent


async def answer_of(request: httpx.Request, client: httpx.AsyncClient) -> Any:
    """The JSON of a success; 503 if nothing answers, 502 for any other answer."""
    request.headers["traceparent"] = traceparent()
    try:
        answer = await client.send(request)
        if not answer.is_success:
            raise ApiError(502, "upstream_failed", f"a service answered {answer.status_code}")
        return answer.json()
    except httpx.TransportError as failure:
        raise ApiError(503, "upstream_unreachable", "a service did not answer") from failure
    except ValueError as failure:
        raise ApiError(502, "upstream_failed", "a service did not answer in JSON") from failure
