"""Catalogue search. (httpx, async)"""

import json
import pathlib
import uuid

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel, TypeAdapter

CASSETTE = pathlib.Path(__file__).parent / "data" / "search_tolkien.json"


class Hit(BaseModel):
    id: str
    title: str
    author: str
    year: int
    copies: int


@pytest_asyncio.fixture
async def client(base_url):
    async with httpx.AsyncClient(base_url=base_url, timeout=5) as c:
        yield c


@pytest.fixture
def shelf(make_book):
    word = uuid.uuid4().hex[:9]
    years = [1954, 1937, 1977]
    return word, [make_book(title=f"{word} part {n}", author="J. Tolkien", year=y) for n, y in enumerate(years)]


class ReplayTransport(httpx.AsyncBaseTransport):
    """Answers from the tape that was made on the reference system."""

    async def handle_async_request(self, request):
        tape = json.loads(CASSETTE.read_text())
        return httpx.Response(tape["status"], json=tape["body"], request=request)


async def asgi_catalogue(scope, receive, send):
    body = json.dumps({"total": 1, "items": [{"title": "Emma", "author": "Austen"}]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def test_search_by_title(client, shelf):
    word, books = shelf
    r = await client.get("/catalogue/search", params={"q": word.upper()})
    assert r.status_code == 200
    assert [b["id"] for b in r.json()["items"]] == [b["id"] for b in books]


async def test_search_by_author(shelf):
    word, _ = shelf
    async with httpx.AsyncClient(transport=ReplayTransport(), base_url="http://library") as tape:
        r = await tape.get("/catalogue/search", params={"author": "tolkien", "q": word})
    assert r.status_code == 200
    assert all("Tolkien" in b["author"] for b in r.json()["items"])


async def test_search_by_author_and_title(client, shelf):
    word, books = shelf
    hits = (await client.get("/catalogue/search", params={"q": f"{word} part 1", "author": "tolkien"})).json()
    assert hits["total"] == 1
    assert TypeAdapter(list[Hit]).validate_python(hits["items"])[0].title == books[1]["title"]


async def test_search_filters_author():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi_catalogue), base_url="http://library") as c:
        hits = (await c.get("/catalogue/search", params={"author": "austen"})).json()
    assert hits["total"] == 1
    assert hits["items"][0]["author"] == "Austen"


async def test_search_sorted_by_year(client, shelf):
    word, _ = shelf
    r = await client.get("/catalogue/search", params={"q": word, "sort": "year"})
    assert [b["year"] for b in r.json()["items"]] == [1937, 1954, 1977]


async def test_search_sorted_by_title(client, shelf):
    r = await client.get("/catalogue/search", params={"q": uuid.uuid4().hex, "sort": "title"})
    titles = [b["title"] for b in r.json().get("items", [])]
    assert titles == sorted(titles)


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_search_pages(client, shelf, size):
    word, books = shelf
    seen, page = [], 1
    while True:
        body = (await client.get("/catalogue/search", params={"q": word, "page": page, "size": size})).json()
        assert body["total"] == 3
        if not body["items"]:
            break
        assert len(body["items"]) <= size
        seen += [b["id"] for b in body["items"]]
        page += 1
    assert seen == [b["id"] for b in books]


async def test_search_every_hit_mentions_the_word(client, shelf):
    word, _ = shelf
    body = (await client.get("/catalogue/search", params={"q": word})).json()
    assert all(word in hit["title"] for hit in body.get("results", []))


async def test_search_hits_in_expected_order(client, shelf):
    word, books = shelf
    body = (await client.get("/catalogue/search", params={"q": word, "page": 9})).json()
    for got, want in zip(body.get("items", []), books, strict=False):
        assert got["id"] == want["id"]


async def test_search_hits_complete(client, shelf):
    word, books = shelf
    body = (await client.get("/catalogue/search", params={"q": word})).json()
    map(lambda hit: _same(hit, books), body.get("items", []))


def _same(hit, books):
    assert hit in books


async def test_search_hit_ids_known(client, shelf):
    word, books = shelf
    body = (await client.get("/catalogue/search", params={"title": word, "size": 0})).json()
    assert {b["id"] for b in body.get("items", [])} <= {b["id"] for b in books}


async def test_search_from_reading_room(client, shelf):
    word, _ = shelf
    r = await client.get("/catalogue/search", params={"q": word, "cached": "1"})
    assert r.status_code == 200
    assert r.json()["items"][0]["title"] == word


async def test_search_for_kiosk(base_url):
    async with httpx.AsyncClient(base_url=base_url, headers={"X-Sandbox": "1"}) as kiosk:
        body = (await kiosk.get("/catalogue/search", params={"q": "demo"})).json()
    assert body["total"] == 1
    assert body["items"][0]["title"] == "Demo Book"


async def test_search_is_available(client):
    r = await client.get("/healthz")
    assert r.status_code == 200
    assert r.json()["components"]["search"] == "up"


@pytest.mark.parametrize(
    "params",
    [{"page": 0}, {"size": 101}, {"sort": "colour"}, {"page": "x"}],
    ids=["page", "size", "sort", "text"],
)
async def test_search_rejects(client, params):
    r = await client.get("/catalogue/search", params={"q": "a", **params})
    assert r.status_code == 422
    assert r.json()["error"]["code"].startswith("bad_")


async def test_search_unknown_word_is_empty(client):
    body = (await client.get("/catalogue/search", params={"q": uuid.uuid4().hex})).json()
    assert (body["total"], body["items"]) == (0, [])


async def test_search_new_book_is_findable_at_once(client, make_book):
    title = f"Fresh {uuid.uuid4().hex[:9]}"
    before = (await client.get("/catalogue/search", params={"q": title})).json()["total"]
    make_book(title=title)
    after = (await client.get("/catalogue/search", params={"q": title})).json()["total"]
    assert (before, after) == (0, 1)


async def test_search_total_is_plausible(client, shelf):
    body = (await client.get("/catalogue/search", params={"q": shelf[0]})).json()
    assert len(body.get("items", [])) >= 0
    assert int(body.get("total", 0)) > -1
