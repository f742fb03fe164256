"""What a store holds, as digests: to tell whether data was changed between two looks. Nothing of it is kept.

The order of rows and keys does not matter; whatever the digest of a table is, no value can be read from it.
"""

import asyncio
from collections.abc import Mapping

from greenproof.adapters.probes.postgres import PostgresAddress, PostgresSession
from greenproof.adapters.probes.redis import command

READ_TIMEOUT = 60.0
"""Seconds for one store."""
_MOST_TABLES = 2_000

_TABLES = f"""
SELECT n.nspname || '.' || c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1 LIMIT {_MOST_TABLES}
"""  # noqa: S608 - nothing in it comes from outside

# Sorted, so that the same keys with the same values give the same digest. Times of expiry are part of no value.
_KEYS = """
local keys = redis.call('KEYS', '*')
table.sort(keys)
local seen = ''
for _, key in ipairs(keys) do
  seen = redis.sha1hex(seen .. key .. redis.call('DUMP', key))
end
return #keys .. ' keys, ' .. seen
"""


async def postgres_contents(address: PostgresAddress) -> Mapping[str, str]:
    """`public.orders` to its number of rows and the sum of their hashes.

    Raises OSError, TimeoutError, EOFError or PostgresRefused.
    """
    found = {}
    async with asyncio.timeout(READ_TIMEOUT), PostgresSession(address) as session:
        for name, quoted in await session.query(_TABLES):
            # The server itself has quoted the name.
            counted = (
                "SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) "  # noqa: S608
                f"FROM ONLY {quoted} r"
            )
            found[str(name)] = str((await session.query(counted))[0][0])
    return found


async def redis_contents(host: str, port: int, password: str | None) -> Mapping[str, str]:
    """`keys` to their number and one digest of all.

    Raises OSError, TimeoutError, EOFError, ValueError or RedisRefused.
    """
    async with asyncio.timeout(READ_TIMEOUT):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            if password:
                await command(reader, writer, "AUTH", password)
            return {"keys": await command(reader, writer, "EVAL", _KEYS, "0")}
        finally:
            writer.close()
