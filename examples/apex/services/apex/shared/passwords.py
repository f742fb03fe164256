"""Passwords: scrypt, each with a salt of its own."""

import asyncio
import hashlib
import hmac
import os
import secrets

# Matches no password. Checked when an address is unknown, so that the answer takes as long as for
# a wrong password; kept for accounts that log in elsewhere.
UNUSABLE = "scrypt$" + "00" * 16 + "$" + "00" * 64

_BLOCK, _LANES = 8, 1


async def hash_password(password: str) -> str:
    """`scrypt$cost$salt$digest`: the cost as a power of two, the others in hexadecimal."""
    salt, cost = secrets.token_bytes(16), _cost()
    return f"scrypt${cost}${salt.hex()}${(await _digest(password, salt, cost)).hex()}"


async def password_matches(password: str, stored: str) -> bool:
    """Whether this is the password that was hashed."""
    _, *cost, salt, digest = stored.split("$")
    found = await _digest(password, bytes.fromhex(salt), int(cost[0]) if cost else _cost())
    return hmac.compare_digest(found, bytes.fromhex(digest))


def _cost() -> int:
    # 14 is about 50 ms of processor. Dear on purpose: whoever steals the hashes pays it, too.
    return int(os.environ.get("PASSWORD_COST", "14"))


async def _digest(password: str, salt: bytes, cost: int) -> bytes:
    # On a thread, so that other requests go on meanwhile.
    return await asyncio.to_thread(
        hashlib.scrypt, password.encode(), salt=salt, n=2**cost, r=_BLOCK, p=_LANES
    )
