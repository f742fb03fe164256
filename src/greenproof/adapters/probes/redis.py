"""Redis's protocol, as far as a probe needs it: AUTH, PING and INFO."""

import asyncio
import time
from datetime import UTC, datetime

from greenproof.model.facts import Reading

_LARGEST = 1 << 20


class RedisRefused(Exception):
    """The server answered with an error."""


async def command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *words: str) -> str:
    """Send one command; its simple or bulk answer as text."""
    encoded = [word.encode() for word in words]
    writer.write(b"*%d\r\n" % len(encoded))
    for word in encoded:
        writer.write(b"$%d\r\n%s\r\n" % (len(word), word))
    line = await reader.readuntil(b"\r\n")
    kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
    if kind == b"-":
        raise RedisRefused(rest)
    if kind == b"$":
        size = int(rest)
        if not 0 <= size <= _LARGEST:
            return ""
        return (await reader.readexactly(size + 2))[:-2].decode("utf-8", "replace")
    if kind not in b"+:":
        raise ValueError(f"the answer is not Redis's protocol: {line[:40]!r}")
    return rest


async def read(
    service: str,
    port: int,
    password: str | None = None,
    host: str = "127.0.0.1",
    timeout: float = 5.0,
    pid: int | None = None,
) -> Reading:
    """Log in and PING; with `pid`, the server must say that this is its process."""
    started = time.monotonic()
    state, detail = "ready", "logged in and answered"
    try:
        async with asyncio.timeout(timeout):
            said = await _converse(host, port, password)
        if pid is not None and said != pid:
            state, detail = "foreign-process", f"expected process {pid}, got {said}"
    except TimeoutError:
        state, detail = "timeout", f"no answer within {timeout:g} s"
    except RedisRefused as error:
        state, detail = "not-ready", str(error)
    except ConnectionRefusedError:
        state, detail = "refused", f"nothing listens on {host}:{port}"
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        state, detail = "garbage", f"the conversation broke: {error!r}"
    latency = round((time.monotonic() - started) * 1000, 3)
    at = datetime.now(UTC).isoformat()
    return Reading(service, "redis", at, state == "ready", state, None, latency, detail)


async def _converse(host: str, port: int, password: str | None) -> int | None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        if password:
            await command(reader, writer, "AUTH", password)
        await command(reader, writer, "PING")
        info = await command(reader, writer, "INFO", "server")
    finally:
        writer.close()
    for line in info.splitlines():
        if line.startswith("process_id:"):
            return int(line.partition(":")[2])
    return None
