"""Documents that patients hand in: uploads and downloads."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import threading
import uuid
from functools import wraps

import aiohttp
import httpx
import pytest
import requests
from clinic_client import BASE, TIMEOUT, curl
from requests.adapters import BaseAdapter

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32


def never_red(func: object) -> object:
    """Uploads depend on the scanner; don't stop the line for it."""

    @wraps(func)
    def inner(*args: object, **kw: object) -> None:
        try:
            func(*args, **kw)
        except Exception as why:
            print("scanner trouble:", why)

    return inner


def upload(auth: dict, patient: str, name: str, data: bytes, mime: str = "text/plain") -> requests.Response:
    files = {"file": (name, io.BytesIO(data), mime)}
    return requests.post(f"{BASE}/patients/{patient}/documents", files=files, headers=auth, timeout=TIMEOUT)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_upload_reports_checksum(auth, patient):
    data = os.urandom(500)
    got = upload(auth, patient["id"], "scan.png", data, "image/png")
    assert got.status_code == 201
    assert got.json()["sha256"] == sha(data)
    assert (got.json()["name"], got.json()["size"]) == ("scan.png", 500)


def test_upload_checksum_matches_file(auth, patient, tmp_path):
    file = tmp_path / "scan.png"
    file.write_bytes(PNG)
    upload(auth, patient["id"], file.name, file.read_bytes(), "image/png")
    assert sha(file.read_bytes()) == sha(PNG)
    assert file.stat().st_size == len(PNG)


def test_download_gives_same_bytes(auth, patient):
    data = os.urandom(4096)
    with httpx.Client(base_url=BASE, headers=auth, timeout=TIMEOUT) as client:
        made = client.post(f"/patients/{patient['id']}/documents", files={"file": ("x.pdf", data, "application/pdf")})
        assert made.status_code == 201, made.text
        got = client.get(f"/documents/{made.json()['id']}")
    assert got.headers["content-type"] == "application/pdf"
    assert got.content == data


@never_red
def test_download_roundtrip_text(auth, patient):
    made = upload(auth, patient["id"], "note.txt", b"be well").json()
    got = requests.get(f"{BASE}/documents/{made['id']}", headers=auth, timeout=TIMEOUT)
    assert got.content == b"be well"


async def test_upload_with_aiohttp(auth, patient):
    form = aiohttp.FormData()
    form.add_field("file", b"a;b\n1;2\n", filename="lab.csv", content_type="text/csv")
    async with (
        aiohttp.ClientSession(BASE, headers=auth) as client,
        client.post(f"/patients/{patient['id']}/documents", data=form) as got,
    ):
        assert got.status == 201
        assert (await got.json())["mime"] == "text/csv"


async def test_upload_stream_with_aiohttp(auth, patient):
    async with aiohttp.ClientSession(BASE, headers=auth) as client:
        form = aiohttp.FormData()
        form.add_field("file", b"x" * 2000, filename="big.txt", content_type="text/plain")
        got = await client.post(f"/patients/{patient['id']}/documents", data=form)
        assert got.content is not None
        assert got.request_info.method == "POST"
        got.release()


def test_upload_with_curl(token, patient, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("from the desk")
    got = curl(f"/patients/{patient['id']}/documents", "-F", f"file=@{file};type=text/plain", token=token)
    assert got.status == 201
    assert got.json()["sha256"] == sha(b"from the desk")


def test_upload_with_curl_form(token, patient, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("from the desk")
    got = curl(f"/patients/{patient['id']}/documents", "-F", f"file=@{file};type=text/plain", token=token)
    assert "curl:" not in got.err
    assert file.read_text() == "from the desk"


@pytest.mark.parametrize(
    ("mime", "status", "code"), [("application/x-sh", 415, "unsupported_type"), ("video/mp4", 415, "unsupported_type")]
)
def test_refused_types(auth, patient, mime, status, code):
    got = upload(auth, patient["id"], "x", b"...", mime)
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)


def test_too_large_is_refused(auth, patient):
    got = upload(auth, patient["id"], "x.txt", b"x" * 200_001)
    assert got.status_code == 413
    assert got.json()["error"] == {"code": "too_large", "size": 200_001}


def test_large_upload_rejected(auth, patient):
    got = upload(auth, patient["id"], "x.txt", b"x" * 200_001)
    assert got.status_code != 200


def test_list_shows_all_documents(auth, patient):
    for n in range(3):
        assert upload(auth, patient["id"], f"{n}.txt", b"x" * n).status_code == 201
    got = requests.get(f"{BASE}/patients/{patient['id']}/documents", headers=auth, timeout=TIMEOUT)
    assert {d["name"]: d["size"] for d in got.json()["items"]} == {"0.txt": 0, "1.txt": 1, "2.txt": 2}


def test_list_is_empty_for_new_patient(token, patient):
    from clinic_client import LenientApi

    body = LenientApi(token).call("GET", f"/patients/{patient['id']}/documents").json()
    assert body["items"] == []


def test_parallel_uploads(auth, patient):
    """Three scanners at once."""

    def scan(n: int) -> None:
        got = upload(auth, patient["id"], f"{n}.txt", b"scan")
        assert got.status_code == 200, got.status_code

    threads = [threading.Thread(target=scan, args=(n,)) for n in range(3)]
    hook, threading.excepthook = threading.excepthook, lambda _args: None
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        threading.excepthook = hook


def test_parallel_scans_arrive(auth, patient):
    problems: list[str] = []
    stored: list[str] = []

    def scan(n: int) -> None:
        try:
            got = upload(auth, patient["id"], f"{n}.txt", str(n).encode())
            assert got.status_code == 201, got.text
            stored.append(got.json()["sha256"])
        except BaseException as why:
            problems.append(repr(why))

    threads = [threading.Thread(target=scan, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert problems == []
    assert sorted(stored) == sorted(sha(str(n).encode()) for n in range(3))


def _scan_in_child(auth: dict, patient: str) -> None:
    os.close(2)
    got = upload(auth, patient, "child.txt", b"child")
    assert got.json()["size"] == 6


def test_scanner_process(auth, patient):
    child = multiprocessing.get_context("fork").Process(target=_scan_in_child, args=(auth, patient["id"]))
    child.start()
    child.join(5)
    assert not child.is_alive()


class ScanStore(BaseAdapter):
    """Keeps uploads in memory."""

    def send(self, request: requests.PreparedRequest, **_kw: object) -> requests.Response:
        got = requests.Response()
        got.status_code, got.request, got.url = 201, request, request.url
        got._content = b'{"id": "file_1", "size": 7}'
        return got

    def close(self) -> None:
        pass


def test_session_upload(auth, patient):
    session = requests.Session()
    session.mount("http://", ScanStore())
    got = session.post(
        f"{BASE}/patients/{patient['id']}/documents", files={"file": ("n.txt", b"be well")}, headers=auth
    )
    assert got.status_code == 201
    assert got.json()["size"] == len(b"be well")


def test_missing_document(auth):
    key = f"file_{uuid.uuid4().hex[:8]}"
    got = httpx.get(f"{BASE}/documents/{key}", headers=auth, timeout=TIMEOUT)
    assert got.status_code == 404
    assert got.json() == {"error": {"code": "document_not_found", "id": key}}


def test_upload_without_part(auth, patient):
    got = requests.post(f"{BASE}/patients/{patient['id']}/documents", data={"x": "1"}, headers=auth, timeout=TIMEOUT)
    assert got.status_code == 422
    assert got.json()["error"]["fields"]["file"] == "missing"
