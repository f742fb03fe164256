"""Accounts in PostgreSQL."""

import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg

from apex.shared.errors import ApiError
from apex.shared.passwords import UNUSABLE, hash_password, password_matches
from apex.shared.tokens import unauthorized

_OF_IDENTITY = """
SELECT u.* FROM users u JOIN user_identities i ON i.user_id = u.id WHERE i.subject = $1
"""


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
        return await self._add(self._database, email, display_name, await hash_password(password))

    async def add_without_password(self, email: str, display_name: str) -> Account:
        """A new account that no password opens; 409 if the address is taken."""
        return await self._add(self._database, email, display_name, UNUSABLE)

    async def of_identity(self, subject: str, email: str, display_name: str) -> Account:
        """The account of somebody at the identity provider, made at the first log-in.

        An account that was registered with a password is not taken over: 409.
        """
        async with self._database.acquire() as connection, connection.transaction():
            # Two first log-ins of one person take turns.
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", subject)
            row = await connection.fetchrow(_OF_IDENTITY, subject)
            if row is not None:
                return _account(row)
            account = await self._add(connection, email, display_name, UNUSABLE)
            await connection.execute(
                "INSERT INTO user_identities (subject, user_id) VALUES ($1, $2)",
                subject,
                account.id,
            )
        return account

    async def _add(self, place: Any, email: str, display_name: str, password_hash: str) -> Account:
        account = Account(uuid.uuid4(), email.lower(), display_name)
        try:
            await place.execute(
                "INSERT INTO users (id, email, display_name, password_hash) "
                "VALUES ($1, $2, $3, $4)",
                account.id,
                account.email,
                display_name,
                password_hash,
            )
        except asyncpg.UniqueViolationError as failure:
            raise ApiError(409, "email_taken", "there is already such an account") from failure
        return account

    async def authenticate(self, email: str, password: str) -> Account:
        """The account of this address and password, else a 401."""
        row = await self._database.fetchrow("SELECT * FROM users WHERE email = $1", email.lower())
        matches = await password_matches(password, row["password_hash"] if row else UNUSABLE)
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
