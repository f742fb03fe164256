"""Threads and their messages in PostgreSQL. Everything is asked for together with its owner."""

import uuid
from typing import Any

import asyncpg

from apex.shared.errors import not_found

_THREAD = """
SELECT t.id, t.title, t.created_at, t.updated_at,
       (SELECT count(*) FROM messages m WHERE m.thread_id = t.id) AS message_count
FROM threads t
"""


class Threads:
    """The tables of threads and messages."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self._database = database

    async def create(self, owner_id: uuid.UUID, title: str) -> dict[str, Any]:
        """A new, empty thread."""
        thread_id = uuid.uuid4()
        await self._database.execute(
            "INSERT INTO threads (id, owner_id, title) VALUES ($1, $2, $3)",
            thread_id,
            owner_id,
            title,
        )
        return await self.find(owner_id, thread_id)

    async def owned_by(self, owner_id: uuid.UUID) -> list[dict[str, Any]]:
        """The owner's threads, the oldest first."""
        rows = await self._database.fetch(
            _THREAD + "WHERE t.owner_id = $1 ORDER BY t.created_at, t.id", owner_id
        )
        return [_thread(row) for row in rows]

    async def find(self, owner_id: uuid.UUID, thread_id: uuid.UUID) -> dict[str, Any]:
        """The thread, or 404, also when it is somebody else's."""
        row = await self._database.fetchrow(
            _THREAD + "WHERE t.owner_id = $1 AND t.id = $2", owner_id, thread_id
        )
        if row is None:
            raise not_found("thread")
        return _thread(row)

    async def rename(self, owner_id: uuid.UUID, thread_id: uuid.UUID, title: str) -> dict[str, Any]:
        """Give the thread another title."""
        await self._database.execute(
            "UPDATE threads SET title = $3, updated_at = now() WHERE owner_id = $1 AND id = $2",
            owner_id,
            thread_id,
            title,
        )
        return await self.find(owner_id, thread_id)

    async def delete(self, owner_id: uuid.UUID, thread_id: uuid.UUID) -> None:
        """Delete the thread with its messages and runs."""
        done = await self._database.execute(
            "DELETE FROM threads WHERE owner_id = $1 AND id = $2", owner_id, thread_id
        )
        if done == "DELETE 0":
            raise not_found("thread")

    async def add_message(
        self, thread_id: uuid.UUID, role: str, content: str, run_id: uuid.UUID | None
    ) -> dict[str, Any]:
        """Append to a thread whose owner was checked before."""
        async with self._database.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                "INSERT INTO messages (id, thread_id, role, content, run_id) "
                "VALUES ($1, $2, $3, $4, $5) RETURNING *",
                uuid.uuid4(),
                thread_id,
                role,
                content,
                run_id,
            )
            await connection.execute(
                "UPDATE threads SET updated_at = now() WHERE id = $1", thread_id
            )
        return _message(row)

    async def messages(self, owner_id: uuid.UUID, thread_id: uuid.UUID) -> list[dict[str, Any]]:
        """What was said in the thread, in order."""
        await self.find(owner_id, thread_id)
        rows = await self._database.fetch(
            "SELECT * FROM messages WHERE thread_id = $1 ORDER BY position", thread_id
        )
        return [_message(row) for row in rows]


def _thread(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "created_at": row["created_at"].isoformat(),
        "updated_at": row["updated_at"].isoformat(),
        "message_count": row["message_count"],
    }


def _message(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "thread_id": str(row["thread_id"]),
        "role": row["role"],
        "content": row["content"],
        "run_id": str(row["run_id"]) if row["run_id"] else None,
        "created_at": row["created_at"].isoformat(),
    }
