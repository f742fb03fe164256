"""Scheme and path are those of the variable's present value, else of the target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.adapters.runners.addresses import check_url, own_variable, variable_templates
from greenproof.model.errors import UsageError


def test_scheme_and_path_come_from_the_present_value() -> None:
    present = {"WS": "wss://old.example/ws/v1", "HOST": "old.example:80", "EMPTY": ""}
    assert variable_templates("api-1", "https://staging.example/base", ("WS", "HOST", "EMPTY", "NEW"), present) == {
        "GREENPROOF_API_1_URL": "https://{hostport}/base",
        "WS": "wss://{hostport}/ws/v1",
        "HOST": "{hostport}",
        "EMPTY": "https://{hostport}/base",
        "NEW": "https://{hostport}/base",
    }


def test_own_variable() -> None:
    assert own_variable("auth") == "GREENPROOF_AUTH_URL"


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://x", "http://", "http://h:0", "http://h:99999", "http://[::1"]
)
def test_a_bad_url_is_one_clear_error(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_url("api", url)
    assert caught.value.code == "target-url"
    assert caught.value.expected


@given(st.text())
def test_any_text_is_a_url_or_a_usage_error(text: str) -> None:
    try:
        url = check_url("api", text)
    except UsageError:
        return
    assert url.startswith(("http://", "https://"))


def test_a_variable_that_holds_no_address_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        variable_templates("api", "http://x:1", ["API_URL"], {"API_URL": "http://[half"})
    assert caught.value.code == "variable-url"
