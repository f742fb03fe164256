"""The people whom the provider knows, and the codes and tokens that it has given out. In Redis."""

import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import asdict, dataclass

import redis.asyncio as redis

from apex.shared.errors import ApiError
from apex.shared.passwords import UNUSABLE, hash_password, password_matches
from apex.shared.pkce import challenge_of
from apex.shared.tokens import unauthorized

CODE_SECONDS = 60
TOKEN_SECONDS = 300


@dataclass(frozen=True)
class Person:
    """Somebody with an account at the provider."""

    subject: str
    email: str
    name: str
    password_hash: str


@dataclass(frozen=True)
class Consent:
    """What a code stands for: who agreed, for which client, which address, which proof."""

    email: str
    client_id: str
    redirect_uri: str
    challenge: str


class People:
    """Accounts, codes that are good once, and access tokens."""

    def __init__(self, cache: redis.Redis) -> None:
        self._cache = cache

    async def add(self, email: str, name: str, password: str) -> Person:
        """A new account; 409 if the address is taken."""
        person = Person(uuid.uuid4().hex, email.lower(), name, await hash_password(password))
        if not await self._cache.set(_person(email), json.dumps(asdict(person)), nx=True):
            raise ApiError(409, "email_taken", "there is already such an account")
        return person

    async def authenticate(self, email: str, password: str) -> Person:
        """The person with this address and password, else a 401."""
        person = await self._find(email)
        stored = person.password_hash if person else UNUSABLE
        if not await password_matches(password, stored) or person is None:
            raise unauthorized("credentials_invalid", "the address or the password is wrong")
        return person

    async def give_code(self, consent: Consent) -> str:
        """A code for a minute and for one use."""
        code = secrets.token_urlsafe(32)
        await self._cache.set(_code(code), json.dumps(asdict(consent)), ex=CODE_SECONDS)
        return code

    async def redeem(self, code: str, client_id: str, redirect_uri: str, verifier: str) -> str:
        """An access token for a code; 400 unless everything is as it was at the consent."""
        stored = await self._cache.getdel(_code(code))
        consent = Consent(**json.loads(stored)) if stored else None
        if (
            consent is None
            or (consent.client_id, consent.redirect_uri) != (client_id, redirect_uri)
            or not hmac.compare_digest(challenge_of(verifier), consent.challenge)
        ):
            raise ApiError(400, "invalid_grant", "the code is not valid")
        token = secrets.token_urlsafe(32)
        await self._cache.set(_token(token), consent.email, ex=TOKEN_SECONDS)
        return token

    async def bearer_of(self, token: str) -> Person:
        """Whom an access token speaks of, else a 401."""
        email = await self._cache.get(_token(token))
        person = await self._find(str(email)) if email else None
        if person is None:
            raise unauthorized("token_invalid", "the access token is not valid")
        return person

    async def _find(self, email: str) -> Person | None:
        stored = await self._cache.get(_person(email))
        return Person(**json.loads(stored)) if stored else None


def _person(email: str) -> str:
    return f"identity:person:{email.lower()}"


def _code(code: str) -> str:
    return f"identity:code:{_digest(code)}"


def _token(token: str) -> str:
    return f"identity:token:{_digest(token)}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
