"""How often somebody may do something: counted in Redis, for all instances together."""

import math
import uuid
from dataclasses import dataclass

import redis.asyncio as redis

from apex.shared.errors import ApiError


@dataclass(frozen=True)
class Limit:
    """So many at once, and then as many again in each period."""

    name: str
    burst: int
    seconds: float


MESSAGES = Limit("messages", 60, 10.0)
DISCOVERIES = Limit("discoveries", 30, 30.0)

# The generic cell rate algorithm: one number, the time at which all that was used is paid back.
# One step, so that requests at the same time can't both take the last place.
_TAKE = """
local now = redis.call('TIME')
local at = now[1] * 1000 + now[2] / 1000
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), at) + each
local early = due - burst * each - at
if early > 0 then return math.ceil(early) end
redis.call('SET', KEYS[1], string.format('%.3f', due), 'PX', math.ceil(due - at) + 1000)
return 0
"""


class Limits:
    """Takes places; refuses when none is left."""

    def __init__(self, cache: redis.Redis) -> None:
        self._cache = cache

    async def take(self, limit: Limit, user_id: uuid.UUID) -> None:
        """Take one place, or 429 that says when there will be one."""
        each = 1000 * limit.seconds / limit.burst
        key = f"limit:{limit.name}:{user_id}"
        wait = int(await self._cache.eval(_TAKE, 1, key, str(each), str(limit.burst)))
        if wait:
            seconds = str(math.ceil(wait / 1000))
            text = f"too many {limit.name}; try again in {seconds} s"
            raise ApiError(429, "rate_limited", text, {"Retry-After": seconds})
