"""What answers look like."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

TICKET = {
    "type": "object",
    "required": ["id", "ref", "subject", "priority", "sla_minutes", "status"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "ref": {"type": "string", "pattern": r"^DSK-\d{5,}$"},
        "subject": {"type": "string", "minLength": 1},
        "priority": {"enum": ["low", "normal", "high", "urgent"]},
        "sla_minutes": {"enum": [15, 60, 480, 2880]},
        "status": {"enum": ["open", "assigned", "waiting", "closed"]},
    },
}

LOOSE = {
    "definitions": {"ticket": TICKET},
    "properties": {"Status": {"const": "open"}, "Priority": {"enum": ["low", "normal", "high", "urgent"]}},
}


class Comment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    position: int = Field(ge=1)
    author: str
    text: str
    html: str
    mentions: list[str]


class Stats(BaseModel):
    total: int
    open: int
    assigned: int
    waiting: int
    closed: int


class LenientStats(BaseModel):
    model_config = ConfigDict(extra="allow")

    total: int | None = 0
    open: int | None = 0
    payload: Any = None
