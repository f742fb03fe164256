"""Checks of an answer that many tests make."""

from typing import Any, Protocol


class Answer(Protocol):
    """What httpx and requests have in common."""

    @property
    def status_code(self) -> int: ...

    def json(self) -> Any: ...


def body(answer: Answer, status: int = 200) -> Any:
    """The JSON of an answer that has exactly this status."""
    assert answer.status_code == status
    return answer.json()


def error_code(answer: Answer, status: int) -> str:
    """The code in the error envelope of an answer that has exactly this status."""
    error = body(answer, status)["error"]
    assert set(error) == {"code", "message", "trace_id"}
    assert len(error["trace_id"]) == 32
    return str(error["code"])
