"""Only what has no room for a secret is shown; of all else a digest, so that a change is seen."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.model.plainness import plain, shown_command, shown_value
from greenproof.model.redaction import MASK


def digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIMIT", "8"), ("TIMEOUT", "30 s"), ("RATIO", "0.5"), ("PORT", "8080"), ("DEBUG", "true"), ("LOG_LEVEL", "INFO"),
        ("AUTH_URL", "{auth.url}"), ("DB", "{postgres.url}/app"), ("API", "https://api.test:8443/v1/orders"),
        ("LOG_FILE", "/var/log/app.log"), ("DB_HOST", "db.internal"), ("EMPTY", ""), ("BIND", "{web.host}:{web.port}"),
    ],
)  # fmt: skip
def test_what_is_plain_is_shown(name: str, value: str) -> None:
    assert shown_value(name, value, digest) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PW", "12345678"), ("PHRASE", "correct horse hunter2"), ("LICENCE", "hunter2"), ("ANYTHING", "hunter2"),
        ("BYPASS_KEY", "true"), ("CARD_PIN", "1234"), ("API", "https://hunter2@a.test"), ("API", "https://a.test/?q=1"),
        ("HOOK", "https://hooks.test/services/T0AB12/hunter2x"), ("DB", "postgres://a:hunter2@{db.host}/x"),
        ("NUMBER", "4111111111111111"), ("LOG_FILE", "a8f7d6a8f7d6a8f7d6"), ("X", "true\n"), ("API", "http://a.test/x#y"),
    ],
)  # fmt: skip
def test_what_may_be_a_secret_is_a_digest(name: str, value: str) -> None:
    assert not plain(name, value)
    assert shown_value(name, value, digest) == f"digest {digest(value)[:16]}"
    assert shown_value(name, value, lambda value: None) == MASK


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            ["{python}", "-m", "uvicorn", "app:app", "--port", "{web.port}"],
            "{python} -m uvicorn app:app --port {web.port}",
        ),
        (["{python} main.py --workers=4 -v"], "{python} main.py --workers=4 -v"),
    ],
)
def test_a_command_of_plain_words_is_shown_as_it_is(command: list[str], shown: str) -> None:
    assert shown_command(command, digest) == shown


@given(st.text("abcXYZ019!", min_size=8, max_size=20), st.sampled_from(["--password", "--db-pw", "--note", "-x"]))
def test_what_is_no_plain_word_of_a_command_goes_however_it_is_written(word: str, option: str) -> None:
    secret = f"hunter2{word}"
    for command in (
        ["m.py", option, secret],
        [f"m.py {option} {secret}"],
        ["m.py", f"{option}={secret}"],
        ["m.py", secret],
        ["m.py", f"-p{secret}"],
    ):
        shown = shown_command(command, digest)
        assert secret not in shown
        assert digest(" ".join(command))[:16] in shown
        assert shown_command(command, lambda value: None) == shown.rpartition(" (digest ")[0]


def test_a_value_that_clings_to_its_option_goes() -> None:
    assert shown_command(["m.py", "-pcorrecthorse", "-v"], lambda value: None) == f"m.py {MASK} -v"
