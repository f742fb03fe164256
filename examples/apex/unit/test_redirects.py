"""Where a browser may be sent: letter by letter, save for the port on loopback."""

import pytest
from apex.shared.redirects import registered

ALLOWED = ("https://apex.example/signed-in", "http://127.0.0.1/signed-in", "http://[::1]:7/back")


@pytest.mark.parametrize(
    "address",
    [
        "https://apex.example/signed-in",
        "http://127.0.0.1/signed-in",
        "http://127.0.0.1:8803/signed-in",
        "http://[::1]:9/back",
    ],
)
def test_what_is_registered_is_taken(address: str) -> None:
    assert registered(address, ALLOWED)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://apex.example:444/signed-in",
        "https://apex.example/signed-in?next=x",
        "https://apex.example.evil.example/signed-in",
        "http://127.0.0.1:8803/signed-in/more",
        "http://127.0.0.1:8803/signed-in#part",
        "http://127.0.0.1@evil.example/signed-in",
        "http://me@127.0.0.1/signed-in",
        "https://127.0.0.1/signed-in",
        "http://localhost/signed-in",
        "http://127.0.0.1:port/signed-in",
        "http://127.0.0.1:99999/signed-in",
        "http://[/signed-in",
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not registered(address, ALLOWED)
