"""The WebSocket `/live`: a visitor's line to the backend.

The browser talks only to the frontend, and its access token stays in a cookie that no script can
read. What comes in is passed on to the backend's `/ws` in the visitor's name, and back.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from greenproof_receipts import depth
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from apex.frontend.visitors import Access, Services
from apex.shared.errors import ApiError
from apex.shared.tracing import traceparent

log = logging.getLogger("apex.live")

LONGEST_OPENING = 5.0
LARGEST_EVENT = 1 << 20

router = APIRouter()


@router.websocket("/live")
async def live(socket: WebSocket, services: Services, access: Access = "") -> None:
    try:
        async with _line(services.backend_socket, access) as line:
            await socket.accept()
            depth("core")
            await _converse(socket, line)
    except ApiError as refusal:
        await socket.send_denial_response(JSONResponse(refusal.envelope(), refusal.status))


@asynccontextmanager
async def _line(address: str, access: str) -> AsyncIterator[ClientConnection]:
    """A connection to the backend in the visitor's name; what it refuses, we refuse."""
    if not access:
        raise ApiError(401, "token_missing", "log in first")
    try:
        line = await connect(
            address,
            subprotocols=[Subprotocol("jwt"), Subprotocol(f"jwt.{access}")],
            additional_headers={"traceparent": traceparent()},
            open_timeout=LONGEST_OPENING,
            close_timeout=LONGEST_OPENING,
            max_size=LARGEST_EVENT,
            proxy=None,
        )
    except InvalidStatus as refusal:
        status = refusal.response.status_code
        raise ApiError(status, "line_refused", "the backend refused the line") from refusal
    except (OSError, TimeoutError, InvalidHandshake) as failure:
        raise ApiError(502, "upstream_unreachable", "a service did not answer") from failure
    try:
        yield line
    finally:
        await line.close()


async def _converse(socket: WebSocket, line: ClientConnection) -> None:
    """Pass messages on, both ways, until one side has left."""
    ways = {asyncio.create_task(_ask(socket, line)), asyncio.create_task(_tell(socket, line))}
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    for way in done:
        way.result()


async def _ask(socket: WebSocket, line: ClientConnection) -> None:
    try:
        while True:
            await line.send(await socket.receive_text())
    except (WebSocketDisconnect, ConnectionClosed):
        log.info("the visitor has left")


async def _tell(socket: WebSocket, line: ClientConnection) -> None:
    try:
        async for event in line:
            await socket.send_text(str(event))
    except (WebSocketDisconnect, RuntimeError):
        log.info("an event had no listener")
    except ConnectionClosed:
        log.info("the backend has left")
    else:
        await socket.close(1001)
