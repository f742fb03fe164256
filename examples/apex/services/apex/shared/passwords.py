"""Passwords: scrypt, each with a salt of its own."""

import asyncio
import hashlib
import hmac
import secrets

_COST, _BLOCK, _LANES = 2**14, 8, 1
# Matches no password. Checked when an address is unknown, so that the answer takes as long as for
# a wrong password; kept for accounts that log in elsewhere.
UNUSABLE = "scrypt$" + "00" * 16 + "$" + "00" * 64


async def hash_password(password: str) -> str:
    """`scrypt$salt$digest`, in hexadecimal."""
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${(await _digest(password, salt)).hex()}"


async def password_matches(password: str, stored: str) -> bool:
    """Whether this is the password that was hashed."""
    _, salt, digest = stored.split("$")
    return hmac.compare_digest(await _digest(password, bytes.fromhex(salt)), bytes.fromhex(digest))


async def _digest(password: str, salt: bytes) -> bytes:
    # About 50 ms of processor: on a thread, so that other requests go on meanwhile.
    return await asyncio.to_thread(
        hashlib.scrypt, password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES
    )
