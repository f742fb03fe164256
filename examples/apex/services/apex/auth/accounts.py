"""Accounts in PostgreSQL."""

import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg

from apex.auth.passwords import hash_password, password_matches
from apex.shared.errors import ApiError
from apex.shared.tokens import unauthorized

# Checked when the address is unknown, so that the answer takes as long as for a wrong password.
_NOBODY = "scrypt$" + "00" * 16 + "$" + "00" * 64


@dataclass(frozen=True)
class Account:
    """A person who can log in."""

    id: uuid.UUID
    email: str
    display_name: str

    def as_json(self) -> dict[str, str]:
        return {"id": str(self.id), "email": self.email, "display_name": self.display_name}


class Accounts:
    """The table of users."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self._database = database

    async def register(self, email: str, password: str, display_name: str) -> Account:
        """A new account; 409 if the address is taken."""
        account = Account(uuid.uuid4(), email.lower(), display_name)
        try:
            await self._database.execute(
                "INSERT INTO users (id, email, display_name, password_hash) "
                "VALUES ($1, $2, $3, $4)",
                account.id,
                account.email,
                display_name,
                await hash_password(password),
            )
        except asyncpg.UniqueViolationError as failure:
            raise ApiError(409, "email_taken", "there is already such an account") from failure
        return account

    async def authenticate(self, email: str, password: str) -> Account:
        """The account of this address and password, else a 401."""
        row = await self._database.fetchrow("SELECT * FROM users WHERE email = $1", email.lower())
        matches = await password_matches(password, row["password_hash"] if row else _NOBODY)
        if row is None or not matches:
            raise unauthorized("credentials_invalid", "the address or the password is wrong")
        return _account(row)

    async def find(self, user_id: uuid.UUID) -> Account:
        """The account with this id, else a 401: its token outlived it."""
        row = await self._database.fetchrow("SELECT * FROM users WHERE id = $1", user_id)
        if row is None:
            raise unauthorized("account_gone", "the account no longer exists")
        return _account(row)

    async def rename(self, user_id: uuid.UUID, display_name: str) -> Account:
        """Change the name that people see."""
        await self._database.execute(
            "UPDATE users SET display_name = $2 WHERE id = $1", user_id, display_name
        )
        return await self.find(user_id)


def _account(row: Any) -> Account:
    return Account(row["id"], row["email"], row["display_name"])
