"""Sessions in Redis: refresh tokens that are good once, and revocation."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import redis.asyncio as redis

from apex.shared.errors import not_found
from apex.shared.tokens import LIFETIME_SECONDS as ACCESS_SECONDS
from apex.shared.tokens import Caller, session_key, sign_access_token, unauthorized

# What redis-py takes for a field; its mapping type is invariant.
type Field = bytes | bytearray | memoryview[int] | str | int | float
SESSION_SECONDS = 7 * 24 * 3600

# One step, so that of two uses of the same refresh token only one can win.
# A token that was used before has been stolen or replayed: the whole session ends.
_ROTATE = """
local known = redis.call('HGET', KEYS[1], 'refresh')
if not known then return 0 end
if known ~= ARGV[1] then redis.call('DEL', KEYS[1]) return 0 end
redis.call('HSET', KEYS[1], 'refresh', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


@dataclass(frozen=True)
class Grant:
    """What a log-in or a refresh gives."""

    access_token: str
    refresh_token: str

    def as_json(self) -> dict[str, str | int]:
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "bearer",
            "expires_in": ACCESS_SECONDS,
        }


class Sessions:
    """Opens, renews and ends sessions."""

    def __init__(self, cache: redis.Redis, jwt_secret: str) -> None:
        self._cache = cache
        self._secret = jwt_secret

    async def open(self, user_id: uuid.UUID, email: str) -> Grant:
        """A new session with its first pair of tokens."""
        caller = Caller(user_id, email, uuid.uuid4().hex)
        refresh = secrets.token_urlsafe(32)
        key = session_key(caller.session_id)
        record: dict[Field, Field] = {
            "user_id": str(user_id),
            "email": email,
            "refresh": _digest(refresh),
            "opened_at": datetime.now(UTC).isoformat(),
        }
        index = _index(user_id)
        async with self._cache.pipeline(transaction=True) as steps:
            steps.hset(key, mapping=record)
            steps.expire(key, SESSION_SECONDS)
            steps.sadd(index, caller.session_id)
            steps.expire(index, SESSION_SECONDS)
            await steps.execute()
        return self._grant(caller, refresh)

    async def refresh(self, refresh_token: str) -> Grant:
        """A new pair of tokens; the old refresh token is used up."""
        session_id, _, secret = refresh_token.partition(".")
        key = session_key(session_id)
        record = await self._cache.hgetall(key)
        following = secrets.token_urlsafe(32)
        turned = await self._cache.eval(
            _ROTATE, 1, key, _digest(secret), _digest(following), str(SESSION_SECONDS)
        )
        if not turned or not record:
            raise unauthorized("refresh_invalid", "the refresh token is not valid")
        caller = Caller(uuid.UUID(str(record["user_id"])), str(record["email"]), session_id)
        await self._cache.expire(_index(caller.user_id), SESSION_SECONDS)
        return self._grant(caller, following)

    async def revoke(self, user_id: uuid.UUID, session_id: str) -> None:
        """End a session of this user: its tokens stop working at once, in every service.

        404 for one that is not theirs, or not there any more.
        """
        if not await self._cache.srem(_index(user_id), session_id):
            raise not_found("session")
        await self._cache.delete(session_key(session_id))

    async def of_user(self, user_id: uuid.UUID) -> list[dict[str, str]]:
        """The user's living sessions, the oldest first; those that have lapsed are forgotten."""
        found = []
        for session_id in map(str, await self._cache.smembers(_index(user_id))):
            opened_at = await self._cache.hget(session_key(session_id), "opened_at")
            if opened_at is None:
                await self._cache.srem(_index(user_id), session_id)
            else:
                found.append({"id": session_id, "opened_at": str(opened_at)})
        return sorted(found, key=lambda session: session["opened_at"])

    def _grant(self, caller: Caller, refresh: str) -> Grant:
        access = sign_access_token(self._secret, caller)
        return Grant(access, f"{caller.session_id}.{refresh}")


def _index(user_id: uuid.UUID) -> str:
    return f"sessions:{user_id}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
