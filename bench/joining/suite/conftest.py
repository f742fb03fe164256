"""Addresses, and clients that all tests share."""

import os
import ssl
import urllib.request
from collections.abc import Iterator

import httpx2
import pytest
import requests
from sending import outside

_TIMEOUT = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--turns", type=int, default=1)
    parser.addoption("--plain")
    parser.addoption("--secure")
    parser.addoption("--early")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    turns = metafunc.config.getoption("--turns")
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(turns))
    if "long_turn" in metafunc.fixturenames:
        metafunc.parametrize("long_turn", range(turns + 3))


def pytest_collection_finish(session: pytest.Session) -> None:
    """No case runs yet; xdist's controller collects nothing."""
    if session.items:
        urllib.request.urlopen(_plain(session.config) + outside("outside-collection"), timeout=_TIMEOUT).close()


def _plain(config: pytest.Config) -> str:
    return config.getoption("--plain") or os.environ["PLAIN_URL"]


@pytest.fixture(scope="session")
def plain(pytestconfig: pytest.Config) -> str:
    """http://host:port of the server."""
    return _plain(pytestconfig)


@pytest.fixture(scope="session")
def socket_url(plain: str) -> str:
    return plain.replace("http", "ws", 1)


@pytest.fixture(scope="session")
def secure(pytestconfig: pytest.Config) -> str:
    """https://host:port of the server."""
    return pytestconfig.getoption("--secure") or os.environ["SECURE_URL"]


@pytest.fixture(scope="session")
def early(pytestconfig: pytest.Config) -> str:
    """http://host:port of the server that answers before it has read an upload."""
    return pytestconfig.getoption("--early") or os.environ["EARLY_URL"]


@pytest.fixture(scope="session")
def trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])


@pytest.fixture(scope="session")
def session() -> Iterator[requests.Session]:
    with requests.Session() as held:
        held.trust_env = False
        yield held


@pytest.fixture(scope="session")
def client(plain: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=plain, timeout=_TIMEOUT, trust_env=False) as held:
        yield held
