import os
import uuid

import pytest
import requests
from helpers.api import LibraryClient

DEFAULT_URL = "http://127.0.0.1:18460"


@pytest.fixture(scope="session")
def base_url():
    return os.environ.get("LIBRARY_URL", DEFAULT_URL).rstrip("/")


@pytest.fixture(scope="session")
def staff_token(base_url):
    r = requests.post(f"{base_url}/auth/token", json={"user": "librarian", "password": "open-sesame"}, timeout=5)
    r.raise_for_status()
    return r.json()["access_token"]


@pytest.fixture(scope="session")
def staff_headers(staff_token):
    return {"Authorization": f"Bearer {staff_token}"}


@pytest.fixture
def http():
    with requests.Session() as session:
        session.headers["User-Agent"] = "library-e2e"
        yield session


@pytest.fixture
def api(base_url):
    with LibraryClient(base_url) as client:
        yield client


@pytest.fixture
def uniq():
    return uuid.uuid4().hex[:10]


@pytest.fixture
def make_member(base_url):
    def _make(**over):
        body = {"name": "Ada Reader", "email": f"{uuid.uuid4().hex[:12]}@readers.test", **over}
        r = requests.post(f"{base_url}/members", json=body, timeout=5)
        assert r.status_code == 201, r.text
        return r.json()

    return _make


@pytest.fixture
def make_book(base_url):
    def _make(**over):
        body = {"title": f"Volume {uuid.uuid4().hex[:8]}", "author": "A. Writer", "year": 1999, "copies": 1, **over}
        r = requests.post(f"{base_url}/books", json=body, timeout=5)
        assert r.status_code == 201, r.text
        return r.json()

    return _make


@pytest.fixture
def member(make_member):
    return make_member()


@pytest.fixture
def book(make_book):
    return make_book()


@pytest.fixture
def open_loan(base_url, member, book):
    r = requests.post(f"{base_url}/loans", json={"member_id": member["id"], "book_id": book["id"]}, timeout=5)
    assert r.status_code == 201, r.text
    return r.json()
