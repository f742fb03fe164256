"""Live channel with the blocking websockets client and threads."""

import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from deskkit.address import WS, unique
from websockets.sync.client import connect
from websockets.sync.server import serve


class Phone:
    """What the telephone gateway does on the live channel."""

    def __init__(self, name, url=WS):
        self.stack = contextlib.ExitStack()
        self.socket = self.stack.enter_context(connect(f"{url}/events?name={name}", open_timeout=5))
        self.hello = self.read()
        self.sent = []

    def read(self, timeout=5):
        return json.loads(self.socket.recv(timeout=timeout))

    def order(self, op, **rest):
        self.sent.append({"op": op, **rest})
        self.socket.send(json.dumps(self.sent[-1]))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()


@pytest.fixture
def room():
    return unique("hall")


@pytest.fixture
def exchange():
    """A live endpoint of its own, so that tests don't disturb each other."""

    def talk(socket):
        socket.send(json.dumps({"type": "welcome", "name": "ana"}))
        for raw in socket:
            order = json.loads(raw)
            socket.send(json.dumps({"type": "presence", "topic": order["topic"], "names": ["ana"], "count": 1}))

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


class TestPresence:
    def test_member_is_listed(self, room):
        with Phone("ana") as ana, Phone("ben") as ben:
            ana.order("subscribe", topic=room).read()
            ben.order("subscribe", topic=room).read()
            answer = ben.order("who", topic=room).read()
        assert answer["names"] == ["ana", "ben"]
        assert answer["count"] == 2

    def test_joining_is_told(self, room):
        with Phone("ana") as ana, Phone("ben") as ben:
            ana.order("subscribe", topic=room).read()
            ben.order("subscribe", topic=room)
            joined = ana.read()
        assert (joined["type"], joined["name"], joined["topic"]) == ("joined", "ben", room)

    def test_leaving_is_told(self, room):
        with Phone("ana") as ana:
            ana.order("subscribe", topic=room).read()
            with Phone("ben") as ben:
                ben.order("subscribe", topic=room).read()
            assert ana.read()["type"] == "joined"
            left = ana.read()
            assert (left["type"], left["name"]) == ("left", "ben")

    def test_member_is_counted(self, exchange, room):
        with Phone("ana", exchange) as ana:
            answer = ana.order("who", topic=room).read()
        assert answer["count"] == 1
        assert answer["names"] == ["ana"]

    def test_member_leaves_list(self, room):
        with Phone("ana") as ana:
            ana.order("subscribe", topic=room)
            ana.order("unsubscribe", topic=room)
            ana.order("who", topic=room)
        assert [order["op"] for order in ana.sent] == ["subscribe", "unsubscribe", "who"]
        assert ana.sent[-1]["topic"] == room

    def test_name_is_taken_from_address(self):
        with Phone("ana") as ana:
            assert ana.socket.request.path == "/events?name=ana"

    def test_empty_room_has_no_members(self, room):
        with Phone("ana") as ana:
            names = ana.order("who", topic=room).read().get("members", [])
        assert len(names) == 0


class TestMessages:
    def test_broadcast_arrives(self, room):
        heard = []

        def listen():
            with Phone("ben") as ben:
                ben.order("subscribe", topic=room).read()
                ready.set()
                heard.extend([ben.read(), ben.read()])

        ready = threading.Event()
        thread = threading.Thread(target=listen)
        thread.start()
        assert ready.wait(5)
        with Phone("ana") as ana:
            ana.order("subscribe", topic=room).read()
            ana.order("publish", topic=room, text="hello hall")
            thread.join(5)
        assert heard[0] == {"type": "joined", "name": "ana", "topic": room, "seq": 2}
        assert (heard[1]["type"], heard[1]["from"], heard[1]["text"]) == ("message", "ana", "hello hall")

    def test_broadcast_text_is_complete(self, room):
        def listen():
            with Phone("ben") as ben:
                ben.order("subscribe", topic=room).read()
                message = ben.read(timeout=0.2)
                assert message["text"] == "hello hall"
                assert message["from"] == "operator"

        thread = threading.Thread(target=listen)
        thread.start()
        with Phone("ana") as ana:
            ana.order("subscribe", topic=room).read()
            ana.order("publish", topic=room, text="hello hall")
        thread.join(5)
        assert not thread.is_alive()

    def test_broadcast_length_is_counted(self, room):
        def listen(text):
            with Phone("ben") as ben:
                ben.order("subscribe", topic=room).read()
                assert ben.read(timeout=0.1)["length"] == len(text)

        with ThreadPoolExecutor(2) as pool:
            for text in ("short", "rather long"):
                pool.submit(listen, text)

    @pytest.mark.parametrize("text", ["hello", "grüße", "x" * 500], ids=["short", "umlaut", "long"])
    def test_length_of_text(self, room, text):
        with Phone("ana") as ana, Phone("ben") as ben:
            ana.order("subscribe", topic=room).read()
            ben.order("subscribe", topic=room).read()
            ben.order("publish", topic=room, text=text)
            assert ana.read()["type"] == "joined"
            message = ana.read()
        assert message["length"] == len(text)
        assert message["from"] == "ben"

    @pytest.mark.parametrize("text", ["call", "mail"])
    def test_publish_text(self, room, text):
        with Phone("ana") as ana:
            ana.order("subscribe", topic=room)
            ana.order("publish", topic=room, text=text)
            time.sleep(0.05)
        assert ana.sent[1]["text"] == text

    def test_publish_is_fast(self, room):
        started = time.monotonic()
        with Phone("ana") as ana:
            ana.order("publish", topic=room, text="x")
        assert time.monotonic() - started < 60

    def test_receipt_for_read_message(self, room):
        with Phone("ana") as ana:
            try:
                ana.order("subscribe", topic=room).read()
                ana.order("ack", topic=room, seq=1)
                assert ana.read()["type"] == "receipt"
            finally:
                return

    def test_acknowledge_is_answered(self, room):
        with Phone("ana") as ana:
            ana.order("subscribe", topic=room).read()
            sequence = ana.order("publish", topic=room, text="a").read()["seq"]
            answer = ana.order("ack", topic=room, seq=sequence).read()
        assert answer == {"type": "acked", "topic": room, "seq": sequence, "by": "ana"}
