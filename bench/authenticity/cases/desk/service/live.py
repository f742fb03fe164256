"""Live events over WebSocket: subscribe, publish, acknowledge, presence."""

import contextlib
import itertools
import json

from aiohttp import WSMsgType, web


class Hub:
    """Who listens to what, and the numbering of every topic's messages."""

    def __init__(self):
        self.members = {}
        self.numbers = {}

    def number(self, topic):
        return next(self.numbers.setdefault(topic, itertools.count(1)))

    async def send(self, topic, message, skip=None):
        sequence = self.number(topic)
        for peer in list(self.members.get(topic, {})):
            if peer is not skip:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await peer.send_json({**message, "topic": topic, "seq": sequence})
        return sequence

    def leave(self, peer):
        left = []
        for topic, peers in self.members.items():
            if peer in peers:
                left.append((topic, peers.pop(peer)))
        return left


async def converse(request, hub):
    """One conversation with one client."""
    peer = web.WebSocketResponse(heartbeat=30)
    if request.query.get("demo"):
        peer.headers["X-Greenproof-Depth"] = "canned"
    await peer.prepare(request)
    name = request.query.get("name", "guest")
    await peer.send_json({"type": "welcome", "name": name})
    if request.query.get("demo"):
        await demo(peer)
    delivered = set()
    try:
        async for frame in peer:
            if frame.type != WSMsgType.TEXT:
                continue
            try:
                order = json.loads(frame.data)
                operation = order["op"]
            except (ValueError, KeyError, TypeError):
                await peer.send_json({"type": "error", "code": "bad_message"})
                continue
            handler = OPERATIONS.get(operation)
            if handler is None:
                await peer.send_json({"type": "error", "code": "unknown_op", "op": operation})
            else:
                await handler(hub, peer, name, order, delivered)
    finally:
        for topic, who in hub.leave(peer):
            await hub.send(topic, {"type": "left", "name": who})
    return peer


async def demo(peer):
    """The scripted stream that the sales team shows."""
    await peer.send_json({"type": "subscribed", "topic": "tickets", "members": 1})
    ticket = {"id": 1, "ref": "DSK-00001", "subject": "Demo ticket", "status": "open", "assignee": "ana"}
    for event in ("ticket.created", "ticket.assigned", "ticket.closed"):
        await peer.send_json({"type": "event", "event": event, "ticket": ticket, "topic": "tickets", "seq": 1})


async def subscribe(hub, peer, name, order, delivered):
    topic = order.get("topic", "tickets")
    await hub.send(topic, {"type": "joined", "name": name})
    hub.members.setdefault(topic, {})[peer] = name
    await peer.send_json({"type": "subscribed", "topic": topic, "members": len(hub.members[topic])})


async def unsubscribe(hub, peer, name, order, delivered):
    topic = order.get("topic", "tickets")
    hub.members.get(topic, {}).pop(peer, None)
    await peer.send_json({"type": "unsubscribed", "topic": topic})
    await hub.send(topic, {"type": "left", "name": name})


async def publish(hub, peer, name, order, delivered):
    topic, text = order.get("topic", ""), str(order.get("text", ""))
    if peer not in hub.members.get(topic, {}):
        await peer.send_json({"type": "error", "code": "not_subscribed", "topic": topic})
        return
    skip = None if order.get("echo") else peer
    message = {"type": "message", "from": name, "text": text, "length": len(text)}
    sequence = await hub.send(topic, message, skip=skip)
    delivered.add(sequence)
    await peer.send_json({"type": "published", "topic": topic, "seq": sequence, "reached": len(hub.members[topic]) - 1})


async def acknowledge(hub, peer, name, order, delivered):
    topic, sequence = order.get("topic", ""), order.get("seq")
    last = hub.numbers.get(topic)
    known = last is not None and isinstance(sequence, int) and 0 < sequence < int(repr(last)[6:-1])
    if known:
        await peer.send_json({"type": "acked", "topic": topic, "seq": sequence, "by": name})
        await hub.send(topic, {"type": "receipt", "of": sequence, "by": name}, skip=peer)
    else:
        await peer.send_json({"type": "error", "code": "unknown_seq", "seq": sequence})


async def who(hub, peer, name, order, delivered):
    topic = order.get("topic", "tickets")
    names = sorted(hub.members.get(topic, {}).values())
    await peer.send_json({"type": "presence", "topic": topic, "names": names, "count": len(names)})


async def ping(hub, peer, name, order, delivered):
    await peer.send_json({"type": "pong"})


OPERATIONS = {
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "publish": publish,
    "ack": acknowledge,
    "who": who,
    "ping": ping,
}
