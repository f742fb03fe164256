from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

MEMBER_SCHEMA = {
    "type": "object",
    "required": ["id", "name", "email", "tier", "active", "card_no"],
    "properties": {
        "id": {"type": "string", "pattern": "^mem_"},
        "name": {"type": "string", "minLength": 1},
        "email": {"type": "string"},
        "tier": {"enum": ["standard", "plus"]},
        "active": {"const": True},
        "card_no": {"type": "string", "pattern": "^LC-[0-9]+$"},
    },
}

FINES_SCHEMA = {
    "type": "object",
    "properties": {
        "balance_cents": {"type": "integer"},
        "items": {"type": "array", "items": {"type": "object"}},
    },
}


class Loan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    member_id: str
    book_id: str
    status: Literal["open", "returned"]
    renewals: int
    due_on: str
    fine_cents: int


class LoanView(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str | None = None
    status: str = "open"
    renewals: int = 0
    meta: dict[str, Any] | None = None
