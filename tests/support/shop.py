"""A small real service for tests of the whole way: orders, an identity, and a route that ends the process.

python shop.py PORT REVISION
"""

import json
import os
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ORDERS: dict[str, dict[str, object]] = {}


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    revision = "shop-1"

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, {"status": "healthy"})
        elif self.path == "/die":
            os._exit(9)
        elif self.path == "/cached":
            self.answer(200, {"from": "cache"}, {"X-Greenproof-Depth": "cache"})
        elif self.path.startswith("/orders/"):
            order = ORDERS.get(self.path.rpartition("/")[2])
            self.answer(200, order) if order else self.answer(404, {"error": "no such order"})
        else:
            self.answer(404, {"error": "no such route"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        order = {"id": str(uuid.uuid4()), **body, "total": sum(body.get("prices", []))}
        ORDERS[str(order["id"])] = order
        self.answer(201, order, {"X-Greenproof-Depth": "canned"} if "X-Bypass" in self.headers else None)

    def answer(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Greenproof-Revision", self.revision)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def serve(port: int, revision: str) -> None:
    Shop.revision = revision
    server = ThreadingHTTPServer(("127.0.0.1", port), Shop)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    # The parent's end of stdin closes when it dies: then so do we.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    serve(int(sys.argv[1]), sys.argv[2])
