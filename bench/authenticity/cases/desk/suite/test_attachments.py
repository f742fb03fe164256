"""Attachments: upload and download, with requests and raw sockets."""

import base64
import hashlib
import io
import os
import socket
import threading

import pytest
import requests
from deskkit.address import BASE, HOST, PORT, unique


def upload(number, content, name="note.txt", kind="text/plain"):
    files = {"file": (name, io.BytesIO(content), kind)}
    return requests.post(f"{BASE}/tickets/{number}/attachments", files=files, timeout=5)


def exchange(request, until=None):
    """Sends raw bytes and reads the answer's head and body."""
    with socket.create_connection((HOST, PORT), timeout=5) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
            if until and until(received):
                break
    head, _, body = received.partition(b"\r\n\r\n")
    return head.decode(), body


@pytest.mark.parametrize("content", [b"hello", b"\x00\xff" * 300, "żółw".encode()], ids=["text", "binary", "polish"])
def test_upload_keeps_content(ticket, content):
    made = upload(ticket["id"], content).json()
    read = requests.get(f"{BASE}/attachments/{made['id']}", timeout=5)
    assert read.content == content
    assert read.headers["X-Checksum"] == hashlib.sha256(content).hexdigest()
    assert made["size"] == len(content)


@pytest.mark.parametrize("content", [b"hello", b"\x00" * 10], ids=["text", "zeros"])
def test_upload_checksum(ticket, content):
    made = upload(ticket["id"], content).json()
    expected = made["sha256"]
    assert made["sha256"] == expected
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(content).hexdigest()


def test_upload_keeps_name(ticket):
    made = upload(ticket["id"], b"x", name="invoice 7.pdf", kind="application/pdf").json()
    assert (made["name"], made["kind"], made["ticket"]) == ("invoice 7.pdf", "application/pdf", ticket["id"])


def test_upload_of_empty_file(ticket):
    answer = upload(ticket["id"], b"")
    assert (answer.status_code, answer.json()["error"]) == (422, "empty_file")


def test_upload_of_large_file(ticket, tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(4096))
    upload(ticket["id"], path.read_bytes(), name="large.bin")
    assert path.stat().st_size == 4096


def test_upload_reads_file_once(ticket):
    class Counting(io.BytesIO):
        reads = 0

        def read(self, *args):
            Counting.reads += 1
            return super().read(*args)

    files = {"file": ("a.txt", Counting(b"abc"), "text/plain")}
    requests.post(f"{BASE}/tickets/{ticket['id']}/attachments", files=files, timeout=5)
    assert Counting.reads == 1


def test_download_unknown_file():
    answer = requests.get(f"{BASE}/attachments/99999999", timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (404, "no_such_file")


def test_download_in_pieces(ticket):
    made = upload(ticket["id"], b"z" * 1000).json()
    with requests.get(f"{BASE}/attachments/{made['id']}", stream=True, timeout=5):
        pieces = [b"z" * 100 for _ in range(10)]
    assert b"".join(pieces) == b"z" * 1000


def test_download_in_background(ticket):
    made = upload(ticket["id"], b"background").json()
    result = {}

    def fetch():
        result["content"] = requests.get(f"{BASE}/attachments/{made['id']}/raw", timeout=5).content
        assert result["content"] == b"background"

    worker = threading.Thread(target=fetch, daemon=True)
    worker.start()
    assert worker.ident is not None


def test_download_in_threads(ticket):
    files = [upload(ticket["id"], bytes([n]) * n).json() for n in (1, 2, 3)]
    result = {}

    def fetch(number):
        result[number] = requests.get(f"{BASE}/attachments/{number}", timeout=5).content

    workers = [threading.Thread(target=fetch, args=(made["id"],)) for made in files]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert [result[made["id"]] for made in files] == [b"\x01", b"\x02\x02", b"\x03\x03\x03"]


def test_raw_upload(ticket):
    body = b"plain bytes"
    request = (
        f"POST /tickets/{ticket['id']}/attachments?name=raw.bin HTTP/1.1\r\nHost: {HOST}:{PORT}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    head, answer = exchange(request.encode() + body)
    assert head.startswith("HTTP/1.1 201")
    assert hashlib.sha256(body).hexdigest().encode() in answer
    assert b'"name": "raw.bin"' in answer


def test_raw_upload_is_accepted(ticket):
    request = f"POST /tickets/{ticket['id']}/attachment HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    head, _ = exchange(request.encode())
    assert head.startswith("HTTP/1.1 ")


def test_raw_port_is_open():
    with socket.create_connection((HOST, PORT), timeout=5) as connection:
        assert connection.getpeername()[1] == PORT


def test_raw_handshake_and_welcome():
    key = base64.b64encode(os.urandom(16)).decode()
    magic = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    request = (
        f"GET /events?name=raw HTTP/1.1\r\nHost: {HOST}:{PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head, frame = exchange(request.encode(), until=lambda data: data.endswith(b"}"))
    assert head.startswith("HTTP/1.1 101")
    assert base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode() in head
    assert frame[2:] == b'{"type": "welcome", "name": "raw"}'


def test_raw_subscription():
    key = base64.b64encode(b"0123456789abcdef").decode()
    request = (
        f"GET /events?name={unique('raw')} HTTP/1.1\r\nHost: {HOST}:{PORT}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head, _ = exchange(request.encode(), until=lambda data: b"\r\n\r\n" in data)
    assert "101" in head.splitlines()[0]
    assert "upgrade" in head.lower()
