"""A service of rooms over WebSockets: `python rooms.py`; prints its port, and lives until its standard input ends.

It greets, confirms each `join`, answers `who`, and tells of each `say`; what it does not know is an error.
"""

import json
import sys
import threading
from http import HTTPStatus

from websockets.sync.server import ServerConnection, serve

REVISION = ("X-Greenproof-Revision", "rooms-1")


def talk(socket: ServerConnection) -> None:
    socket.send(json.dumps({"type": "welcome"}))
    for raw in socket:
        order = json.loads(raw)
        answer = {
            "join": {"type": "joined", "room": order.get("room")},
            "who": {"type": "members", "count": 1},
            "say": {"type": "said", "text": order.get("text"), "length": len(order.get("text") or "")},
        }.get(order["op"], {"type": "error", "code": "unknown", "op": order["op"]})
        socket.send(json.dumps(answer))


def main() -> None:
    def looked_at(connection: ServerConnection, request):
        return None if "Upgrade" in request.headers else connection.respond(HTTPStatus.OK, "rooms\n")

    def named(connection: ServerConnection, request, response):
        response.headers[REVISION[0]] = REVISION[1]
        return response

    with serve(talk, "127.0.0.1", 0, process_request=looked_at, process_response=named) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.socket.getsockname()[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
