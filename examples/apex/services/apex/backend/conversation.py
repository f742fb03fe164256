"""The WebSocket `/ws`: messages in, the events of their runs out.

The client offers the subprotocols `jwt` and `jwt.<access token>`; the server answers `jwt`.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Coroutine
from typing import Any, Literal

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from greenproof_receipts import depth
from pydantic import BaseModel, Field, ValidationError

from apex.backend.agents import SUPERVISOR
from apex.backend.registration import Services, registered
from apex.shared.errors import ApiError, envelope
from apex.shared.tokens import Caller, identify

log = logging.getLogger("apex.conversation")

SUBPROTOCOL = "jwt"
MOST_WATCHES = 20


class Incoming(BaseModel):
    """What a client sends.

    `message` asks the agents, with `stream` also for the answer piece by piece; `ping` asks for a
    `pong`; `watch` for the events of all runs of a thread, wherever they run; `resume` for the
    events of a run `after` a number, as after a lost connection, with `resumed` behind the last.
    """

    type: Literal["message", "ping", "watch", "resume"]
    thread_id: uuid.UUID | None = None
    run_id: uuid.UUID | None = None
    content: str = Field(default="", max_length=8000)
    agent: str = SUPERVISOR
    stream: bool = False
    after: int = Field(default=0, ge=0)
    token: str = Field(default="", max_length=200)


def add_websocket(app: FastAPI) -> None:
    """Add `/ws` to the application."""

    @app.websocket("/ws")
    async def converse(socket: WebSocket) -> None:
        try:
            services = registered(socket)
            caller = await _identify(socket)
        except ApiError as refusal:
            answer = JSONResponse(refusal.envelope(), refusal.status)
            await socket.send_denial_response(answer)
            return
        await socket.accept(SUBPROTOCOL)
        await _Conversation(socket, services, caller).listen()


async def _identify(socket: WebSocket) -> Caller:
    offered: list[str] = socket.scope["subprotocols"]
    if SUBPROTOCOL not in offered:
        raise ApiError(400, "subprotocol_missing", "offer the subprotocol jwt")
    prefix = f"{SUBPROTOCOL}."
    token = next((each[len(prefix) :] for each in offered if each.startswith(prefix)), "")
    state = socket.app.state
    return await identify(state.settings.stores.jwt_secret, state.stores.cache, token)


class _Conversation:
    """One connection, until its client leaves."""

    def __init__(self, socket: WebSocket, services: Services, caller: Caller) -> None:
        self._socket = socket
        self._services = services
        self._caller = caller
        self._watches: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Answer one message after the other; watches go on meanwhile."""
        try:
            while True:
                await self._take(await self._socket.receive_text())
        except WebSocketDisconnect:
            log.info("the client has left")
        finally:
            for watch in self._watches:
                watch.cancel()

    async def _take(self, text: str) -> None:
        try:
            await self._handle(_read(text))
        except ApiError as failure:
            await self._send({"type": "error", **failure.envelope()})
        except WebSocketDisconnect:
            raise
        except Exception:
            log.exception("a message could not be handled")
            unhandled = envelope("internal_error", "the service failed")
            await self._send({"type": "error", **unhandled})

    async def _handle(self, incoming: Incoming) -> None:
        match incoming:
            case Incoming(type="ping"):
                depth("core")
                await self._send({"type": "pong", "token": incoming.token})
            case Incoming(type="message", thread_id=uuid.UUID() as thread_id, content=str(content)):
                await self._ask(incoming, thread_id, content)
            case Incoming(type="watch", thread_id=uuid.UUID() as thread_id):
                await self._services.threads.find(self._caller.user_id, thread_id)
                depth("core")
                self._begin(self._watch(thread_id))
            case Incoming(type="resume", run_id=uuid.UUID() as run_id):
                await self._services.runs.find(self._caller.user_id, run_id)
                depth("core")
                self._begin(self._resume(run_id, incoming.after))
            case _:
                raise _invalid()

    async def _ask(self, incoming: Incoming, thread_id: uuid.UUID, content: str) -> None:
        if not content:
            raise _invalid()
        chat = self._services.chat
        _, question = await chat.ask(
            self._caller, thread_id, content, incoming.agent, incoming.stream
        )
        depth("core")
        await chat.answer(question, self._send)

    def _begin(self, watch: Coroutine[Any, Any, None]) -> None:
        if len(self._watches) >= MOST_WATCHES:
            watch.close()
            raise ApiError(429, "too_many_watches", f"{MOST_WATCHES} at a time are the most")
        task = asyncio.create_task(watch)
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def _watch(self, thread_id: uuid.UUID) -> None:
        async with self._services.runs.watch(thread_id) as events:
            await self._send({"type": "watching", "thread_id": str(thread_id)})
            async for event in events:
                await self._send(event)

    async def _resume(self, run_id: uuid.UUID, after: int) -> None:
        async for event in self._services.runs.follow(run_id, after):
            await self._send(event)
        # Also where there was nothing to send: the client knows that it has missed nothing.
        await self._send({"type": "resumed", "run_id": str(run_id)})

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self._socket.send_json(message)
        except (WebSocketDisconnect, RuntimeError):
            # The run goes on without its listener: the events are stored.
            log.info("an event had no listener")


def _read(text: str) -> Incoming:
    try:
        return Incoming.model_validate(json.loads(text))
    except (ValueError, ValidationError) as failure:
        raise _invalid() from failure


def _invalid() -> ApiError:
    return ApiError(422, "invalid_message", "the message is not valid")
