"""Addresses."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--turns", type=int, default=1)
    parser.addoption("--plain")
    parser.addoption("--secure")
    parser.addoption("--early")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(metafunc.config.getoption("--turns")))


@pytest.fixture(scope="session")
def plain(pytestconfig: pytest.Config) -> str:
    """http://host:port of the server."""
    return pytestconfig.getoption("--plain") or os.environ["PLAIN_URL"]
