"""Validators, conditional requests and pagination, with httpx."""

import re

import httpx
import pytest
import respx
from support.config import BASE_URL
from support.factories import product_payload, unique


@pytest.fixture
def shelf(http):
    """Five products under a tag of their own."""
    tag = unique("shelf")
    for number in range(5):
        http.post("/products", json=product_payload(tags=[tag], price=100 + number)).raise_for_status()
    return tag


def walk(client, first):
    """Follow the next links."""
    url = first
    while url:
        page = client.get(url).raise_for_status()
        yield page
        found = re.search(r"<([^>]+)>; rel=\"next\"", page.headers.get("Link", ""))
        url = found[1] if found else None


def test_not_modified_for_matching_etag(http, product):
    first = http.get(f"/products/{product['sku']}")
    assert first.status_code == 200
    assert first.json()["sku"] == product["sku"]
    second = http.get(f"/products/{product['sku']}", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 304
    assert second.content == b""


def test_put_with_current_etag_changes_version(http, product):
    path = f"/products/{product['sku']}"
    seen = http.get(path)
    assert seen.json()["version"] == 1
    etag = seen.headers["etag"]
    changed = http.put(path, json={"title": "New title", "price": 999}, headers={"If-Match": etag})
    assert changed.status_code == 200
    assert (changed.json()["version"], changed.json()["title"]) == (2, "New title")
    assert changed.headers["etag"] != etag


def test_stale_etag_is_refused(http, product):
    path = f"/products/{product['sku']}"
    r = http.put(path, json={"title": "x", "price": 1}, headers={"If-Match": '"stale"'})
    assert r.status_code == 412
    assert r.json()["error"]["code"] == "precondition_failed"
    assert http.get(path).json()["title"] == product["title"]


def test_pages_cover_everything_once(http, shelf):
    pages = list(walk(http, f"/products?tag={shelf}&per_page=2"))
    assert [len(page.json()["items"]) for page in pages] == [2, 2, 1]
    skus = [item["sku"] for page in pages for item in page.json()["items"]]
    assert len(set(skus)) == 5
    assert pages[0].headers["X-Total-Count"] == "5"


def test_last_page_has_no_next_link(http, shelf):
    pages = walk(http, f"/products?tag={shelf}&per_page=2")
    checked = (page.headers["Link"] for page in pages if page.json()["page"] == 3)
    assert checked


def test_page_size_is_bounded(http):
    r = http.get("/products", params={"per_page": 1000})
    assert 200 <= r.status_code < 600


def test_etag_is_stable(http, product):
    path = f"/products/{product['sku']}"
    assert http.get(path).headers.get("etag") == http.get(path).headers.get("etag")


def test_listing_is_deterministic(http):
    one, two = (http.get("/products", params={"tag": "seed"}) for _ in range(2))
    assert one.text == two.text


@respx.mock
def test_if_none_match_on_listing():
    route = respx.get(f"{BASE_URL}/products/MUG-1").mock(return_value=httpx.Response(304))
    r = httpx.get(f"{BASE_URL}/products/MUG-1", headers={"If-None-Match": '"abc"'})
    assert r.status_code == 304
    assert route.called


def test_put_without_if_match():
    def answer(request):
        assert "if-match" not in request.headers
        return httpx.Response(428, json={"error": {"code": "precondition_required"}})

    with httpx.Client(transport=httpx.MockTransport(answer), base_url=BASE_URL) as client:
        r = client.put("/products/MUG-1", json={"title": "x", "price": 1})
    assert r.status_code == 428
    assert r.json()["error"]["code"] == "precondition_required"


def test_total_count_header(http, shelf):
    r = http.get("/products", params={"tag": shelf})
    if r.status_code == 200 and "X-Total" in r.headers:
        assert int(r.headers["X-Total"]) == 5


def test_cache_headers_present(http, product):
    r = http.get(f"/products/{product['sku']}")
    assert "date" in r.headers
    assert r.headers["X-Greenproof-Revision"]


def test_price_sorting(http, shelf):
    items = http.get("/products", params={"tag": shelf, "sort": "price"}).json().get("items", [])
    expected = sorted(items, key=lambda p: p["price"])
    assert sorted(expected, key=lambda p: p["price"]) == expected


async def test_concurrent_updates_conflict(auth, product):
    path = f"/products/{product['sku']}"
    async with httpx.AsyncClient(base_url=BASE_URL, headers=auth) as client:
        seen = await client.get(path)
        etag = seen.headers["etag"]
        assert seen.json()["version"] == 1
        one = await client.put(path, json={"title": "one", "price": 1}, headers={"If-Match": etag})
        two = await client.put(path, json={"title": "two", "price": 2}, headers={"If-Match": etag})
        assert (one.status_code, two.status_code) == (200, 412)
        assert one.json()["version"] == 2
        assert two.json()["error"]["code"] == "precondition_failed"
        assert (await client.get(path)).json()["title"] == "one"
