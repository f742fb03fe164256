"""The WebSocket `/ws`: messages in, the events of their runs out.

The client offers the subprotocols `jwt` and `jwt.<access token>`; the server answers `jwt`.
"""

import json
import logging
import uuid
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from greenproof_receipts import depth
from pydantic import BaseModel, Field, ValidationError

from apex.backend.agents import SUPERVISOR
from apex.backend.registration import Services, registered
from apex.backend.runs import Event
from apex.shared.errors import ApiError, envelope
from apex.shared.tokens import Caller, identify

log = logging.getLogger("apex.conversation")

SUBPROTOCOL = "jwt"


class Incoming(BaseModel):
    """A message of the client: `message` asks the agents, `ping` asks for a `pong`."""

    type: str
    thread_id: uuid.UUID | None = None
    content: str = Field(default="", max_length=8000)
    agent: str = SUPERVISOR
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
        await _listen(socket, services, caller)


async def _identify(socket: WebSocket) -> Caller:
    offered: list[str] = socket.scope["subprotocols"]
    if SUBPROTOCOL not in offered:
        raise ApiError(400, "subprotocol_missing", "offer the subprotocol jwt")
    prefix = f"{SUBPROTOCOL}."
    token = next((each[len(prefix) :] for each in offered if each.startswith(prefix)), "")
    state = socket.app.state
    return await identify(state.settings.jwt_secret, state.stores.cache, token)


async def _listen(socket: WebSocket, services: Services, caller: Caller) -> None:
    try:
        while True:
            text = await socket.receive_text()
            try:
                await _handle(_read(text), socket, services, caller)
            except ApiError as failure:
                await socket.send_json({"type": "error", **failure.envelope()})
            except WebSocketDisconnect:
                raise
            except Exception:
                log.exception("a message could not be handled")
                unhandled = envelope("internal_error", "the service failed")
                await socket.send_json({"type": "error", **unhandled})
    except WebSocketDisconnect:
        log.info("the client has left")


def _read(text: str) -> Incoming:
    try:
        return Incoming.model_validate(json.loads(text))
    except (ValueError, ValidationError) as failure:
        raise ApiError(422, "invalid_message", "the message is not valid") from failure


async def _handle(
    incoming: Incoming, socket: WebSocket, services: Services, caller: Caller
) -> None:
    if incoming.type == "ping":
        depth("core")
        await socket.send_json({"type": "pong", "token": incoming.token})
    elif incoming.type == "message" and incoming.thread_id and incoming.content:
        _, question = await services.chat.ask(
            caller, incoming.thread_id, incoming.content, incoming.agent
        )
        depth("core")
        await services.chat.answer(question, lambda event: _send(socket, event))
    else:
        raise ApiError(422, "invalid_message", "the message is not valid")


async def _send(socket: WebSocket, event: dict[str, Any] | Event) -> None:
    try:
        await socket.send_json(event)
    except (WebSocketDisconnect, RuntimeError):
        # The run goes on without its listener: the events are stored.
        log.info("an event had no listener")
