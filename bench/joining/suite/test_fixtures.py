"""Fixtures that outlive a test, and fixtures that are built in the middle of one."""

from collections.abc import Iterator

import pytest
import requests
from sending import path


@pytest.fixture(scope="module")
def module_data(session: requests.Session, plain: str) -> Iterator[int]:
    yield session.get(plain + path("fixture-module"), timeout=20).status_code
    assert session.get(plain + path("fixture-module"), timeout=20).ok


@pytest.fixture(scope="class", params=["first", "second"])
def class_data(request: pytest.FixtureRequest, session: requests.Session, plain: str) -> Iterator[int]:
    yield session.get(plain + path("fixture-class"), timeout=20).status_code
    assert session.get(plain + path("fixture-class"), timeout=20).ok


@pytest.fixture
def late(session: requests.Session, plain: str) -> Iterator[int]:
    # pytest says "call", but what a fixture does is set-up.
    yield session.get(plain + path("fixture-in-call", phase="setup"), timeout=20).status_code
    assert session.get(plain + path("fixture-in-call"), timeout=20).ok


def test_of_a_module(turn: int, module_data: int, session: requests.Session, plain: str) -> None:
    assert module_data == 200
    assert session.get(plain + path("fixture-module-user"), timeout=20).ok


class TestOfAClass:
    def test_it(self, turn: int, class_data: int) -> None:
        assert class_data == 200


def test_in_the_call(turn: int, request: pytest.FixtureRequest, session: requests.Session, plain: str) -> None:
    assert session.get(plain + path("fixture-in-call"), timeout=20).ok
    assert request.getfixturevalue("late") == 200
    assert session.get(plain + path("fixture-in-call"), timeout=20).ok
