"""Helpers for the live channel."""

import asyncio
import contextlib
import json

import websockets

from deskkit.address import WS


@contextlib.asynccontextmanager
async def conversation(name="tester", topic=None):
    """An open conversation, welcome read and topic subscribed."""
    async with websockets.connect(f"{WS}/events?name={name}") as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), 5))["name"] == name
        if topic:
            await say(socket, op="subscribe", topic=topic)
            await until(socket, lambda m: m["type"] == "subscribed" and m["topic"] == topic)
        yield socket


async def say(socket, **order):
    await socket.send(json.dumps(order))


async def hear(socket, seconds=5):
    return json.loads(await asyncio.wait_for(socket.recv(), seconds))


async def until(socket, wanted, seconds=5):
    """The first message that is wanted; TimeoutError if none comes."""
    async with asyncio.timeout(seconds):
        while True:
            message = json.loads(await socket.recv())
            if wanted(message):
                return message


async def maybe(socket, wanted, seconds=0.3):
    """Like until, for streams that can be quiet."""
    try:
        return await until(socket, wanted, seconds)
    except TimeoutError:
        return None


class Listener:
    """Collects messages in the background and calls handlers by type."""

    def __init__(self, socket):
        self.socket = socket
        self.handlers = {}
        self.seen = []
        self.task = None

    def on(self, kind):
        def register(handler):
            self.handlers[kind] = handler
            return handler

        return register

    async def run(self):
        async for raw in self.socket:
            message = json.loads(raw)
            self.seen.append(message)
            handler = self.handlers.get(message["type"])
            if handler:
                with contextlib.suppress(Exception):
                    handler(message)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
