"""The conversation between a command and the supervisor: JSON lines over loopback, behind a token.

TCP rather than a Unix socket, because the path of an environment may be longer than a socket's may.
A request is one line; answers are events until one is a `result` or an `error`.
"""

import asyncio
import hmac
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from greenproof.adapters.platforms.base import ServiceFailed
from greenproof.model.errors import GreenproofError, PlatformError
from greenproof.model.exits import ExitCode

LARGEST = 16 * 1024 * 1024
"""Bytes of one message."""
HEARTBEAT = 2.0
"""Seconds between two signs of life of a supervisor that is at work."""
SILENCE = 20.0
"""Seconds of silence after which a supervisor counts as lost."""

Handler = Callable[[str, Mapping[str, Any], Callable[[str], None]], Awaitable[Any]]


async def serve(token: str, handler: Handler, conversations: set[asyncio.Task[None]]) -> asyncio.Server:
    """Answer commands on a free port of loopback; `conversations` holds those under way."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            async with asyncio.timeout(10):
                request = json.loads(await reader.readline())
            if not hmac.compare_digest(str(request.get("token", "")).encode(), token.encode()):
                return
            await _answer(reader, writer, handler, request)
        except (OSError, ValueError, TimeoutError, AttributeError):
            pass
        finally:
            writer.close()
            conversations.discard(task)

    return await asyncio.start_server(converse, "127.0.0.1", 0, limit=LARGEST)


async def _answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    handler: Handler,
    request: Mapping[str, Any],
) -> None:
    def send(message: Mapping[str, Any]) -> None:
        writer.write(json.dumps(message).encode() + b"\n")

    work = asyncio.ensure_future(handler(request["command"], request["values"], lambda text: send({"progress": text})))
    # The command sends nothing more: its end of file means that it is gone.
    leaving = asyncio.ensure_future(reader.read(1))
    try:
        while not work.done():
            await asyncio.wait({work, leaving}, timeout=HEARTBEAT, return_when="FIRST_COMPLETED")
            if leaving.done() and not work.done():
                return
            send({"alive": True})
        send(_outcome(work))
        await writer.drain()
    finally:
        leaving.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait([work])


def _outcome(work: "asyncio.Future[Any]") -> dict[str, Any]:
    error = work.exception()
    # A group of tasks wraps what one of them raised; the others were only cancelled.
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is None:
        return {"result": work.result()}
    if isinstance(error, GreenproofError):
        fields = ("message", "code", "where", "expected", "hint")
        log = list(error.log) if isinstance(error, ServiceFailed) else []
        return {"error": {**{name: getattr(error, name) for name in fields}, "log": log, "exit": int(error.exit_code)}}
    text = f"the supervisor failed: {type(error).__name__}: {error}"
    return {"error": {"message": text, "code": "supervisor-failed", "log": []}}


def call(
    port: int,
    token: str,
    command: str,
    values: Mapping[str, Any],
    progress: Callable[[str], None] | None = None,
    silence: float = SILENCE,
) -> Any:
    """Ask the supervisor and wait for the result. Raises PlatformError."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=silence) as connection:
            request = {"token": token, "command": command, "values": values}
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                while line := lines.readline(LARGEST):
                    message = json.loads(line)
                    if "result" in message:
                        return message["result"]
                    if "error" in message:
                        raise _error(message["error"])
                    if "progress" in message and progress is not None:
                        progress(message["progress"])
    except (OSError, ValueError) as error:
        raise _lost(f"{error}") from error
    raise _lost("it ended the conversation without a result")


def _error(told: Mapping[str, Any]) -> ServiceFailed:
    """What went wrong in the supervisor, with the exit code that it has there."""
    fields = {name: value for name, value in told.items() if name != "exit"}
    error = ServiceFailed(**{**fields, "log": tuple(told.get("log", ()))})
    error.exit_code = ExitCode(told.get("exit", ExitCode.FAILED))
    return error


def _lost(detail: str) -> PlatformError:
    return PlatformError(
        f"the supervisor was lost: {detail}",
        code="supervisor-lost",
        where="the environment's supervisor",
        expected="an answer from it",
        hint="run `greenproof up`: it clears what is left and starts a new one",
    )
