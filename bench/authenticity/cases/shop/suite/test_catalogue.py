"""Products: reading and keeping them."""

import sys
from pathlib import Path

import pytest
import requests
import responses
from support.config import BASE_URL, DATA
from support.factories import product_payload, unique

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))


class CataloguePage:
    """The catalogue as an administrator sees it."""

    def __init__(self, api):
        self.api = api
        self.items = []
        self.last = None

    def publish(self, **product):
        self.items.append(product)
        self.last = self.api.raw("POST", "/products", json=product)
        return self

    def titles(self):
        return [item["title"] for item in self.items]

    def on_shelf(self, sku):
        return self.api.call("GET", f"/products/{sku}")


class TestReading:
    def test_product_has_title_and_price(self, api, product):
        got = api.call("GET", f"/products/{product['sku']}")
        assert got == {**product, "version": 1}
        assert got["price"] == 1500

    def test_unknown_product_is_404(self, api):
        sku = unique("NONE")
        r = api.raw("GET", f"/products/{sku}")
        assert r.status_code == 404
        assert r.json()["error"]["code"] == "not_found"

    def test_list_is_sorted_by_price(self, api):
        tag = unique("sort")
        for price in (300, 100, 200):
            assert api.add_product(**product_payload(price=price, tags=[tag]))["price"] == price
        listing = api.call("GET", "/products", params={"tag": tag, "sort": "-price"})
        assert [p["price"] for p in listing["items"]] == [300, 200, 100]

    def test_list_contains_seed_products(self, api):
        listing = api.raw("GET", "/products", params={"tag": "seed"}).json()
        for product in listing.get("products", []):
            assert product["price"] > 0
            assert product["sku"] in {"MUG-1", "TEE-1", "LAMP-1"}

    def test_prices_are_positive(self, api):
        items = api.get_json("/products").get("items", [])
        assert all(item["price"] > 0 for item in items if item.get("currency"))

    @responses.activate
    def test_lamp_is_listed(self, auth):
        responses.get(f"{BASE_URL}/products/LAMP-1", json={"sku": "LAMP-1", "title": "Desk lamp", "price": 4900})
        r = requests.get(f"{BASE_URL}/products/LAMP-1", headers=auth, timeout=10)
        assert r.json()["title"] == "Desk lamp"
        assert r.json()["price"] == 4900

    def test_product_in_demo_shop(self, api):
        api.session.headers["X-Demo-Mode"] = "on"
        got = api.call("GET", "/products/DEMO-1")
        assert got["title"] == "Demo mug"
        assert got["price"] == 1250

    def test_first_page_is_quick(self, api):
        page = api.raw("GET", "/products", headers={"Cache-Control": "only-if-cached"})
        assert page.status_code == 200
        assert page.json()["items"][0]["sku"] == "MUG-1"
        assert page.json()["total"] == 1


class TestWriting:
    def test_create_returns_location(self, api):
        payload = product_payload(title="Kettle", price=3200)
        r = api.raw("POST", "/products", json=payload)
        assert r.status_code == 201
        assert r.headers["Location"] == f"/products/{payload['sku']}"
        assert r.json()["title"] == "Kettle"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"title": " "}, "title must not be empty"),
            ({"price": -1}, "price must be a whole number of cents"),
            ({"price": "12"}, "price must be a whole number of cents"),
            ({"sku": ""}, "sku must not be empty"),
        ],
        ids=["blank-title", "negative-price", "text-price", "no-sku"],
    )
    def test_invalid_products_are_refused(self, api, change, message):
        r = api.raw("POST", "/products", json=product_payload(**change))
        assert r.status_code == 422
        assert r.json()["error"]["message"] == message

    def test_deleted_product_is_gone(self, api, product):
        path = f"/products/{product['sku']}"
        removed = api.raw("DELETE", path)
        assert removed.status_code == 204
        assert removed.content == b""
        after = api.raw("GET", path)
        assert after.status_code == 404
        assert after.json()["error"]["code"] == "not_found"

    def test_publish_shows_on_page(self, api):
        page = CataloguePage(api).publish(**product_payload(title="Teapot"))
        assert page.titles() == ["Teapot"]

    def test_publish_reaches_shelf(self, api):
        payload = product_payload(title="Samovar")
        page = CataloguePage(api).publish(**payload)
        assert page.last.json()["sku"] == payload["sku"]
        assert page.on_shelf(payload["sku"])["title"] == "Samovar"

    def test_duplicate_sku_is_a_conflict(self, api, product):
        r = api.raw("POST", "/products", json=product_payload(sku=product["sku"]))
        assert r.status_code, "the shop answered"
        assert r.request.method == "POST"
        assert product["sku"] in r.request.body.decode()

    def test_delete_unknown_product(self, api):
        r = api.raw("DELETE", f"/products/{unique('GONE')}")
        assert r.status_code != 204

    def test_discontinued_product_leaves_catalogue(self, api):
        sku = unique("DISC")
        api.raw("DELETE", f"/products/{sku}")
        assert api.raw("GET", f"/products/{sku}").status_code != 200

    def test_price_totals_are_computed(self):
        from shopd.pricing import totals

        lines = [{"amount": 2500}, {"amount": 1000}]
        assert totals(lines, {"percent": 10}) == {"subtotal": 3500, "discount": 350, "shipping": 490, "total": 3640}

    def test_import_file_is_accepted(self, api):
        rows = (DATA / "import.csv").read_text().splitlines()
        header, *products = [row.split(",") for row in rows]
        assert header == ["sku", "title", "price"]
        assert all(int(price) > 0 for _, _, price in products)
