"""Nothing that looks like a secret, and no known secret in any usual form, gets through."""

import base64
import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greenproof.model.redaction import DEEPEST, MASK, Redactor, redact, redact_arguments, redact_text, sensitive

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2\n-----END RSA PRIVATE KEY-----"
KEYS = st.sampled_from(["token", "a", "Password", "x", "headers", "apiKey", "name", "value", "é"])

LEAKS = [
    "Authorization: Bearer hunter2hunter2",
    "authorization: hunter2",
    "GET / HTTP/1.1\r\nCookie: a=hunter2; b=hunter2\r\nHost: x",
    'Set-Cookie: sid="hunter2"; Path=/',
    "X-Api-Key: hunter2",
    "x-auth-token=hunter2",
    "{'Proxy-Authorization': 'Basic hunter2'}",
    "[(b'authorization', b'Bearer hunter2'), (b'cookie', b'a=hunter2')]",
    "curl -H 'Authorization: Bearer hunter2' -H \"Cookie: a=hunter2\" x",
    "bearer hunter2hunter2",
    f"got {base64.b64encode(b'x').decode()} Basic {base64.b64encode(b'me:hunter2').decode()}",
    "postgres://app:hunter2@db:5432/apex",
    "postgres://app:hunter2@hunter2@db/apex",
    "postgres://app:hun/hunter2@db/apex",
    "redis://:hunter2@cache:6379/0",
    "http://x/cb?code=1&access_token=hunter2&state=2",
    "user=a&password=hunter2&x=1",
    "grant_type=password&client_secret=hunter2",
    '{"user": "a", "password": "hunter2"}',
    '{"password": "pre\\"hunter2", "x": 1}',
    r"{\"password\": \"pre\\\"hunter2\", \"x\": 1}",
    '{"refresh_token":"hunter2"}',
    "password = 'hunter2",
    "JWT_SECRET_KEY=hunter2",
    "PGPASSWORD=hunter2 psql",
    "--api-key=hunter2",
    "clientSecret: hunter2",
    "assert token == 'hunter2'",
    "headers['token'] = \"hunter2\"",
    "password%3Dhunter2",
    "main.py --password hunter2 --port 8",
    "main.py --db-pw 'pre hunter2' x",
    'sh -c "main.py -password hunter2"',
    r"{\"command\": \"main.py --api-token \\\"pre hunter2\\\" x\"}",
    '["main.py", "--db-pw", "hunter2"]',
    "DB_PW=hunter2",
    "DB_PWD=hunter2",
    "DB_PASS: hunter2",
    "KEY_PASSPHRASE=hunter2",
    "RECOVERY_PHRASE='correct horse hunter2'",
    "PHRASE=hunter2",
    "LICENCE=hunter2",
    "license_key=hunter2",
    "GCP_CREDENTIAL=hunter2",
    "HASH_SALT=hunter2",
    "CARD_PIN=hunter2",
    "DB_DSN=postgres://app:hunter2@db/x",
    "NPM_AUTH=hunter2",
    "SESSION=hunter2",
    "SESSION_COOKIE=hunter2",
    PEM,
    "log: -----BEGIN OPENSSH PRIVATE KEY-----\\nhunter2 was cut off",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_secret_gets_through(text):
    shown = redact_text(text)
    assert "hunter2" not in shown
    assert MASK in shown
    assert redact_text(shown) == shown


@pytest.mark.parametrize(
    "key",
    [
        JWT,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "AIza" + "SyA-1234567890abcdefghijklmnopqrstu",
        "ghp_" + "a1" * 18,
        "github_pat_" + "11ABCDEFG0abcdefghijkl",
        "glpat-" + "abcdefghij0123456789",
        "xoxb-" + "1234567890-abcdef",
        "sk_live_" + "a1b2c3d4e5f6g7h8",
        "ya29." + "a0AfH6SMBabcdefghijkl",
    ],
)
def test_keys_of_vendors_go(key):
    assert redact_text(f"see {key} there") == f"see {MASK} there"


@pytest.mark.parametrize(
    "text",
    [
        "used 1500 tokens: fine",
        "basic authentication is off",
        "the bearer token expired",
        "http://localhost:8080/@scope/pkg",
        "auth-3f2a9c41d0b7 served GET /auth/login",
        "e2e/test_auth.py::test_login[a-b] passed",
        "api-auth: listening",
        "a well-known access-token expired --verbose --port 8 -x pass: 3",
        "spin=3 the pin: 4 compass=n",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
)
def test_plain_text_stays(text):
    assert redact_text(text) == text


def test_what_stands_around_a_secret_stays():
    assert redact_text("a=1&password=x&b=2") == f"a=1&password={MASK}&b=2"
    assert json.loads(redact_text('{"token": "x\\"y", "b": 2}')) == {"token": MASK, "b": 2}
    assert redact_text("postgres://u:p@h/d?m=a@b") == f"postgres://u:{MASK}@h/d?m=a@b"
    assert redact_text("Cookie: a=1\nHost: x") == f"Cookie: {MASK}\nHost: x"


@pytest.mark.parametrize(
    "key",
    [
        "password", "DB_PASSWORD", "apiKey", "X-Api-Key", "set-cookie", "id_token", "client_secret", "jwt", "DB_PW",
        "dbPw", "PGPWD", "DB_PASS", "SSH_PASSPHRASE", "PHRASE", "seedPhrase", "LICENCE", "LICENSE", "LICENSE_KEY",
        "CREDENTIALS", "SALT", "hashSalt", "PIN", "NPM_AUTH", "COOKIE", "SESSION", "userSession",
    ],
)  # fmt: skip
def test_keys_that_name_secrets(key):
    assert sensitive(key)
    assert redact({key: "x"}) == {key: MASK}


@pytest.mark.parametrize(
    "key",
    [
        "auth",
        "tokens",
        "author",
        "route",
        "evidence",
        "cookie_count",
        "pass",
        "spin",
        "sessions",
        "paraphrase",
        "basalt",
    ],
)
def test_keys_that_do_not(key):
    assert not sensitive(key)


def test_everything_below_a_secret_key_goes_but_its_shape():
    assert redact({"secrets": {"a": ["x", 1, None, True, ""], "b": {}}}) == {
        "secrets": {"a": [MASK, MASK, None, True, ""], "b": {}}
    }


def test_headers_written_as_pairs_or_as_named_values():
    assert redact([["Authorization", "x"], ["Host", "h"]]) == [["Authorization", MASK], ["Host", "h"]]
    assert redact({"name": "Cookie", "value": "x"}) == {"name": "Cookie", "value": MASK}


def test_a_command_in_a_tree_has_no_values_of_secret_options():
    command = ["main.py", "--password", "hunter2", "--port", "80", "--db-pw", "-v", "--token"]
    shown = ["main.py", "--password", MASK, "--port", "80", "--db-pw", "-v", "--token"]
    assert redact({"command": command}) == {"command": shown}
    assert redact(["--password", "hunter2"]) == ["--password", MASK]


def test_two_cases_are_not_a_header():
    cases = ["e2e/test_a.py::test_refresh_token", "e2e/test_b.py::test_x"]
    assert redact({"cases": cases}) == {"cases": cases}


def test_keys_that_become_equal_are_kept_apart():
    shown = redact({"?token=a": 1, "?token=b": 2})
    assert list(shown.values()) == [1, 2]
    assert redact(shown) == shown


def test_a_tree_too_deep_is_masked_and_not_followed():
    tree: object = "password=x"
    for _ in range(5000):
        tree = [tree]
    assert "x" not in str(redact(tree)).replace(MASK, "")
    assert str(redact(tree)).count("[") <= DEEPEST + 2


secrets = st.text(min_size=6, max_size=24).filter(lambda text: text not in MASK and MASK not in text)


@settings(max_examples=150, deadline=None)
@given(secrets.filter(lambda s: s.isprintable()), st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_goes_in_every_form(secret, before, after):
    raw = secret.encode()
    redactor = Redactor([secret])
    for form in (
        secret,
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        raw.hex().upper(),
        quote(secret, safe=""),
        quote_plus(secret),
        re.sub("%..", lambda escape: escape[0].lower(), quote(secret, safe="")),
        json.dumps(secret)[1:-1],
    ):
        assert form not in redactor.text(f"{before}\n{form}\n{after}")


@settings(max_examples=100, deadline=None)
@given(st.text("abcdefghijklmnop0123456789", min_size=8, max_size=24), st.binary(max_size=7))
def test_a_known_secret_inside_something_encoded_goes(secret, before):
    encoded = base64.b64encode(before + secret.encode() + b"|tail").decode()
    assert MASK in Redactor([secret]).text(encoded)


FRAGMENTS = st.sampled_from(
    [
        "password", "token", "secret", "Authorization", "cookie", "=", ": ", '"', "'", "\\", '\\"', "://", "@", "a", "b1",
        " ", "\n", "&", ",", ";", "%3D", "Bearer ", "Basic ", "eyJhbGciOiJI", ".", JWT, MASK, "(", ")", "redacted",
        "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "ghp_" + "a" * 36, "known-value", "b'", "[", "]", ":",
        "/", "?", "user:pw", "é", "\0", "-", "_", "--", "PIN", "_pw", "-- token ",
    ]
)  # fmt: skip
HOSTILE = st.lists(FRAGMENTS, max_size=25).map("".join)


@settings(max_examples=600, deadline=None)
@given(HOSTILE)
@example("password=" + MASK + "tail")
@example("://://@@")
@example("Basic eyJhbGciOiJIpassword=password")
@example("://:" + "password" * 8 + JWT + "/@")
def test_redacting_twice_is_redacting_once(text):
    redactor = Redactor(["known-value"])
    once = redactor.text(text)
    assert redactor.text(once) == once
    assert "known-value" not in once


def shape(value: object) -> object:
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value) if value is None or isinstance(value, bool) else "leaf"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | HOSTILE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | HOSTILE, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_a_tree_keeps_its_shape(tree):
    redactor = Redactor(["known-value"])
    once = redactor.tree(tree)
    assert shape(once) == shape(tree)
    assert redactor.tree(once) == once
    assert "known-value" not in json.dumps(once)


@pytest.mark.parametrize(
    "fragment",
    [
        'password="', "password='\\", "cookie: '", '"cookie: ', "://a:", "://:", "eyJ", "eyJa.", "secret-",
        "-----BEGIN PRIVATE KEY", "bearer ", "basic aaaa", "token',", 'authorization"', "\\", "a",
        "--password ", "-a", "--a ", "-p '", "_PW ",
    ],
)  # fmt: skip
def test_a_hostile_megabyte_takes_linear_time(fragment):
    def seconds(size: int) -> float:
        text = (fragment * (size // len(fragment) + 1))[:size]
        start = time.process_time()
        redact_text(text)
        return time.process_time() - start

    # A quadratic pass over a megabyte takes minutes; the bound leaves room for a slow machine.
    assert seconds(1_000_000) < 8


def test_what_follows_an_option_that_names_a_secret_goes():
    command = ("pytest", "-k", "token", "--api-key", "abc", "--password=abc", "--token", "-q", "-p", "no:x", "--token")
    assert redact_arguments(command) == (
        "pytest",
        "-k",
        "token",
        "--api-key",
        MASK,
        f"--password={MASK}",
        "--token",
        "-q",
        "-p",
        "no:x",
        "--token",
    )
    assert redact_arguments(redact_arguments(command)) == redact_arguments(command)
