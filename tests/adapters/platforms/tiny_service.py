"""A service of one file that behaves, or misbehaves, as MODE says. Standard library only."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODE = os.environ.get("MODE", "good")
PORT = int(os.environ["PORT"])
REVISION = os.environ["GREENPROOF_REVISION"]
VERSION = Path("version.txt").read_text(encoding="utf-8").strip()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "echo":
            return self.echo()
        if self.path == "/slow":
            time.sleep(1.0)
        if self.path == "/stream":
            return self.stream()
        if self.path.startswith("/health/ready"):
            if MODE == "slow":
                time.sleep(30)
            if MODE == "not-ready":
                checks = {"database": {"ok": False, "error": "time-out after 8.0s"}, "cache": {"ok": True}}
                return self.answer(503, {"checks": checks})
        return self.answer(200, {"revision": REVISION, "version": VERSION, "pid": os.getpid()})

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, {"size": len(body), "digest": hashlib.sha256(body).hexdigest(), "host": self.headers["Host"]})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("X-Greenproof-Revision", "auth-someoneelse" if MODE == "wrong-identity" else REVISION)
        challenge = self.headers.get("X-Greenproof-Challenge")
        if challenge:
            key = "another" if MODE == "wrong-proof" else os.environ["GREENPROOF_NONCE"]
            self.send_header("X-Greenproof-Proof", hmac.new(key.encode(), challenge.encode(), "sha256").hexdigest())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            self.wfile.write(b"2\r\n%d\n\r\n" % number)
            self.wfile.flush()
            time.sleep(0.2)
        self.wfile.write(b"0\r\n\r\n")

    def echo(self):
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        self.wfile.write(VERSION.encode() + b"\n")
        self.close_connection = True
        while line := self.connection.recv(1000):
            self.connection.sendall(line)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


def stray():
    """Start a grandchild that leaves group and session."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


print(f"starting {REVISION} as {MODE}; {os.environ.get('SHOWN', '')}", flush=True)
if MODE == "flood":
    line = b"x" * 99 + b"\n"
    for _ in range(100):
        os.write(1, line * 10_000)
    print("after the flood", flush=True)
if MODE == "exits":
    print("boom: OAUTH_CLIENT_ID is missing", file=sys.stderr)
    sys.exit(3)
if MODE == "silent":
    time.sleep(600)
if MODE == "foreign":
    # Somebody else takes the port now: the test does.
    Path("taken.new").write_text(f"{PORT} {REVISION}", encoding="utf-8")
    Path("taken.new").rename("taken.txt")
    time.sleep(600)
if MODE == "grandchild":
    print("stray", stray().pid, flush=True)
Server(("127.0.0.1", PORT + 1 if MODE == "wrong-port" else PORT), Handler).serve_forever()
