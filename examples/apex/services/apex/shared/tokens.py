"""Access tokens: JWT, HS256, good for minutes, tied to a session that can be revoked."""

import time
import uuid
from dataclasses import dataclass

import jwt
import redis.asyncio as redis

from apex.shared.errors import ApiError

ISSUER = "apex-auth"
LIFETIME_SECONDS = 15 * 60


@dataclass(frozen=True)
class Caller:
    """Who is asking, as the access token says."""

    user_id: uuid.UUID
    email: str
    session_id: str


def unauthorized(code: str, message: str) -> ApiError:
    """401, with a code that says which part of the proof is missing."""
    return ApiError(401, code, message)


def sign_access_token(secret: str, caller: Caller) -> str:
    """A token that says who is asking, for the next fifteen minutes."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": str(caller.user_id),
        "email": caller.email,
        "sid": caller.session_id,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def read_access_token(secret: str, token: str) -> Caller:
    """The caller, or a 401 that says whether the token has expired or is not one of ours."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=ISSUER,
            options={"require": ["exp", "sub", "sid"]},
        )
        return Caller(uuid.UUID(claims["sub"]), str(claims.get("email", "")), claims["sid"])
    except jwt.ExpiredSignatureError as failure:
        raise unauthorized("token_expired", "the access token has expired") from failure
    except (jwt.InvalidTokenError, ValueError) as failure:
        raise unauthorized("token_invalid", "the access token is not valid") from failure


def session_key(session_id: str) -> str:
    """Where Redis keeps a living session; the key goes when the session is revoked."""
    return f"session:{session_id}"


async def identify(secret: str, cache: redis.Redis, token: str) -> Caller:
    """The caller of a valid token whose session is still alive, else a 401."""
    if not token:
        raise unauthorized("token_missing", "an access token is needed")
    caller = read_access_token(secret, token)
    if not await cache.exists(session_key(caller.session_id)):
        raise unauthorized("session_revoked", "the session has ended")
    return caller


def bearer(authorization: str) -> str:
    """The token of an `Authorization: Bearer` header, or an empty string."""
    kind, _, token = authorization.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
