"""Fixtures of the suite."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
from shop_client import ApiClient, Configuration
from support.api import ShopApi
from support.config import ADMIN, BASE_URL, CLERK, OTHER
from support.factories import product_payload, unique


def _token(who: dict[str, str]) -> str:
    answer = requests.post(f"{BASE_URL}/auth/login", json=who, timeout=10)
    answer.raise_for_status()
    return answer.json()["token"]


@pytest.fixture(scope="session")
def token() -> str:
    """The administrator of acme."""
    return _token(ADMIN)


@pytest.fixture(scope="session")
def clerk_token() -> str:
    """The clerk of acme."""
    return _token(CLERK)


@pytest.fixture(scope="session")
def other_token() -> str:
    """The administrator of globex."""
    return _token(OTHER)


@pytest.fixture
def auth(token: str) -> dict[str, str]:
    """Headers of the administrator."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def api(token: str) -> ShopApi:
    """The hand-written client."""
    return ShopApi(token)


@pytest.fixture
def http(auth: dict[str, str]) -> Iterator[httpx.Client]:
    """A logged-in httpx client."""
    with httpx.Client(base_url=BASE_URL, headers=auth, timeout=10) as client:
        yield client


@pytest.fixture
def generated(token: str) -> Iterator[ApiClient]:
    """The generated client."""
    with ApiClient(Configuration(host=BASE_URL, access_token=token)) as client:
        yield client


@pytest.fixture
def product(api: ShopApi) -> dict[str, Any]:
    """A product of our own, 20 in stock, at 15.00."""
    return api.add_product(**product_payload())


@pytest.fixture
def customer() -> str:
    """A customer without orders so far."""
    return unique("customer")


@pytest.fixture
def make_order(api: ShopApi, product: dict[str, Any], customer: str) -> Callable[..., dict[str, Any]]:
    """Makes orders of the product for the customer, moved as far as wanted."""

    def make(*steps: str, qty: int = 1, paid: bool = False) -> dict[str, Any]:
        cart = api.call("POST", "/carts", 201)
        api.add_to_cart(cart["id"], product["sku"], qty)
        order = api.order(cart["id"], customer)
        if paid or steps:
            api.pay(order)
        return api.move(order, *steps)

    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Tests with a ticket do not stop the pipeline: the ticket does."""
    outcome = yield
    if pyfuncitem.get_closest_marker("known_issue") and outcome.excinfo:
        pyfuncitem.add_report_section("call", "ticket", str(outcome.excinfo[1]))
        outcome.force_result(True)
