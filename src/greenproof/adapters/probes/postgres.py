"""PostgreSQL's protocol, as far as a probe needs it: log in with SCRAM-SHA-256, one simple query.

Written out so that neither a driver nor `psql` has to be there. Source: the chapters "Frontend/Backend
Protocol" and "SASL Authentication" of PostgreSQL's manual, and RFC 5802.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from greenproof.model.facts import Reading

_PROTOCOL = 196608
_LARGEST_MESSAGE = 1 << 20


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where and as whom."""

    port: int
    user: str
    password: str
    database: str
    host: str = "127.0.0.1"


class PostgresRefused(Exception):
    """The server answered with an error; `code` is its SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class PostgresSession:
    """One logged-in connection: `async with PostgresSession(address) as session`."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        address = self._address
        self._reader, self._writer = await asyncio.open_connection(address.host, address.port)
        try:
            pairs = {
                "user": address.user,
                "database": address.database,
                "application_name": "greenproof",
            }
            body = b"".join(f"{key}\0{value}\0".encode() for key, value in pairs.items()) + b"\0"
            self._writer.write(struct.pack("!II", len(body) + 8, _PROTOCOL) + body)
            await self._authenticate()
            while (await self._message())[0] != b"Z":
                pass
        except BaseException:
            self._writer.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._send(b"X", b"")
        self._writer.close()

    async def query(self, text: str) -> list[list[str | None]]:
        """Rows of the simple query protocol, as text."""
        self._send(b"Q", text.encode() + b"\0")
        rows: list[list[str | None]] = []
        refused: PostgresRefused | None = None
        while True:
            try:
                kind, body = await self._message()
            except PostgresRefused as error:
                refused = error
                continue
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"Z":
                if refused is not None:
                    raise refused
                return rows

    async def _authenticate(self) -> None:
        while True:
            kind, body = await self._message()
            if kind != b"R":
                raise PostgresRefused("08P01", f"unexpected message {kind!r} during log-in")
            code = struct.unpack("!I", body[:4])[0]
            if code == 0:
                return
            if code != 10:
                raise PostgresRefused("28000", f"authentication method {code}, expected SCRAM-SHA-256")
            await self._scram()

    async def _scram(self) -> None:
        nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        first = f"n=,r={nonce}"
        start = f"n,,{first}".encode()
        self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(start)) + start)
        server_first = (await self._message())[1][4:].decode()
        given = dict(part.split("=", 1) for part in server_first.split(","))
        if not given["r"].startswith(nonce):
            raise PostgresRefused("28000", "the server did not use our nonce")
        salted = hashlib.pbkdf2_hmac(
            "sha256", self._address.password.encode(), base64.b64decode(given["s"]), int(given["i"])
        )
        final = f"c=biws,r={given['r']}"
        signed = f"{first},{server_first},{final}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._send(b"p", f"{final},p={base64.b64encode(proof).decode()}".encode())
        answer = (await self._message())[1][4:].decode()
        expected = base64.b64encode(_hmac(_hmac(salted, b"Server Key"), signed)).decode()
        if not hmac.compare_digest(answer, f"v={expected}"):
            raise PostgresRefused("28000", "the server does not know the password: not ours")

    async def _message(self) -> tuple[bytes, bytes]:
        head = await self._reader.readexactly(5)
        size = struct.unpack("!I", head[1:])[0] - 4
        if not 0 <= size <= _LARGEST_MESSAGE:
            raise PostgresRefused("08P01", "the answer is not PostgreSQL's protocol")
        body = await self._reader.readexactly(size)
        if head[:1] == b"E":
            raise _refusal(body)
        return head[:1], body

    def _send(self, kind: bytes, body: bytes) -> None:
        self._writer.write(kind + struct.pack("!I", len(body) + 4) + body)


async def read(
    service: str,
    address: PostgresAddress,
    timeout: float = 5.0,
    check: Callable[[PostgresSession], Awaitable[str | None]] | None = None,
) -> Reading:
    """Log in and ask; `check` may look further and return why the server is not the right one."""
    started = time.monotonic()
    state, detail = "ready", "logged in and answered"
    try:
        async with asyncio.timeout(timeout), PostgresSession(address) as session:
            await session.query("SELECT 1")
            wrong = await check(session) if check else None
        if wrong:
            state, detail = "wrong-identity", wrong
    except TimeoutError:
        state, detail = "timeout", f"no answer within {timeout:g} s"
    except PostgresRefused as error:
        state, detail = "not-ready", str(error)
    except ConnectionRefusedError:
        state, detail = "refused", f"nothing listens on {address.host}:{address.port}"
    except (OSError, EOFError, ValueError, KeyError) as error:
        state, detail = "garbage", f"the conversation broke: {error!r}"
    latency = round((time.monotonic() - started) * 1000, 3)
    at = datetime.now(UTC).isoformat()
    return Reading(service, "postgres", at, state == "ready", state, None, latency, detail)


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _refusal(body: bytes) -> PostgresRefused:
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return PostgresRefused(fields.get(b"C", "?"), fields.get(b"M", "no message"))


def _row(body: bytes) -> list[str | None]:
    count = struct.unpack("!H", body[:2])[0]
    at, row = 2, []
    for _ in range(count):
        size = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        row.append(None if size < 0 else body[at : at + size].decode("utf-8", "replace"))
        at += max(size, 0)
    return row
