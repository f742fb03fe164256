"""A small real service that is read: things, somebody's own name, events; and one route that writes.

python catalogue.py REVISION
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

THINGS = [{"name": "lamp", "price": 12, "color": "red"}, {"name": "desk", "price": 80, "color": "oak"}]


class Catalogue(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/things":
            self.answer({"things": THINGS})
        elif self.path == "/stock":
            self.answer({"stock": THINGS})
        elif self.path == "/me":
            self.answer({"user": (self.headers.get("Authorization") or "nobody").removeprefix("Bearer ")})
        elif self.path == "/events":
            self.answer(b'data: {"n": 1}\n\ndata: {"n": 2}\n\n', "text/event-stream")
        elif self.path == "/page":
            self.answer(b"<html><h1>Things</h1></html>", "text/html")
        else:
            self.answer({"error": "no such route"}, status=404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer({"stored": True}, status=201)

    def answer(self, document: object, kind: str = "application/json", status: int = 200) -> None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Greenproof-Revision", sys.argv[1])
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Catalogue)
    print(server.server_address[1], flush=True)
    server.serve_forever()
